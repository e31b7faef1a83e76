"""What of a tree has to go, where another is there already: by size and time, and by hash where these can't tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from glows_nb.formatting import visible
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import FILE, FOLDER, LINK, Entry, is_same_time


@dataclass
class Difference:
    """What has to be done so that what is wanted is there.

    Attributes:
        new: files and links that have to go.
        folders: folders to make, or with another mode than theirs.
        modes: files that are right but for their mode or time.
        same: paths of files and links that are as they should be.
        unsure: files of the same size whose time is another, or is not told finely enough: their hashes tell.
        extra: paths that are only there.
        in_the_way: folders where something else is wanted, and what is there where a folder is.
    """

    new: dict[str, Entry] = field(default_factory=dict)
    folders: dict[str, Entry] = field(default_factory=dict)
    modes: dict[str, Entry] = field(default_factory=dict)
    same: list[str] = field(default_factory=list)
    unsure: dict[str, Entry] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    in_the_way: list[str] = field(default_factory=list)


def compare(wanted: Mapping[str, Entry], there: Mapping[str, Entry]) -> Difference:
    """What is wanted, with what is there."""
    found = Difference(extra=[path for path in there if path not in wanted])
    for path, entry in wanted.items():
        other = there.get(path)
        if other is not None and (other.kind == FOLDER) != (entry.kind == FOLDER):
            found.in_the_way.append(path)
        if entry.kind == FOLDER:
            if other is None or other.kind != FOLDER or _mode(other) != _mode(entry):
                found.folders[path] = entry
        elif other is None or other.kind != entry.kind or (entry.kind == FILE and other.size != entry.size):
            found.new[path] = entry
        elif entry.kind == LINK:
            (found.same.append(path) if other.target == entry.target else found.new.update({path: entry}))
        elif is_same_time(entry, other):
            found.same.append(path)
            if _mode(other) != _mode(entry):
                found.modes[path] = entry
        else:
            found.unsure[path] = entry
    return found


def settle(found: Difference, ours: Mapping[str, str], theirs: Mapping[str, str], there: Mapping[str, Entry]) -> None:
    """Decide what size and time could not, by the hashes of both sides.

    Where one side has none, another second means that it has to go, and the same second that it need not.
    """
    for path, entry in found.unsure.items():
        hashes = ours.get(path), theirs.get(path)
        knows = None not in hashes
        if knows and hashes[0] == hashes[1]:
            found.same.append(path)
            if is_same_time(entry, there[path]) is False or _mode(entry) != _mode(there[path]):
                found.modes[path] = entry
        elif not knows and is_same_time(entry, there[path]) is None:
            found.same.append(path)
            if _mode(entry) != _mode(there[path]):
                found.modes[path] = entry
        else:
            found.new[path] = entry
    found.unsure.clear()


def refuse_kept(found: Difference, extra: Sequence[str], there: Mapping[str, Entry], where: str) -> None:
    """What is in the way goes as a whole, or nothing is begun.

    Args:
        found: what has to be done.
        extra: all that is to be deleted, what is in the way with it.
        there: what there is on that side.
        where: which side that is, such as "here".

    Raises:
        TransferError: something that is ignored is in the way, or lies in a folder that is.
    """
    deleted = set(extra)
    for path in found.in_the_way:
        kept = [each for each in there if (each == path or each.startswith(f"{path}/")) and each not in deleted]
        if kept:
            kind = "folder" if there[path].kind == FOLDER else "file"
            raise TransferError(
                f"{visible(path)} is a {kind} {where} and not on the other side, and what is ignored is not deleted: "
                f"{visible(kept[0])}. Move it away, then the same call goes on; nothing was done."
            )


def _mode(entry: Entry) -> int:
    return entry.mode & 0o777
