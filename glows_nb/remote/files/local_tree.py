"""Files on this computer: what there is to send."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glows_nb.api.errors import InvalidRequest
from glows_nb.formatting import visible
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import FILE, FOLDER, LINK, PART_PREFIX, Entry, Kind, Tree, stays_inside
from glows_nb.remote.files.ignoring import IGNORE_FILES, Ignored


@dataclass(frozen=True)
class Source:
    """What is sent: a folder's contents, or one file under the name that it gets.

    Attributes:
        root: the folder, or the file.
        tree: the entries.
        ignored: paths that stay here.
        is_folder: is it a folder?
    """

    root: Path
    tree: Tree
    ignored: list[str]
    is_folder: bool

    def locate(self, path: str) -> Path:
        """Where an entry is."""
        return self.root / path if self.is_folder else self.root


def source_of(local: str | os.PathLike[str], name: str = "", *, include_ignored: bool = False) -> Source:
    """Look at what there is to send.

    Args:
        local: a file or a folder.
        name: what a single file is called there; its own name without it.
        include_ignored: send too what files of rules leave out, and `.git`.

    Raises:
        InvalidRequest: there is no such file, or it is neither file nor folder.
    """
    if not os.fspath(local):
        raise InvalidRequest("local", "is empty; . is the folder that you are in.")
    root = Path(local).expanduser()
    try:
        found = root.stat()
    except (OSError, ValueError) as error:
        raise InvalidRequest("local", f"{str(local)!r} can't be sent: {getattr(error, 'strerror', error)}.") from None
    if stat.S_ISDIR(found.st_mode):
        tree, ignored = scan(root, include_ignored=include_ignored)
        return Source(root, tree, ignored, True)
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequest("local", f"{str(local)!r} is neither a file nor a folder.")
    return Source(root, Tree({name or root.name: entry_of(found)}), [], False)


def scan(root: Path, *, include_ignored: bool) -> tuple[Tree, list[str]]:
    """The tree below a folder, and the paths in it that are ignored.

    Links are entries of their own, never followed; one that leads out of the folder is left out, with a note.

    Raises:
        TransferError: a file of rules can't be read; what it would have kept here must not go.
    """
    tree, left = Tree(), []
    texts: dict[str, str] = {}
    ignored = Ignored(texts)
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as scanned:
                items = sorted(scanned, key=lambda item: item.name)
        except OSError as error:
            tree.notes.append(f"{visible(folder or '.')} can't be looked into: {error.strerror}")
            tree.is_partial = True
            continue
        if not include_ignored and (rules := _rules(items, folder)):
            texts |= rules
            ignored = Ignored(texts)
        for item in items:
            path = f"{folder}/{item.name}" if folder else item.name
            if item.name.startswith(PART_PREFIX):
                continue
            try:
                entry = entry_of(item.stat(follow_symlinks=False))
                target = _target(item.path) if entry.kind == LINK else ""
            except FileNotFoundError:
                continue  # it has gone meanwhile
            except OSError as error:
                tree.notes.append(f"{visible(path)} can't be looked at: {error.strerror}")
                tree.is_partial = True
                continue
            if not include_ignored and ignored.covers(path, is_folder=entry.kind == FOLDER):
                left.append(path)
                continue
            entry = entry._replace(target=target)
            why = _why_left(path, entry)
            if why:
                tree.notes.append(f"{visible(path)} is left out: {why}")
                tree.left_out.add(path)
                continue
            tree.entries[path] = entry
            if entry.kind == FOLDER:
                waiting.append(path)
    return tree, left


def entry_of(found: os.stat_result) -> Entry:
    """An entry for what `stat` tells."""
    kind: Kind = "?"
    for is_kind, sign in ((stat.S_ISREG, FILE), (stat.S_ISDIR, FOLDER), (stat.S_ISLNK, LINK)):
        if is_kind(found.st_mode):
            kind = sign  # type: ignore[assignment]  # one of the three
    return Entry(kind, found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode))


def changed_meanwhile(path: Path, entry: Entry) -> bool:
    """Is a file another than when it was looked at?

    Raises:
        TransferError: it can't be looked at any more.
    """
    try:
        now = entry_of(path.stat())
    except OSError as error:
        raise TransferError(f"{path} can't be read: {error.strerror}.") from error
    return (now.size, now.mtime_ns) != (entry.size, entry.mtime_ns)


def _rules(items: list[os.DirEntry[str]], folder: str) -> Mapping[str, str]:
    found = {}
    for item in items:
        if item.name in IGNORE_FILES and item.is_file(follow_symlinks=False):
            found[f"{folder}/{item.name}" if folder else item.name] = text_of(Path(item.path))
    return found


def text_of(rules: Path) -> str:
    """The text of a file that says what is ignored.

    Raises:
        TransferError: it can't be read.
    """
    try:
        return rules.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise TransferError(f"{rules}, which says what is ignored, can't be read: {error.strerror}.") from error


def _target(path: str) -> str:
    target = str(Path(path).readlink())
    return target.replace("\\", "/") if os.name == "nt" else target


def _why_left(path: str, entry: Entry) -> str:
    if entry.kind == "?":
        return "it is neither a file nor a folder nor a link"
    if entry.kind == LINK and not stays_inside(path, entry.target):
        return "it is a link that leads out of the folder"
    return ""
