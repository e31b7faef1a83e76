"""Send files and folders to a machine: only what changed, in place by renames, gone on with where a line broke."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glows_nb.api.errors import InvalidRequest
from glows_nb.formatting import visible
from glows_nb.remote.asking import Ask, agreed
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.comparing import Difference, compare, refuse_kept, settle
from glows_nb.remote.files.entries import FILE, FOLDER, Entry, Tree, below
from glows_nb.remote.files.file_ways import files_of
from glows_nb.remote.files.ignoring import IGNORE_FILES, Ignored, above, without_ignored
from glows_nb.remote.files.local_target import hash_of
from glows_nb.remote.files.local_tree import Source, source_of, text_of
from glows_nb.remote.files.machine_files import MachineFiles, Placing, about
from glows_nb.remote.files.resuming import Gone, alone, part_name, resumed, some
from glows_nb.remote.files.telling import told, without_changed
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.progress import size

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line


async def send(
    line: Line,
    caller: Caller,
    local: str | os.PathLike[str],
    remote: str,
    *,
    delete: bool,
    dry_run: bool,
    include_ignored: bool,
    ask: Ask | None,
) -> Transfer:
    """Send a file or a folder; see `Machine.send`.

    Raises:
        InvalidRequest: there is no such file here, or the path there is none.
        TransferError: the machine can't take it.
        LineLost: the line broke, and could not be made again.
    """
    remote = checked_remote(remote)
    # Looked at before anything is asked of the machine; a file that is not there needs no line.
    source = await asyncio.to_thread(source_of, local, include_ignored=include_ignored)
    if delete and not source.is_folder:
        raise InvalidRequest("delete", "goes with a folder; one file is sent as it is.")
    gone = Gone(caller, f"{source.root} → {line.short_name}:{remote or source.root.name}")
    name = part_name(str(source.root.absolute()), remote, line.name)
    with alone(name):
        try:
            sending = _Sending(line, caller, source, remote, name, gone, delete, dry_run, ask)
            return await resumed(line, gone, sending.attempt)
        except asyncio.CancelledError as stop:
            stop.add_note(f"{gone.words} The same call goes on from there.")
            raise
        finally:
            await gone.end()


def checked_remote(remote: str | os.PathLike[str]) -> str:
    """A path on a machine; one that is not absolute is below the home there.

    Raises:
        InvalidRequest: it can't be one.
    """
    remote = os.fspath(remote)
    if "\0" in remote:
        raise InvalidRequest("remote", f"{visible(remote)!r} is no path.")
    if remote in ("~", "~/"):
        return ""
    return remote.removeprefix("~/")


def plain_path(path: str) -> str:
    """A path that no program takes for an option."""
    return path if path.startswith(("/", "./", "../")) or path in (".", "..") else f"./{path}"


def refuse_if_full(line: Line, found: Difference, there: Tree) -> None:
    """Begin nothing that has no room on the machine.

    Raises:
        TransferError: it has none.
    """
    need = sum(entry.size for entry in found.new.values()) - sum(
        entry.size for entry in there.staged.values() if entry.kind != FOLDER
    )
    if there.free is not None and need > there.free:
        raise TransferError(
            f"The disk of {line.name} has {size(there.free)} left, and this needs {size(need)}: "
            f"{size(need - there.free)} are missing. Nothing was sent."
        )


class _Sending:
    """One transfer, tried as often as lines break."""

    def __init__(
        self,
        line: Line,
        caller: Caller,
        source: Source,
        remote: str,
        staging: str,
        gone: Gone,
        delete: bool,
        dry_run: bool,
        ask: Ask | None,
    ) -> None:
        self._line, self._caller, self._source, self._remote = line, caller, source, remote
        self._staging, self._gone, self._delete, self._dry_run, self._ask = staging, gone, delete, dry_run, ask
        self._agreed: set[str] = set()

    async def attempt(self) -> Transfer:
        """Do all that is left to do."""
        files = await files_of(self._line, self._caller)
        root, only, wanted = await self._destination(files)
        there = await files.tree(root, only, self._staging)
        found = await self._difference(files, root, wanted, there)
        extra = self._extra(found, there) if self._delete else []
        transfer = told(
            Transfer(
                self._gone.what,
                is_dry_run=self._dry_run,
                notes=[*about(files), *self._source.tree.notes, *there.notes],
            ),
            found,
            wanted,
            self._source.ignored,
            extra=[(path, there.entries[path]) for path in extra],
            why_extra="only there",
        )
        if self._dry_run:
            return transfer
        refuse_if_full(self._line, found, there)
        if extra and self._ask is not None and not self._agreed.issuperset(extra):
            but = " as such" if found.in_the_way else ""
            question = f"Delete {len(extra)} on {self._line.name} that are not here{but}: {some(extra)}?"
            await agreed(self._caller, self._ask, question)
            self._agreed.update(extra)
        transfer.sent_bytes = sum(entry.size for entry in found.new.values())
        self._gone.begin(transfer.sent_bytes, len(found.new))
        if found.new or found.folders or found.modes:
            await self._carry(files, root, wanted, found, transfer, extra)
        elif extra:
            await files.remove(root, extra)
        transfer.resumed_bytes, transfer.seconds = self._gone.was_there, self._gone.seconds
        return transfer

    async def _destination(self, files: MachineFiles) -> tuple[str, str, dict[str, Entry]]:
        """The folder there, the one name in it that matters where it is a file, and what is wanted in it."""
        source, remote = self._source, self._remote
        entries = dict(source.tree.entries)
        into = not remote or remote.endswith("/") or remote.rpartition("/")[2] in (".", "..")
        path = f"{remote.rstrip('/') or ('/' if remote else '.')}/{source.root.resolve().name}" if into else remote
        path = plain_path(path)
        kind = await files.kind(path)
        self._say_where(path)
        if source.is_folder:
            if kind in ("file", "other"):
                raise TransferError(f"{self._line.name} has a file at {visible(path)}, so no folder goes there.")
            return path, "", entries
        [entry] = entries.values()
        if kind == "folder":
            self._say_where(below(path, source.root.name))
            return path, source.root.name, {source.root.name: entry}
        folder, _, name = path.rpartition("/")
        return folder or "/", name, {name: entry}

    def _say_where(self, path: str) -> None:
        self._gone.what = f"{self._source.root} → {self._line.short_name}:{path.removeprefix('./')}"

    async def _difference(self, files: MachineFiles, root: str, wanted: Mapping[str, Entry], there: Tree) -> Difference:
        found = compare(wanted, there.entries)
        if found.unsure:
            unsure = list(found.unsure)
            theirs = await files.hashes(root, unsure)
            ours = await asyncio.to_thread(hashes_here, [self._locate(path) for path in unsure]) if theirs else []
            settle(found, dict(zip(unsure, ours, strict=False)), theirs, there.entries)
        return found

    def _locate(self, path: str) -> Path:
        return self._source.locate(path)

    def _extra(self, found: Difference, there: Tree) -> list[str]:
        """What is only there, without what is ignored: that was never sent, and may be the work of the machine."""
        if self._source.tree.is_partial:
            raise TransferError(
                f"Not all of {self._source.root} could be looked at ({self._source.tree.notes[0]}), so it is not known "
                "what is only there; without delete=True the rest is sent."
            )
        texts = {
            path: text_of(self._locate(path))
            for path, entry in self._source.tree.entries.items()
            if path.rpartition("/")[2] in IGNORE_FILES and entry.kind == FILE
        }
        left_out = self._source.tree.left_out
        extra = {path: there.entries[path] for path in found.extra if path not in left_out}
        extra |= {path: there.entries[path] for path in found.in_the_way}
        kept, _ = without_ignored(extra, Ignored(texts))
        refuse_kept(found, list(kept), there.entries, f"on {self._line.name}")
        return list(kept)

    async def _carry(
        self,
        files: MachineFiles,
        root: str,
        wanted: Mapping[str, Entry],
        found: Difference,
        transfer: Transfer,
        extra: Sequence[str],
    ) -> None:
        folders = dict(found.folders)
        for path in found.new:
            folder = path.rpartition("/")[0]
            # One that nobody may write into is opened for this, and closed again.
            if folder in wanted and not wanted[folder].mode & 0o200:
                folders[folder] = wanted[folder]
        placing = Placing(folders=folders, files=dict(found.new), modes=found.modes)
        placing.large, changed = await files.put(root, self._staging, found.new, self._locate, self._gone.count)
        without_changed(transfer, placing, changed)
        # Not before all that takes its place has arrived, and not for what does not go there now.
        deleted = [path for path in extra if not {path, *above(path)} & {*changed}]
        transfer.deleted = len(deleted)
        if deleted:
            await files.remove(root, deleted)
        await files.place(root, self._staging, placing)


def hashes_here(paths: Sequence[Path]) -> list[str]:
    """The SHA-256 of files here.

    Raises:
        TransferError: one can't be read.
    """
    hashes = []
    for path in paths:
        try:
            hashes.append(hash_of(path))
        except OSError as error:
            raise TransferError(f"{path} can't be read: {error.strerror}.") from error
    return hashes
