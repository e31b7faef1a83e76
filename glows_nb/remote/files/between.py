"""Files from one machine to another: straight over a private network that both are in, or through this computer.

Straight, the one machine packs what changed, and the other unpacks it into its staging folder, by a key that can do
that once and nothing else. Neither trusts the other more than this computer does: the stream holds files alone, what
has come of it is looked at again, and only what was asked for is put in place.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

from glows_nb.api.credentials.config import data_folder
from glows_nb.api.errors import InvalidRequest
from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import TransferError
from glows_nb.remote.execution.checking import checked
from glows_nb.remote.execution.executing import execute
from glows_nb.remote.execution.printing import OnOutput
from glows_nb.remote.files.comparing import Difference, compare, settle
from glows_nb.remote.files.entries import FILE, LINK, PART_PREFIX, Entry, Tree, below
from glows_nb.remote.files.fetching import wanted_of
from glows_nb.remote.files.file_ways import files_of
from glows_nb.remote.files.machine_files import MachineFiles, Placing, about, said_there
from glows_nb.remote.files.resuming import Gone, alone, part_name, resumed
from glows_nb.remote.files.sending import checked_remote, plain_path, refuse_if_full
from glows_nb.remote.files.shell_files import ShellFiles, is_whole
from glows_nb.remote.files.telling import told, without_changed
from glows_nb.remote.files.through_here import ThroughHere
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.lines.control_shell import quoted
from glows_nb.remote.lines.key_of_one_use import Mesh, NoWay, key_of_one_use, mesh_of, run_on

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line
    from glows_nb.remote.output import Completed

TICKET: Final = f"{PART_PREFIX}once"
RECORD: Final = 10240
EVERY_RECORDS: Final = 128
LOOK_SECONDS: Final = 0.25
SIGNALLED: Final = 128
"""From this status on it was no program there that ended by itself; 255 is ssh's own."""

_PACK: Final = (
    "tar --format=posix --pax-option=delete=atime,delete=ctime --hard-dereference --null --no-recursion "
    f"--checkpoint={EVERY_RECORDS} --checkpoint-action=echo=%u -cf - -T -"
)
_PACKED: Final = re.compile(r"tar: ([0-9]{1,12})\Z")


async def send_between(line: Line, to: Line, caller: Caller, path: str, remote: str) -> Transfer:
    """Send files from one machine to another; see `Machine.send_to`.

    Raises:
        InvalidRequest: a path can't be one, or both machines are the same.
        TransferError: there is no such file, the other machine can't take it, or what one says can't be true.
        LineLost: a line broke, and could not be made again.
    """
    if line is to:
        raise InvalidRequest("other", f"is {line.name} itself; cp copies there.")
    path, target = checked_remote(path), checked_remote(remote or path)
    if remote and (not target or target.endswith("/") or target.rpartition("/")[2] in (".", "..")):
        name = path.rstrip("/").rpartition("/")[2]
        if name in ("", ".", ".."):
            raise InvalidRequest("remote", "give the folder that it is to be there, since it has no name of its own.")
        target = f"{target.rstrip('/') or ('/' if target else '.')}/{name}"
    gone = Gone(caller, f"{line.short_name}:{path or '~'} → {to.short_name}:{target or '~'}")
    staging = part_name(line.alias, path, to.alias, target)
    with alone(staging):
        # What has come as far as this computer waits here for the call that goes on.
        folder = data_folder() / "transfers" / staging.removeprefix(PART_PREFIX)
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            between = _Between(line, to, caller, path, target, staging, folder, gone)
            transfer = await resumed(line, gone, between.attempt)
            shutil.rmtree(folder, ignore_errors=True)
            return transfer
        except asyncio.CancelledError as stop:
            stop.add_note(f"{gone.words} The same call goes on from there.")
            raise
        finally:
            await gone.end()


class _Between:
    """One transfer, tried as often as lines break."""

    def __init__(
        self, line: Line, to: Line, caller: Caller, path: str, target: str, staging: str, folder: Path, gone: Gone
    ) -> None:
        self._line, self._to, self._caller = line, to, caller
        self._path, self._target = plain_path(path or "."), plain_path(target or ".")
        self._staging, self._folder, self._gone = staging, folder, gone
        self._why_through_here = ""
        self._left_keys: list[str] = []

    async def attempt(self) -> Transfer:
        """Do all that is left to do."""
        source, target = await files_of(self._line, self._caller), await files_of(self._to, self._caller)
        root, only = await self._source(source)
        listed = await source.tree(root, only, self._staging)
        wanted, ignored, refused, _ = await wanted_of(source, root, listed, include_ignored=False)
        wanted = {path: entry._replace(mode=entry.mode & 0o777) for path, entry in wanted.items()}
        place, name = await self._destination(target, only)
        names = dict.fromkeys([name], only) if only else {path: path for path in wanted}
        wanted = {path: wanted[there] for path, there in names.items() if there in wanted}
        there = await target.tree(place, name, self._staging)
        found = await self._difference(source, root, target, place, wanted, names, there)
        notes = [*about(source), *about(target), *listed.notes, *there.notes]
        transfer = told(Transfer(self._gone.what, notes=notes), found, wanted, ignored, refused=refused)
        refuse_if_full(self._to, found, there)
        self._gone.begin(transfer.sent_bytes, len(found.new))
        if found.new or found.folders or found.modes:
            await self._carry(source, root, target, place, found, names, there, transfer)
        transfer.notes += dict.fromkeys(self._left_keys)
        transfer.seconds = self._gone.seconds
        return transfer

    async def _source(self, source: MachineFiles) -> tuple[str, str]:
        """The folder on the first machine, and the one name in it where a file is asked for."""
        path = self._path.rstrip("/") or "/"
        kind = await source.kind(path)
        if kind == "none":
            raise TransferError(f"{self._line.name} has no {visible(path)}; paths are below the home there.")
        if kind == "other":
            raise TransferError(f"{visible(path)} on {self._line.name} is neither a file nor a folder.")
        if kind == "folder":
            return path, ""
        folder, _, name = path.rpartition("/")
        return folder or "/", name

    async def _destination(self, target: MachineFiles, only: str) -> tuple[str, str]:
        """The folder on the other machine, and the one name in it where it is a file."""
        path = self._target.rstrip("/") or "/"
        kind = await target.kind(path)
        if not only:
            if kind in ("file", "other"):
                raise TransferError(f"{self._to.name} has a file at {visible(path)}, so no folder goes there.")
            return path, ""
        if kind == "folder":
            return path, only
        folder, _, name = path.rpartition("/")
        return folder or "/", name

    async def _difference(
        self,
        source: MachineFiles,
        root: str,
        target: MachineFiles,
        place: str,
        wanted: Mapping[str, Entry],
        names: Mapping[str, str],
        there: Tree,
    ) -> Difference:
        found = compare(wanted, there.entries)
        if found.unsure:
            theirs = await target.hashes(place, list(found.unsure))
            told = await source.hashes(root, [names[path] for path in found.unsure]) if theirs else {}
            ours = {path: told[names[path]] for path in found.unsure if names[path] in told}
            settle(found, ours, theirs, there.entries)
        return found

    async def _carry(
        self,
        source: MachineFiles,
        root: str,
        target: MachineFiles,
        place: str,
        found: Difference,
        names: Mapping[str, str],
        there: Tree,
        transfer: Transfer,
    ) -> None:
        placing = Placing(folders=found.folders, files=dict(found.new), modes=found.modes)
        changed: list[str] | None = None
        if any(entry.kind == FILE for entry in found.new.values()):
            if not self._why_through_here:
                try:
                    straight, mesh = await self._straight(source, root, target, place)
                    changed = await straight.carry(found.new, names)
                    transfer.resumed_bytes = straight.resumed_bytes
                    transfer.notes.append(f"straight from the one to the other, over {visible(mesh.network_id)}")
                except NoWay as why:
                    self._why_through_here = str(why)
            if changed is None:
                transfer.notes.append(f"through this computer, since {self._why_through_here}")
        if changed is None:
            staged = there.staged if isinstance(target, ShellFiles) else {}
            new = {path: entry for path, entry in found.new.items() if not is_whole(staged.get(path), entry)}
            transfer.resumed_bytes = transfer.sent_bytes - sum(entry.size for entry in new.values())
            self._gone.begin(transfer.sent_bytes, len(found.new))
            relay = ThroughHere(source, root, target, place, self._staging, self._folder, self._gone)
            placing.large, changed = await relay.carry(new, names)
        without_changed(transfer, placing, changed)
        await target.place(place, self._staging, placing)

    async def _straight(
        self, source: MachineFiles, root: str, target: MachineFiles, place: str
    ) -> tuple[_Straight, Mesh]:
        """The straight way.

        Raises:
            NoWay: there is none.
        """
        mesh = mesh_of(await self._line.ask(), await self._to.ask())
        if mesh is None:
            raise NoWay("they share no private network")
        if not _is_of_gnu(source):
            raise NoWay(f"{self._line.name} has no tar of GNU")
        if not _is_of_gnu(target):
            raise NoWay(f"{self._to.name} has no tar of GNU")
        straight = _Straight(
            self._line, self._to, self._caller, root, target, place, self._staging, mesh, self._gone, self._left_keys
        )
        return straight, mesh


def _is_of_gnu(files: MachineFiles) -> TypeGuard[ShellFiles]:
    return isinstance(files, ShellFiles) and files.has.tar == files.has.find == "gnu"


class _Straight:
    """From one machine to the other over a network that both are in."""

    def __init__(
        self,
        line: Line,
        to: Line,
        caller: Caller,
        root: str,
        target: ShellFiles,
        place: str,
        staging: str,
        mesh: Mesh,
        gone: Gone,
        left_keys: list[str],
    ) -> None:
        self._line, self._to, self._caller, self._root = line, to, caller, root
        self._target, self._place, self._staging, self._mesh = target, place, staging, mesh
        self._below = below(place, staging)
        self._gone, self._left_keys = gone, left_keys
        self._special: list[str] = []
        self.resumed_bytes = 0

    async def carry(self, new: Mapping[str, Entry], names: Mapping[str, str]) -> list[str]:
        """Bring files and links into the staging folder; gives the paths of those that changed meanwhile.

        Raises:
            NoWay: the one can't get to the other.
            TransferError: the other can't keep them.
            LineLost: a line broke.
        """
        files = {path: entry for path, entry in new.items() if entry.kind == FILE}
        missing = await self._missing(files, names)
        self.resumed_bytes = self._gone.bytes
        while missing:
            ended = await self._run([names[path] for path in missing], sum(entry.size for entry in missing.values()))
            before, missing = missing, await self._missing(files, names)
            said = "\n".join(line for line in ended.stderr.splitlines() if not _PACKED.match(line))
            if not missing:
                break
            if ended.exit_status is None or ended.exit_status >= SIGNALLED:
                # It was cut; what has come whole need not come again.
                if len(missing) == len(before):
                    words = visible((said.strip().splitlines() or ["ssh said nothing"])[-1][-200:])
                    raise NoWay(f"{self._line.name} can't get to {self._to.name} by ssh over their network ({words})")
            elif ended.exit_status:
                raise said_there(self._to.name, said, "writing files")
            else:
                break
        await self._make_links(new, names)
        return list(missing)

    async def _missing(self, files: Mapping[str, Entry], names: Mapping[str, str]) -> dict[str, Entry]:
        """What is not there whole, as the machine that it goes to tells; nothing else is in its staging folder then."""
        await self._target.salvaged(self._place, self._staging)
        staged = (await self._target.tree(self._below, "", "")).entries
        self._special = [path for path, entry in staged.items() if entry.kind == FILE and entry.mode & ~0o777]
        staged = {path: entry._replace(mode=entry.mode & 0o777) for path, entry in staged.items()}
        missing = {path: entry for path, entry in files.items() if not is_whole(staged.get(names[path]), entry)}
        self._gone.bytes = sum(entry.size for path, entry in files.items() if path not in missing)
        return missing

    async def _run(self, paths: list[str], total: int) -> Completed:
        """Let one machine pack these, and the other unpack them."""
        made = await run_on(
            self._to,
            self._caller,
            f"cd {quoted(self._below)} && mkdir -m 700 ./{TICKET} && pwd -P",
        )
        folder = made.output.decode(errors="surrogateescape").removesuffix("\n")
        if made.status or not folder.startswith("/"):
            raise said_there(self._to.name, made.errors, "making a folder")
        # The ticket is there once, so that a second stream can't go through links that a first one has made.
        unpack = f"cd {quoted(folder)} && rmdir ./{TICKET} && exec tar -xpof -"
        given = b"".join(f"./{path}".encode(errors="surrogateescape") + b"\0" for path in paths)
        key_name = self._staging.removeprefix(PART_PREFIX)
        shown = _Packed(self._gone, total)
        async with key_of_one_use(
            self._line, self._to, self._caller, key_name, unpack, self._mesh, self._left_keys
        ) as ssh:
            script = f"cd; cd {quoted(self._root)} || exit 1\n{_PACK} | ( {ssh} )"
            watching = asyncio.create_task(shown.watch())
            try:
                return await execute(
                    self._line,
                    self._caller,
                    checked(["sh", "-c", script]),
                    check=False,
                    timeout=None,
                    given=given,
                    env=None,
                    pty=False,
                    on_output=shown,
                )
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching

    async def _make_links(self, new: Mapping[str, Entry], names: Mapping[str, str]) -> None:
        """Links are made there, as none is taken out of the stream; a single file gets the name that it is to have."""
        lines = [f"cd {quoted(self._below)} || exit 1"]
        # Nothing that runs as somebody else comes of it, whatever the stream said.
        lines += [f"chmod u-s,g-s,o-t -- {quoted(f'./{path}')} || exit 1" for path in self._special]
        for path, entry in new.items():
            folder = path.rpartition("/")[0]
            if entry.kind == LINK:
                to = quoted(f"./{path}")
                lines.append(f"mkdir -p -- {quoted(f'./{folder}')} && ln -sfn -- {quoted(entry.target)} {to} || exit 1")
            elif names[path] != path:
                lines.append(f"mv -f -- {quoted(f'./{names[path]}')} {quoted(f'./{path}')} || exit 1")
        answer = await run_on(self._to, self._caller, "\n".join(lines))
        if answer.status:
            raise said_there(self._to.name, answer.errors, "making links")


class _Packed(OnOutput):
    """Hears how much has been packed, of what a machine says about it.

    Args:
        gone: is told.
        total: there can't be more than that.
    """

    def __init__(self, gone: Gone, total: int) -> None:
        super().__init__(None)
        self._gone, self._total = gone, total
        self._packed = self._told = 0
        self._rest = ""

    def wants(self, number: int, piece: bytes) -> bool:
        """Nothing is to be printed."""
        *lines, self._rest = (self._rest + piece.decode(errors="replace"))[-4096:].split("\n")
        for line in lines:
            if found := _PACKED.match(line):
                self._packed = min(max(self._packed, int(found[1]) * RECORD), self._total)
        return False

    async def watch(self) -> None:
        """Tell of it now and then."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            more, self._told = self._packed - self._told, self._packed
            await self._gone.count(more)
