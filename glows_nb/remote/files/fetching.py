"""Fetch files and folders from a machine: what it says is looked at, and nothing outside the target is ever written."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glows_nb.api.errors import InvalidRequest
from glows_nb.formatting import visible
from glows_nb.remote.asking import Ask, agreed
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.comparing import Difference, compare, refuse_kept, settle
from glows_nb.remote.files.entries import FILE, FOLDER, LINK, Entry, Tree, below, version_name, why_refused
from glows_nb.remote.files.file_ways import files_of
from glows_nb.remote.files.ignoring import IGNORE_FILES, Ignored, above, are_too_hard, without_ignored
from glows_nb.remote.files.local_target import Target, hash_of
from glows_nb.remote.files.local_tree import scan, text_of
from glows_nb.remote.files.machine_files import MachineFiles, about
from glows_nb.remote.files.resuming import Gone, alone, part_name, resumed, some
from glows_nb.remote.files.sending import checked_remote, hashes_here, plain_path
from glows_nb.remote.files.shell_files import BLOCK, LARGE
from glows_nb.remote.files.telling import told
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.progress import size

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

ASKS_ABOVE_BYTES: Final = 10_000_000_000
ASKS_ABOVE_FILES: Final = 100_000
REMOVED_AT_ONCE: Final = 200
LONGEST_RULES: Final = 1 << 20


async def fetch(
    line: Line,
    caller: Caller,
    remote: str,
    local: str | os.PathLike[str],
    *,
    delete: bool,
    dry_run: bool,
    include_ignored: bool,
    ask: Ask | None,
) -> Transfer:
    """Fetch a file or a folder; see `Machine.fetch`.

    Raises:
        InvalidRequest: the path can't be one.
        TransferError: there is no such file, it can't be written here, or the machine can't be believed.
        LineLost: the line broke, and could not be made again.
    """
    remote = checked_remote(remote)
    name = remote.rstrip("/").rpartition("/")[2]
    text = os.fspath(local)
    if "\0" in text:
        raise InvalidRequest("local", f"{visible(text)!r} is no path.")
    into = text in ("", ".", "..", "~") or text.endswith(("/", os.sep))
    if into and name in ("", ".", ".."):
        raise InvalidRequest("local", "give the folder here that this is fetched into, since it has no name there.")
    place = Path(text).expanduser()
    place = place / name if into else place
    gone = Gone(caller, f"{line.short_name}:{remote or '~'} → {place}")
    part = part_name(line.name, remote, str(place.absolute()))
    with alone(part):
        try:
            fetching = _Fetching(
                line, caller, plain_path(remote or "."), place, part, gone, delete, dry_run, include_ignored, ask
            )
            return await resumed(line, gone, fetching.attempt)
        except asyncio.CancelledError as stop:
            stop.add_note(f"{gone.words} The same call goes on from there.")
            raise
        finally:
            await gone.end()


async def wanted_of(
    files: MachineFiles, root: str, told: Tree, *, include_ignored: bool
) -> tuple[dict[str, Entry], list[str], dict[str, str], dict[str, str]]:
    """What is to come of what a machine tells, what is ignored, what is refused and why, and the rules for ignoring.

    Raises:
        TransferError: the rules are such that it would take for ever to read them.
    """
    entries, ignored, texts = told.entries, list[str](), dict[str, str]()
    if not include_ignored:
        rules = [
            path
            for path, entry in entries.items()
            if path.rpartition("/")[2] in IGNORE_FILES and entry.kind == FILE and entry.size <= LONGEST_RULES
        ]
        texts = await files.read_small(root, rules) if rules else {}
        if are_too_hard(texts):
            raise TransferError(
                "The machine's rules for what is ignored are too many, or have too many stars; include_ignored=True "
                "goes on without them."
            )
        entries, ignored = without_ignored(entries, Ignored(texts))
    wanted: dict[str, Entry] = {}
    refused: dict[str, str] = {}
    for path in sorted(entries):
        folder = path.rpartition("/")[0]
        is_kept = not folder or (folder in wanted and wanted[folder].kind == FOLDER)
        why = why_refused(path, entries[path]) if is_kept else "its folder is left out"
        if why:
            refused[path] = why
        else:
            wanted[path] = entries[path]
    return wanted, ignored, refused, texts


class _Fetching:
    """One transfer, tried as often as lines break."""

    def __init__(
        self,
        line: Line,
        caller: Caller,
        remote: str,
        place: Path,
        part: str,
        gone: Gone,
        delete: bool,
        dry_run: bool,
        include_ignored: bool,
        ask: Ask | None,
    ) -> None:
        self._include_ignored = include_ignored
        self._line, self._caller, self._remote, self._place, self._part = line, caller, remote, place, part
        self._gone, self._delete, self._dry_run, self._ask = gone, delete, dry_run, ask
        self._has_asked = False
        self._agreed: set[str] = set()
        self._is_in_folder = False

    async def attempt(self) -> Transfer:
        """Do all that is left to do."""
        files = await files_of(self._line, self._caller)
        root, only, target = await self._source(files)
        # Of what transfers that are not over left there nothing is taken.
        listed = await files.tree(root, only, "" if only else self._part)
        wanted, ignored, refused, rules = await wanted_of(files, root, listed, include_ignored=self._include_ignored)
        here, _ = await asyncio.to_thread(scan, target.root, include_ignored=True) if not only else (Tree(), [])
        if only:
            wanted = dict(zip([self._place.name], wanted.values(), strict=False))
            here.entries = _one_here(target.root / self._place.name)
        elif not target.root.exists():
            here = Tree()
        found = await self._difference(files, root, only, wanted, here, target)
        extra = self._extra(found, here, listed, {*ignored, *refused}, rules) if self._delete and not only else []
        transfer = told(
            Transfer(self._gone.what, is_dry_run=self._dry_run, verb="fetched", notes=[*about(files), *listed.notes]),
            found,
            wanted,
            ignored,
            refused=refused,
            extra=[(path, here.entries[path]) for path in extra],
            why_extra="only here",
        )
        if self._dry_run:
            return transfer
        await self._refuse_or_ask(found, target, extra)
        self._gone.begin(transfer.sent_bytes, len(found.new))
        for place in found.in_the_way if extra else ():
            target.replacing[place] = [path for path in extra if place in (path, *above(path))]
        replaced = {path for paths in target.replacing.values() for path in paths}
        await self._carry(files, root, only, wanted, found, target, transfer)
        await self._remove(target, [path for path in extra if path not in replaced])
        if target.parts.exists():
            target.finish()
        transfer.resumed_bytes, transfer.seconds = self._gone.was_there, self._gone.seconds
        return transfer

    async def _source(self, files: MachineFiles) -> tuple[str, str, Target]:
        """The folder there, the one name in it where a file is asked for, and the folder here."""
        remote = self._remote.rstrip("/") or "/"
        kind = await files.kind(remote)
        if kind == "none":
            raise TransferError(
                f"{self._line.name} has no {visible(remote.removeprefix('./'))}; a path that is not absolute is below "
                "the home there."
            )
        if kind == "other":
            raise TransferError(f"{visible(remote)} on {self._line.name} is neither a file nor a folder.")
        if kind == "folder":
            if self._place.exists() and not self._place.is_dir():
                raise TransferError(f"{self._place} is a file here, so no folder goes there.")
            return remote, "", Target(self._place, self._part)
        folder, _, name = remote.rpartition("/")
        if self._place.is_dir() and not self._is_in_folder:
            self._place /= name
            self._is_in_folder = True
            self._gone.what = f"{self._line.short_name}:{remote.removeprefix('./')} → {self._place}"
        return folder or "/", name, Target(self._place.parent, self._part)

    async def _difference(
        self,
        files: MachineFiles,
        root: str,
        only: str,
        wanted: Mapping[str, Entry],
        here: Tree,
        target: Target,
    ) -> Difference:
        found = compare(wanted, here.entries)
        if found.unsure:
            unsure = list(found.unsure)
            theirs = await files.hashes(root, [only] if only else unsure)
            if only and theirs:
                theirs = dict(zip(unsure, theirs.values(), strict=True))
            ours = await asyncio.to_thread(hashes_here, [target.root / path for path in unsure]) if theirs else []
            settle(found, dict(zip(unsure, ours, strict=False)), theirs, here.entries)
        return found

    def _extra(
        self, found: Difference, here: Tree, told: Tree, kept_there: set[str], rules: Mapping[str, str]
    ) -> list[str]:
        """What is only here, without what the rules of either side ignore, and what is there and was not taken."""
        if told.is_partial:
            raise TransferError(
                f"Not all of {visible(self._remote)} on {self._line.name} could be looked at, so it is not known what "
                "is only here; without delete=True the rest is fetched."
            )
        texts = dict(rules)
        for path, entry in here.entries.items():
            if path.rpartition("/")[2] in IGNORE_FILES and entry.kind == FILE:
                texts[path] = f"{text_of(self._place / path)}\n{texts.get(path, '')}"
        candidates = {path: here.entries[path] for path in (*found.extra, *found.in_the_way)}
        unignored, _ = without_ignored(candidates, Ignored(texts))
        extra = [path for path in unignored if not any(place in kept_there for place in (path, *above(path)))]
        refuse_kept(found, extra, here.entries, "here")
        return extra

    async def _remove(self, target: Target, paths: Sequence[str]) -> None:
        """Some at a time, so that an interrupt comes between them."""
        deepest = sorted(paths, key=lambda path: path.count("/"), reverse=True)
        for start in range(0, len(deepest), REMOVED_AT_ONCE):
            await asyncio.to_thread(target.remove, deepest[start : start + REMOVED_AT_ONCE])

    async def _refuse_or_ask(self, found: Difference, target: Target, extra: Sequence[str]) -> None:
        need = sum(entry.size for entry in found.new.values())
        free = target.free()
        if need > free:
            raise TransferError(
                f"This computer has {size(free)} left at {self._place}, and this needs {size(need)}: "
                f"{size(need - free)} are missing. Nothing was fetched."
            )
        if self._ask is None:
            return
        if not self._has_asked and (need > ASKS_ABOVE_BYTES or len(found.new) > ASKS_ABOVE_FILES):
            await agreed(self._caller, self._ask, f"Fetch {len(found.new):,} files of {size(need)}?")
            self._has_asked = True
        if not self._agreed.issuperset(extra):
            but = " as such" if found.in_the_way else ""
            question = f"Delete {len(extra)} here that are not on {self._line.name}{but}: {some(list(extra))}?"
            await agreed(self._caller, self._ask, question)
            self._agreed.update(extra)

    async def _carry(
        self,
        files: MachineFiles,
        root: str,
        only: str,
        wanted: Mapping[str, Entry],
        found: Difference,
        target: Target,
        transfer: Transfer,
    ) -> None:
        if not only:
            target.make_folder("")
        # As of a folder that can't be written into its contents still are: modes come last.
        for path in sorted(found.folders):
            if not {path, *above(path)} & target.replacing.keys():
                target.make_folder(path)
        small = [path for path, entry in found.new.items() if entry.kind == FILE and entry.size < LARGE]
        large = [path for path, entry in found.new.items() if entry.kind == FILE and entry.size >= LARGE]
        there = {path: only or path for path in found.new}
        await self._fetch_small(files, root, {there[path]: path for path in small}, wanted, target, transfer)
        for path in large:
            await self._fetch_large(files, root, there[path], path, wanted[path], target)
        for path, entry in found.new.items():
            if entry.kind == LINK:
                target.place_link(path, entry)
        for path, entry in found.modes.items():
            target.set_mode_and_time(path, entry)
        for path, entry in sorted(found.folders.items(), reverse=True):
            target.set_folder_mode(path, entry)

    async def _fetch_small(
        self,
        files: MachineFiles,
        root: str,
        names: Mapping[str, str],
        wanted: Mapping[str, Entry],
        target: Target,
        transfer: Transfer,
    ) -> None:
        """As they come: each is put in place when all of it is there."""
        if not names:
            return
        missing = dict(names)
        part = target.part("small")
        gathered: list[bytes] = []
        length = 0
        async with aclosing(files.small(root, list(names))) as pieces:  # type: ignore[type-var]
            async for there, piece in pieces:
                gathered.append(piece)
                length += len(piece)
                if length > wanted[names[there]].size + LARGE:
                    raise TransferError(
                        f"{visible(there)} on {self._line.name} goes on and on, though it had "
                        f"{size(wanted[names[there]].size)}; the same call fetches it, if that is so."
                    )
                await self._gone.count(len(piece))
                if not piece:
                    # A log that has grown meanwhile comes as it was when it was read.
                    with target.writing(part) as file:
                        file.writelines(gathered)
                    target.place(part, names[there], wanted[names[there]])
                    missing.pop(there, None)
                    gathered, length = [], 0
        if not missing:
            return
        why = files.complaint or f"{self._line.name} had them no more when they were read."
        if len(missing) == len(names):
            raise TransferError(why)
        transfer.sent -= len(missing)
        transfer.refused += len(missing)
        transfer.notes.append(f"left out, {some(list(missing.values()))}: {why}")

    async def _fetch_large(
        self, files: MachineFiles, root: str, there: str, path: str, entry: Entry, target: Target
    ) -> None:
        """From where it is, if what is here is its beginning."""
        part = target.part(version_name(there, entry))
        begin = min(part.lstat().st_size if part.is_file() and not part.is_symlink() else 0, entry.size)
        begin = begin // BLOCK * BLOCK
        if begin:
            ours = await asyncio.to_thread(hash_of, part, begin)
            theirs = await files.prefix_hash(below(root, there), begin)
            if theirs and theirs != ours:
                begin = 0
        await self._gone.count(begin, was_there=True)
        at = begin
        with target.writing(part, begin=begin) as file:
            async with aclosing(files.large(root, there, begin)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    piece = piece[: entry.size - at]
                    file.write(piece)
                    at += len(piece)
                    await self._gone.count(len(piece))
                    if at >= entry.size:
                        break
        if at < entry.size:
            raise TransferError(
                f"{visible(there)} on {self._line.name} has become shorter while it was fetched; the same call goes on."
            )
        target.place(part, path, entry)


def _one_here(place: Path) -> dict[str, Entry]:
    from glows_nb.remote.files.local_tree import entry_of

    try:
        return {place.name: entry_of(place.lstat())}
    except OSError:
        return {}
