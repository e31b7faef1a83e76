"""A machine's files by a shell and tar: the list of all in one answer, what is small in one stream."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncssh

from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import RemoteError, TransferError
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
    checked_path,
)
from glows_nb.remote.files.local_target import hash_of
from glows_nb.remote.files.machine_files import Count, Placing, RootKind, said_there
from glows_nb.remote.files.tar_stream import members, packed
from glows_nb.remote.lines.control_shell import Answer, Has, quoted

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

LARGE: Final = 8 << 20
"""A file from this size on goes by itself, so that a cut costs nothing of it."""
BLOCK: Final = 1 << 16
BATCH: Final = 1 << 16
"""Bytes of words in one command there."""
_KINDS: Final[Mapping[str, Kind]] = {
    **{"f": FILE, "d": FOLDER, "l": LINK},
    **{"regular file": FILE, "regular empty file": FILE, "directory": FOLDER, "symbolic link": LINK},
}
_OF_STAT: Final = re.compile(rb"([a-z -]+)\|([0-9]+)\|([0-9]+)\|([0-7]+)\|\.//", re.MULTILINE)


class ShellFiles:
    """Files by the control shell, and by one command more for each stream."""

    about = ""

    def __init__(self, line: Line, caller: Caller, has: Has) -> None:
        self._line, self._caller, self._has = line, caller, has

    async def kind(self, path: str) -> RootKind:
        """What is at a path; a link counts as what it leads to."""
        answer = await self._run(
            f'p={quoted(path)}; if [ -d "$p" ]; then echo folder; elif [ -f "$p" ]; then echo file; '
            'elif [ -e "$p" ]; then echo other; else echo none; fi'
        )
        said = answer.output.decode(errors="replace").strip()
        return said if said in ("folder", "file", "none") else "other"  # type: ignore[return-value]

    async def tree(self, root: str, only: str, staging: str) -> Tree:
        """The entries below a folder, or one of them, and what is staged there."""
        start = f"./{only}" if only else "."
        script = (
            f'r={quoted(root)}; d=$r; while [ ! -d "$d" ]; do case $d in */*) d=${{d%/*}}; d=${{d:-/}} ;; *) d=. ;; '
            'esac; done; df -Pk "$d" 2>/dev/null | tail -n 1; printf \'\\0\'; cd "$r" 2>/dev/null || exit 0\n'
            f"{self._find(start, staging)}\nprintf '\\0\\0\\0'\n"
            f"[ -d ./{staging} ] && cd ./{staging} && {{ {self._find('.', '')}\n}}"
        )
        answer = await self._run(script)
        tree = Tree()
        head, _, rest = answer.output.partition(b"\0")
        numbers = head.split()
        tree.free = int(numbers[3]) * 1024 if len(numbers) > 3 and numbers[3].isdigit() else None
        found, _, staged = rest.rpartition(b"\0\0\0") if b"\0\0\0" in rest else (rest, b"", b"")
        try:
            tree.entries = self._entries(found, only)
            # Its own folder is among them where nothing but a link was asked for.
            tree.staged = self._entries(staged, "")
        except Lie as lie:
            raise TransferError(f"{self._line.name} can't be believed: {lie}. Nothing was fetched.") from None
        if answer.errors:
            tree.notes.append(said_there(self._line.name, answer.errors, "looking at everything").args[0])
        return tree

    async def read_small(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The text of small files."""
        texts: dict[str, bytearray] = {}
        async for path, piece in self.small(root, paths):
            texts.setdefault(path, bytearray()).extend(piece)
        return {path: text.decode(errors="replace") for path, text in texts.items()}

    async def hashes(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The SHA-256 of files; of none where there is no program for it."""
        found: dict[str, str] = {}
        if "sha256sum" not in self._has.tools:
            return found
        for batch in _batches(paths):
            words = quoted(*(f"./{path}" for path in batch))
            answer = await self._run(f"cd {quoted(root)} && sha256sum -- {words}")
            lines = answer.output.decode(errors="replace").splitlines()
            if len(lines) == len(batch):
                found |= {path: line.removeprefix("\\")[:64] for path, line in zip(batch, lines, strict=True)}
        return found

    async def put(
        self, root: str, staging: str, files: Mapping[str, Entry], locate: Callable[[str], Path], count: Count
    ) -> tuple[dict[str, str], list[str]]:
        """Send small files as one stream, then each large one from where it is."""
        tree = await self._salvaged(root, staging)
        large = {path: entry for path, entry in files.items() if entry.kind == FILE and entry.size >= LARGE}
        small = {path: entry for path, entry in files.items() if path not in large}
        missing = {path: entry for path, entry in small.items() if not _is_there(tree.get(path), entry)}
        await count(sum(entry.size for path, entry in small.items() if path not in missing))
        changed: list[str] = []
        if missing:
            command = f"cd {quoted(_below(root, staging))} && exec tar -xpof -"
            stream = packed(missing, locate, changed, has_parts_of_seconds=self._has.tar == "gnu")
            await self._pour(command, stream, count, "writing files")
        names = {}
        for path, entry in large.items():
            name = _gathered(path, entry)
            names[path] = name
            there = tree.get(f"large/{name}")
            await self._put_large(_below(root, staging), name, locate(path), entry, there.size if there else 0, count)
        return names, changed

    async def place(self, root: str, staging: str, placing: Placing) -> None:
        """Put everything in place by renames, and take the staging folder away."""
        lines = [f"cd {quoted(root)} || exit 1"]
        folders = [path for path, entry in placing.folders.items()]
        lines += [f"mkdir -p -- {words} || exit 1" for words in _words(folders)]
        by_folder: dict[str, list[str]] = {}
        for path in placing.files:
            if path not in placing.large:
                by_folder.setdefault(path.rpartition("/")[0], []).append(path)
        for folder, paths in by_folder.items():
            to = quoted(f"./{folder}/" if folder else "./")
            for words in _words(f"{staging}/{path}" for path in paths):
                lines.append(f"mv -f -- {words} {to} || exit 1")
        for path, name in placing.large.items():
            entry, gathered = placing.files[path], quoted(f"./{staging}/large/{name}")
            lines.append(
                f"[ \"$(wc -c <{gathered})\" -eq {entry.size} ] || {{ echo 'a file has another size' >&2; exit 1; }}\n"
                f"chmod {entry.mode:o} {gathered} && touch {self._time(entry)} {gathered} && "
                f"mv -f -- {gathered} {quoted(f'./{path}')} || exit 1"
            )
        for path, entry in placing.modes.items():
            lines.append(
                f"chmod {entry.mode:o} -- {quoted(f'./{path}')} && touch {self._time(entry)} -- {quoted(f'./{path}')}"
            )
        by_mode: dict[int, list[str]] = {}
        for path in sorted(placing.folders, reverse=True):
            by_mode.setdefault(placing.folders[path].mode, []).append(path)
        for mode, paths in by_mode.items():
            lines += [f"chmod {mode:o} -- {words} || exit 1" for words in _words(paths)]
        lines.append(f"rm -rf -- ./{staging} ./{staging}-old")
        answer = await self._run("\n".join(lines))
        if answer.status:
            raise said_there(self._line.name, answer.errors, "putting files in place")

    async def small(self, root: str, paths: Sequence[str]) -> AsyncIterator[tuple[str, bytes]]:
        """What tar makes of them; names are given on its input, so that there may be any number."""
        if self._has.tar == "gnu":
            command = "exec tar --format=gnu --null --no-recursion -cf - -T -"
            names = b"".join(f"./{path}".encode(errors="surrogateescape") + b"\0" for path in paths)
        else:
            command = "exec tar -cf - -T -"
            names = b"".join(f"./{path}".encode(errors="surrogateescape") + b"\n" for path in paths if "\n" not in path)
        async with self._running(f"cd {quoted(root)} && {command}", "reading files") as process:
            giving = asyncio.create_task(_give_all(process, names))
            try:
                async for member in members(process.stdout, frozenset(paths)):
                    yield member
            except Lie as lie:
                raise TransferError(f"{self._line.name} can't be believed: {lie}.") from None
            finally:
                giving.cancel()

    async def large(self, root: str, path: str, begin: int) -> AsyncIterator[bytes]:
        """A file from a place on, which is a whole number of blocks."""
        file = quoted(f"./{path}")
        command = f"cd {quoted(root)} && exec dd if={file} bs={BLOCK} skip={begin // BLOCK} 2>/dev/null"
        async with self._running(command, "reading a file") as process:
            while piece := await process.stdout.read(1 << 18):
                yield piece

    async def prefix_hash(self, path: str, length: int) -> str:
        """The SHA-256 of a file's first bytes; "" where nobody can tell."""
        answer = await self._run(f"head -c {length} -- {quoted(path)} | sha256sum")
        return answer.output.decode(errors="replace")[:64]

    async def remove(self, root: str, paths: Sequence[str]) -> None:
        """Remove files and links, and folders that are empty by then."""
        deepest = sorted(paths, key=lambda path: path.count("/"), reverse=True)
        lines = [f"cd {quoted(root)} || exit 1"]
        for words in _words(deepest):
            lines.append(
                f'for f in {words}; do if [ -d "$f" ] && [ ! -L "$f" ]; then rmdir -- "$f" 2>/dev/null; '
                'else rm -f -- "$f" || exit 1; fi; done'
            )
        answer = await self._run("\n".join([*lines, ":"]))
        if answer.status:
            raise said_there(self._line.name, answer.errors, "removing files")

    async def _salvaged(self, root: str, staging: str) -> dict[str, Entry]:
        """What an interrupted transfer has left whole, in a new staging folder.

        The old one is renamed first: what writes there still, of a line that is gone, goes on writing there.
        """
        place, old = _below(root, staging), _below(root, f"{staging}-old")
        answer = await self._run(
            f"mkdir -p -- {quoted(root)} && umask 077 && {{ [ ! -d {quoted(place)} ] || "
            f"{{ rm -rf -- {quoted(old)}; mv -- {quoted(place)} {quoted(old)}; }}; }} && "
            f"mkdir -- {quoted(place)} && {{ [ ! -d {quoted(f'{old}/large')} ] || "
            f"mv -- {quoted(f'{old}/large')} {quoted(place)}; }} && mkdir -p -- {quoted(f'{place}/large')}"
        )
        if answer.status:
            raise said_there(self._line.name, answer.errors, "making a folder")
        found = await self.tree(old, "", "")
        gathered = await self.tree(f"{place}/large", "", "")
        whole = {path: entry for path, entry in found.entries.items() if entry.kind != FOLDER}
        lines = [f"cd {quoted(old)} 2>/dev/null || exit 0"]
        by_folder: dict[str, list[str]] = {}
        for path in whole:
            by_folder.setdefault(path.rpartition("/")[0], []).append(path)
        for folder, paths in by_folder.items():
            to = quoted(f"../{staging}/{folder}" if folder else f"../{staging}")
            lines += [f"mkdir -p -- {to}", *(f"mv -f -- {words} {to}" for words in _words(paths))]
        if whole:
            await self._run("\n".join(lines))
        return whole | {f"large/{path}": entry for path, entry in gathered.entries.items()}

    async def _put_large(self, folder: str, name: str, source: Path, entry: Entry, there: int, count: Count) -> None:
        """Send a file from where it is, if what is there is its beginning."""
        place = f"{folder}/large/{name}"
        begin = min(there, entry.size) // BLOCK * BLOCK
        if begin:
            try:
                ours = await asyncio.to_thread(hash_of, source, begin)
            except OSError as error:
                raise TransferError(f"{source} can't be read: {error.strerror}.") from error
            if await self.prefix_hash(place, begin) != ours:
                begin = 0
        await count(begin)
        command = f"exec dd of={quoted(place)} bs={BLOCK} seek={begin // BLOCK} conv=notrunc"
        await self._pour(command, _pieces(source, begin, entry.size), count, "writing a file")

    async def _pour(self, command: str, pieces: Iterable[bytes], count: Count, doing: str) -> None:
        """Give a command there its input."""
        async with self._running(command, doing) as process:
            for piece in pieces:
                try:
                    process.stdin.write(piece)
                    await process.stdin.drain()
                except (BrokenPipeError, ConnectionResetError):
                    break  # it has ended by itself, and says why
                await count(len(piece))
            with suppress(BrokenPipeError, ConnectionResetError, OSError):
                process.stdin.write_eof()

    @asynccontextmanager
    async def _running(self, command: str, doing: str) -> AsyncIterator[Any]:
        """A command there, which must end with 0.

        Raises:
            TransferError: it ended otherwise.
            LineLost: the line broke.
        """
        async with self._line.unbroken(f"{doing} went on"):
            connection = await self._line.connected(self._caller)
            # A server may begin elsewhere than at home, where the control shell goes.
            process = await connection.create_process(f"exec sh -c {quoted(f'cd; {command}')}", encoding=None)
            errors = asyncio.create_task(_all_of(process.stderr))
            try:
                yield process
                while await process.stdout.read(BLOCK):
                    pass
                await process.wait_closed()
            finally:
                process.close()
                said = await _result(errors)
            if process.exit_status is None:
                raise asyncssh.ConnectionLost("the channel ended without a status")
            if process.exit_status != 0:
                raise said_there(self._line.name, said, doing)

    async def _run(self, script: str) -> Answer:
        async with self._line.unbroken("files were looked at"):
            shell = await self._line.shell(self._caller)
            if shell is None:
                raise RemoteError(f"{self._line.name} gives no shell any more.")
            return await shell.run(script)

    def _find(self, start: str, staging: str) -> str:
        """A command that lists what is below a place, each with NULs behind its parts."""
        where = f"{quoted(start)} {'-maxdepth 0' if start != '.' else '-mindepth 1'}"
        prune = f"-name {quoted(f'{PART_PREFIX}*')} -prune -o" if staging else ""
        if self._has.find == "gnu":
            path = "%f" if start != "." else "%P"
            return f"find {where} {prune} -printf '%y\\0%s\\0%T@\\0%m\\0{path}\\0%l\\0'"
        if self._has.find == "stat":
            return f"find .// {prune} -exec stat -c '%F|%s|%Y|%a|%n' {{}} +"
        return ":"

    def _entries(self, said: bytes, only: str) -> dict[str, Entry]:
        entries = self._of_stat(said) if self._has.find == "stat" else _of_find(said)
        return {path: entry for path, entry in entries.items() if not only or path == only}

    def _of_stat(self, said: bytes) -> dict[str, Entry]:
        """What `stat` wrote: a name may hold a line's end, and no name holds a slash, so .// begins each."""
        found = list(_OF_STAT.finditer(said))
        entries: dict[str, Entry] = {}
        for number, head in enumerate(found):
            end = found[number + 1].start() if number + 1 < len(found) else len(said)
            path = said[head.end() : end].removesuffix(b"\n").decode(errors="surrogateescape")
            if path:
                kind = _KINDS.get(head[1].decode(), "?")
                entry = Entry(kind, int(head[2]), int(head[3]) * SECOND, int(head[4], 8))
                # What a link holds is not told here; it is left out rather than guessed.
                entries[checked_path(path)] = entry._replace(kind="?") if kind == LINK else entry
        return entries

    def _time(self, entry: Entry) -> str:
        seconds, rest = divmod(entry.mtime_ns, SECOND)
        return f"-d @{seconds}.{rest:09}" if self._has.tar == "gnu" else f"-d @{seconds}"


def _of_find(said: bytes) -> dict[str, Entry]:
    parts = said.decode(errors="surrogateescape").split("\0")
    entries: dict[str, Entry] = {}
    for at in range(0, len(parts) - 5, 6):
        kind, size, time, mode, path, target = parts[at : at + 6]
        try:
            seconds, _, rest = time.partition(".")
            mtime = int(seconds) * SECOND + int(f"{rest[:9]:0<9}")
            entry = Entry(_KINDS.get(kind, "?"), int(size), mtime, int(mode, 8), target)
        except ValueError:
            raise Lie("its list of files can't be read") from None
        entries[checked_path(path)] = entry
        if len(entries) > MOST_ENTRIES:
            raise Lie(f"it tells of more than {MOST_ENTRIES:,} files; fetch a part of them, or pack them there first")
    return entries


def _is_there(staged: Entry | None, wanted: Entry) -> bool:
    """Is it whole? Its time is set last."""
    if staged is None or staged.kind != wanted.kind:
        return False
    if wanted.kind == LINK:
        return staged.target == wanted.target
    same_second = staged.mtime_ns // SECOND == wanted.mtime_ns // SECOND
    return staged.size == wanted.size and same_second and staged.mode == wanted.mode & 0o777


def _gathered(path: str, entry: Entry) -> str:
    words = f"{path}\0{entry.size}\0{entry.mtime_ns}"
    return hashlib.sha256(words.encode(errors="surrogateescape")).hexdigest()[:24]


def _below(root: str, name: str) -> str:
    return f"{root.rstrip('/')}/{name}"


def _words(paths: Iterable[str]) -> Iterator[str]:
    """Paths as words of a command, as many as fit."""
    for batch in _batches(list(paths)):
        yield quoted(*(f"./{path}" for path in batch))


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for path in paths:
        if length > BATCH:
            yield batch
            batch, length = [], 0
        batch.append(path)
        length += len(path) + 6
    if batch:
        yield batch


def _pieces(source: Path, begin: int, end: int) -> Iterator[bytes]:
    """A file's contents from one place to another.

    Raises:
        TransferError: it can't be read, or has become shorter.
    """
    try:
        with source.open("rb") as file:
            file.seek(begin)
            left = end - begin
            while left > 0:
                piece = file.read(min(1 << 18, left))
                if not piece:
                    raise TransferError(f"{source} has become shorter while it was sent; the same call sends it anew.")
                left -= len(piece)
                yield piece
    except OSError as error:
        raise TransferError(f"{source} can't be read: {error.strerror}.") from error


async def _give_all(process: Any, data: bytes) -> None:
    with suppress(asyncssh.Error, OSError):
        for start in range(0, len(data), BLOCK):
            process.stdin.write(data[start : start + BLOCK])
            await process.stdin.drain()
        process.stdin.write_eof()


async def _all_of(stream: Any) -> str:
    said = b""
    with suppress(asyncssh.Error, OSError):
        while piece := await stream.read(BLOCK):
            said = (said + piece)[-BLOCK:]
    return said.decode(errors="replace")


async def _result(task: asyncio.Task[str]) -> str:
    try:
        return await asyncio.wait_for(task, 5)
    except TimeoutError:
        return ""
