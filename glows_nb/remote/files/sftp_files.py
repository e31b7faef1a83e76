"""A machine's files by SFTP alone: one request a file and more, so slower than a shell with tar."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncssh

from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import (
    FILE,
    FOLDER,
    LINK,
    MOST_ENTRIES,
    PART_PREFIX,
    SECOND,
    Entry,
    Kind,
    Lie,
    Tree,
    below,
    checked_path,
    version_name,
)
from glows_nb.remote.files.local_tree import changed_meanwhile
from glows_nb.remote.files.machine_files import Count, Placing, RootKind, answered, said_there, texts_of
from glows_nb.remote.files.tar_stream import contents, in_pieces

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

BLOCK: Final = 1 << 15
AHEAD: Final = 32
"""So many requests for blocks of a file are under way at once; the library's own way of it prints of broken lines."""
T = TypeVar("T")
SIDE_BY_SIDE: Final = 16
MOST_DEEP: Final = 100
_KINDS: Final[Mapping[int, Kind]] = {
    asyncssh.FILEXFER_TYPE_REGULAR: FILE,
    asyncssh.FILEXFER_TYPE_DIRECTORY: FOLDER,
    asyncssh.FILEXFER_TYPE_SYMLINK: LINK,
}
NOT_THERE: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


class SftpFiles:
    """Files by SFTP requests; it tells whole seconds and no hashes."""

    complaint = ""
    about = "No tar, or no shell, answers on the machine, so this goes file by file over SFTP, which is slower."

    def __init__(self, line: Line, caller: Caller, sftp: asyncssh.SFTPClient) -> None:
        self._line, self._caller, self._sftp = line, caller, sftp
        self._told = 0

    async def kind(self, path: str) -> RootKind:
        """What is at a path; a link counts as what it leads to."""
        async with self._asking("looking at a file"):
            try:
                found = await self._answered(self._sftp.stat(path or "."))
            except NOT_THERE:
                return "none"
        kind = _KINDS.get(found.type)
        return "folder" if kind == FOLDER else "file" if kind == FILE else "other"

    async def tree(self, root: str, only: str, staging: str) -> Tree:
        """The entries below a folder, or one of them, and what is staged there."""
        tree, self._told = Tree(), 0
        async with self._asking("looking at files"):
            with suppress(asyncssh.SFTPError):
                place = root
                while await self.kind(place) == "none" and place not in ("", ".", "/"):
                    place = place.rpartition("/")[0] or ("/" if place.startswith("/") else ".")
                room = await self._answered(self._sftp.statvfs(place or "."))
                tree.free = room.bavail * room.frsize
            await self._list(root, "", tree.entries, tree.notes, only, follows=not staging)
            if staging:
                await self._list(below(root, staging), "", tree.staged, [], "")
        tree.is_partial = bool(tree.notes)
        return tree

    async def read_small(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The text of small files."""
        return await texts_of(self._line.name, self.small(root, paths))

    async def hashes(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """None: SFTP tells no hashes."""
        return {}

    async def put(
        self, root: str, staging: str, files: Mapping[str, Entry], locate: Callable[[str], Path], count: Count
    ) -> tuple[dict[str, str], list[str]]:
        """Send each file, several at once, from where it is."""
        place = below(root, staging)
        changed: list[str] = []
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        async with self._asking("writing files"):
            await self._answered(self._sftp.makedirs(place, exist_ok=True))
            there: dict[str, Entry] = {}
            await self._list(place, "", there, [], "")

            async def one(path: str, entry: Entry) -> None:
                async with gate:
                    name = version_name(path, entry)
                    if entry.kind == LINK:
                        with suppress(*NOT_THERE):
                            await self._answered(self._sftp.remove(below(place, name)))
                        await self._answered(self._sftp.symlink(entry.target, below(place, name)))
                        return
                    begin = _whole_of(there.get(name), entry)
                    await count(begin, was_there=True)
                    await self._put_one(below(place, name), locate(path), entry, begin, count)
                    if changed_meanwhile(locate(path), entry):
                        changed.append(path)

            async with _together() as group:
                for path, entry in files.items():
                    group(one(path, entry))
        return {path: version_name(path, entry) for path, entry in files.items()}, changed

    async def place(self, root: str, staging: str, placing: Placing) -> None:
        """Put each file in place by a rename, with its mode and time."""
        async with self._asking("putting files in place"):
            for path in sorted(placing.folders):
                await self._answered(self._sftp.makedirs(below(root, path), exist_ok=True))
                if not placing.folders[path].mode & 0o200:
                    await self._answered(self._sftp.chmod(below(root, path), 0o700))
            gate = asyncio.Semaphore(SIDE_BY_SIDE)

            async def one(path: str) -> None:
                async with gate:
                    gathered = below(below(root, staging), placing.large[path])
                    await self._answered(self._sftp.posix_rename(gathered, below(root, path)))

            async with _together() as group:
                for path in placing.files:
                    group(one(path))
            for path, entry in placing.modes.items():
                await self._set(below(root, path), entry)
            for path, entry in sorted(placing.folders.items(), reverse=True):
                await self._answered(self._sftp.chmod(below(root, path), entry.mode & 0o777))
            with suppress(*NOT_THERE):
                await self._answered(self._sftp.rmtree(below(root, staging)))

    async def small(self, root: str, paths: Sequence[str]) -> AsyncIterator[tuple[str, bytes]]:
        """The contents of files, one after the other."""
        for path in paths:
            async with self._asking("reading files"), self._opened(below(root, path), "rb") as file:
                async with aclosing(self._pieces(file, 0)) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        yield path, piece
                yield path, b""

    async def large(self, root: str, path: str, begin: int) -> AsyncIterator[bytes]:
        """The contents of a file from a place on."""
        async with (
            self._asking("reading a file"),
            self._opened(below(root, path), "rb") as file,
            aclosing(self._pieces(file, begin)) as pieces,  # type: ignore[type-var]
        ):
            async for piece in pieces:
                yield piece

    async def prefix_hash(self, path: str, length: int) -> str:
        """Nobody can tell."""
        return ""

    async def remove(self, root: str, paths: Sequence[str]) -> None:
        """Remove files and links, and folders that are empty by then."""
        async with self._asking("removing files"):
            for path in sorted(paths, key=lambda path: path.count("/"), reverse=True):
                place = below(root, path)
                with suppress(*NOT_THERE):
                    found = await self._answered(self._sftp.lstat(place))
                    if _KINDS.get(found.type) == FOLDER:
                        # One that is not empty stays.
                        with suppress(asyncssh.SFTPFailure, asyncssh.SFTPDirNotEmpty):
                            await self._answered(self._sftp.rmdir(place))
                    else:
                        await self._answered(self._sftp.remove(place))

    async def _answered(self, asked: Awaitable[T]) -> T:
        return await answered(self._line.name, asked)

    async def _pieces(self, file: Any, begin: int) -> AsyncIterator[bytes]:
        """A file from a place on; ever more is asked for ahead, as a small one is at its end with the first piece."""
        under_way: deque[asyncio.Task[bytes]] = deque()
        at, asked, ahead = begin, begin, 1
        try:
            while True:
                while len(under_way) < ahead:
                    under_way.append(asyncio.create_task(file.read(BLOCK, asked)))
                    asked += BLOCK
                piece = await self._answered(under_way.popleft())
                if not piece:
                    return
                yield piece
                at += len(piece)
                ahead = min(2 * ahead, AHEAD)
                if len(piece) < BLOCK:
                    await _stopped(under_way)
                    asked, ahead = at, 1
        finally:
            await _stopped(under_way)

    @asynccontextmanager
    async def _opened(self, place: str, how: str) -> AsyncIterator[Any]:
        file = await self._answered(self._sftp.open(place, how, encoding=None, block_size=0))
        try:
            yield file
        finally:
            await self._answered(file.close())

    async def _put_one(self, place: str, source: Path, entry: Entry, begin: int, count: Count) -> None:
        if begin == entry.size and entry.size:
            return
        async with self._opened(place, "r+b" if begin else "wb") as file:
            under_way: deque[asyncio.Task[Any]] = deque()
            at = begin
            try:
                for piece in in_pieces(contents(source, entry.size, begin), BLOCK):
                    if len(under_way) >= AHEAD:
                        await self._answered(under_way.popleft())
                    under_way.append(asyncio.create_task(file.write(piece, at)))
                    at += len(piece)
                    await count(len(piece))
                    # What is known of a line that broke by now is heard, before more is given to it.
                    await asyncio.sleep(0)
                while under_way:
                    await self._answered(under_way.popleft())
            finally:
                await _stopped(under_way)
        # By its time is seen that it is whole.
        await self._set(place, entry)

    async def _set(self, place: str, entry: Entry) -> None:
        seconds = entry.mtime_ns // SECOND
        attributes = asyncssh.SFTPAttrs(permissions=entry.mode & 0o777, atime=seconds, mtime=seconds)
        await self._answered(self._sftp.setstat(place, attributes))

    async def _list(
        self, root: str, folder: str, found: dict[str, Entry], notes: list[str], only: str, *, follows: bool = False
    ) -> None:
        if folder.count("/") > MOST_DEEP:
            raise Lie(f"its folders are over {MOST_DEEP} deep")
        folders = []
        try:
            names = aiter(self._sftp.scandir(below(root, folder) if folder else root or "."))
            while name := await self._answered(anext(names, None)):
                self._told += 1
                if self._told > MOST_ENTRIES:
                    raise Lie(f"it tells of more than {MOST_ENTRIES:,} files; fetch a part of them")
                base = _text(name.filename)
                if base in (".", "..") or base.startswith(PART_PREFIX) or (only and base != only):
                    continue
                path = checked_path(f"{folder}/{base}" if folder else base)
                if "/" in base:
                    raise Lie(f"it tells of a file {visible(base[:80])!r}")
                attributes = name.attrs
                if only and attributes.type == asyncssh.FILEXFER_TYPE_SYMLINK and follows:
                    attributes = await self._answered(self._sftp.stat(below(root, path)))
                entry = await self._entry(below(root, path), attributes)
                found[path] = entry
                if entry.kind == FOLDER:
                    folders.append(path)
        except NOT_THERE:
            return
        except asyncssh.SFTPPermissionDenied:
            notes.append(f"{visible(folder or '.')} can't be looked into on the machine")
            return
        for path in folders:
            await self._list(root, path, found, notes, "")

    async def _entry(self, place: str, attributes: asyncssh.SFTPAttrs) -> Entry:
        kind = _KINDS.get(attributes.type, "?")
        target = _text(await self._answered(self._sftp.readlink(place))) if kind == LINK else ""
        mode = S_IMODE(attributes.permissions or 0)
        return Entry(kind, int(attributes.size or 0), int(attributes.mtime or 0) * SECOND, mode, target)

    @asynccontextmanager
    async def _asking(self, doing: str) -> AsyncIterator[None]:
        """What the machine refuses is said as such, and what breaks the line as that.

        Raises:
            TransferError, LineLost: either of these.
        """
        async with self._line.unbroken(f"{doing} went on"):
            try:
                yield
            except Lie as lie:
                raise TransferError(f"{self._line.name} can't be believed: {lie}.") from None
            except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
                raise asyncssh.ConnectionLost(str(error)) from error
            except asyncssh.SFTPError as error:
                reason = "no space left" if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem) else error.reason
                raise said_there(self._line.name, reason, doing) from error


@asynccontextmanager
async def _together() -> AsyncIterator[Callable[[Any], object]]:
    """Several pieces of work at once; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group.create_task
    except ExceptionGroup as failed:
        first: BaseException = failed.exceptions[0]
    else:
        return
    raise first


async def _stopped(tasks: deque[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode(errors="surrogateescape")


def _whole_of(there: Entry | None, entry: Entry) -> int:
    """How much of a file is surely there: all that has its time; else not the last blocks, written at once."""
    if there is None or there.kind != FILE:
        return 0
    if there.size == entry.size and there.mtime_ns == entry.mtime_ns // SECOND * SECOND:
        return entry.size
    return max(min(there.size, entry.size) - AHEAD * BLOCK, 0)
