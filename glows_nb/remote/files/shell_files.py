"""A machine's files by a shell and tar: the list of all in one answer, what is small in one stream."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncssh

from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import RemoteError, TransferError
from glows_nb.remote.files.entries import FILE, LINK, SECOND, Entry, Lie, Tree, below, is_same_time, version_name
from glows_nb.remote.files.listing import entries_of, list_command
from glows_nb.remote.files.local_target import hash_of
from glows_nb.remote.files.local_tree import changed_meanwhile
from glows_nb.remote.files.machine_files import Count, Placing, RootKind, answered, said_there, texts_of
from glows_nb.remote.files.tar_stream import contents, in_pieces, members, packed
from glows_nb.remote.lines.control_shell import Answer, Has, quoted
from glows_nb.remote.lines.reading import AT_ONCE, WholeReader

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

LARGE: Final = 8 << 20
"""A file from this size on goes by itself, so that a cut costs nothing of it."""
BLOCK: Final = 1 << 16
BATCH: Final = 1 << 16
"""Bytes of words in one command there."""
ANSWER_SECONDS: Final = 3600.0
"""For the whole answer of the shell, which may have to hash many large files."""
MOST_AFTER: Final = 1 << 20
"""Bytes that a machine may still send when all that was asked for is there: tar fills up its last block."""
_OF_SUM: Final = re.compile(rb"^(\\?)([0-9a-f]{64})  \./(.*)$", re.MULTILINE)
_ESCAPED: Final = {rb"\\": b"\\", rb"\n": b"\n", rb"\r": b"\r"}


class ShellFiles:
    """Files by the control shell, and by one command more for each stream."""

    about = ""
    complaint = ""

    def __init__(self, line: Line, caller: Caller, has: Has) -> None:
        self._line, self._caller, self._has = line, caller, has

    @property
    def has(self) -> Has:
        """What there is on the machine."""
        return self._has

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
        listed = list_command(self._has.find, only, leaves_parts=bool(staging), follows=bool(only) and not staging)
        script = (
            f'r={quoted(root)}; d=$r; while [ ! -d "$d" ]; do case $d in */*) d=${{d%/*}}; d=${{d:-/}} ;; *) d=. ;; '
            'esac; done; df -Pk "$d" 2>/dev/null | tail -n 1; printf \'\\0\'; cd "$r" 2>/dev/null || exit 0\n'
            f"{listed}\nprintf '\\0\\0\\0'\n"
        )
        if staging:
            staged = list_command(self._has.find, leaves_parts=False)
            script += f"[ -d ./{staging} ] && cd ./{staging} && {{ {staged}\n}}"
        said = await self._run(script)
        tree, output = Tree(), said.output
        begin, middle = output.find(b"\0") + 1, output.rfind(b"\0\0\0")
        numbers = output[: min(begin, 4096)].rstrip(b"\0").split()
        tree.free = int(numbers[3]) * 1024 if len(numbers) > 3 and numbers[3].isdigit() else None
        try:
            if middle >= begin:
                tree.entries = entries_of(output, begin, middle, self._has.find)
                tree.staged = entries_of(output, middle + 3, len(output), self._has.find)
        except Lie as lie:
            raise TransferError(f"{self._line.name} can't be believed: {lie}. Nothing was fetched.") from None
        if only:
            tree.entries = {path: entry for path, entry in tree.entries.items() if path == only}
        if said.errors:
            tree.is_partial = True
            tree.notes.append(said_there(self._line.name, said.errors, "looking at everything").args[0])
        return tree

    async def read_small(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The text of small files."""
        return await texts_of(self._line.name, self.small(root, paths))

    async def hashes(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The SHA-256 of files; of none where there is no program for it."""
        found: dict[str, str] = {}
        if "sha256sum" not in self._has.tools:
            return found
        for batch in _batches(paths):
            words = quoted(*(f"./{path}" for path in batch))
            answer = await self._run(f"cd {quoted(root)} && sha256sum -- {words}")
            for is_escaped, digest, name in _OF_SUM.findall(answer.output):
                if is_escaped:
                    name = re.sub(rb"\\[\\nr]", lambda sign: _ESCAPED[sign[0]], name)
                found[name.decode(errors="surrogateescape")] = digest.decode()
        return found

    async def put(
        self, root: str, staging: str, files: Mapping[str, Entry], locate: Callable[[str], Path], count: Count
    ) -> tuple[dict[str, str], list[str]]:
        """Send small files as one stream, then each large one from where it is."""
        tree = await self.salvaged(root, staging)
        large = {path: entry for path, entry in files.items() if entry.kind == FILE and entry.size >= LARGE}
        small = {path: entry for path, entry in files.items() if path not in large}
        missing = {path: entry for path, entry in small.items() if not is_whole(tree.get(path), entry)}
        await count(sum(entry.size for path, entry in small.items() if path not in missing), was_there=True)
        changed: list[str] = []
        if missing:
            command = f"cd {quoted(below(root, staging))} && exec tar -xpof -"
            stream = packed(missing, locate, changed, has_parts_of_seconds=self._has.tar == "gnu")
            await self._pour(command, stream, count, "writing files")
        names = {}
        for path, entry in large.items():
            name = version_name(path, entry)
            names[path] = name
            there = tree.get(f"large/{name}")
            await self._put_large(below(root, staging), name, locate(path), entry, there.size if there else 0, count)
            if changed_meanwhile(locate(path), entry):
                changed.append(path)
        return names, changed

    async def place(self, root: str, staging: str, placing: Placing) -> None:
        """Put everything in place by renames, and take the staging folder away."""
        # From within the staging folder: where a line that is gone still does this while the next one has renamed the
        # folder, it can only do what is right, or fail.
        lines = [f"cd {quoted(root)} && cd ./{staging} || exit 1"]
        lines += [f"mkdir -p -- {words} || exit 1" for words in _words(f"../{path}" for path in placing.folders)]
        closed = [path for path, entry in placing.folders.items() if not entry.mode & 0o200]
        lines += [f"chmod u+wx -- {words} || exit 1" for words in _words(f"../{path}" for path in closed)]
        by_folder: dict[str, list[str]] = {}
        for path in placing.files:
            if path not in placing.large:
                by_folder.setdefault(path.rpartition("/")[0], []).append(path)
        for folder, paths in by_folder.items():
            to = quoted(f"../{folder}/" if folder else "../")
            lines += [f"mv -f -- {words} {to} || exit 1" for words in _words(f"./{path}" for path in paths)]
        for path, name in placing.large.items():
            entry, gathered, to = placing.files[path], quoted(f"./large/{name}"), quoted(f"../{path}")
            lines.append(
                f"[ \"$(wc -c <{gathered})\" -eq {entry.size} ] || {{ echo 'a file has another size' >&2; exit 1; }}\n"
                f"chmod {_mode(entry)} {gathered} && touch {self._time(entry)} {gathered} || exit 1\n"
                # Into a folder it would go by another name, and through a link to one it would go elsewhere.
                f"[ ! -d {to} ] || [ ! -L {to} ] || rm -f -- {to}\n"
                f"[ ! -d {to} ] || {{ echo a folder is there: {to} >&2; exit 1; }}\n"
                f"mv -f -- {gathered} {to} || exit 1"
            )
        for path, entry in placing.modes.items():
            to = quoted(f"../{path}")
            lines.append(f"chmod {_mode(entry)} -- {to} && touch {self._time(entry)} -- {to}")
        by_mode: dict[str, list[str]] = {}
        for path in sorted(placing.folders, reverse=True):
            by_mode.setdefault(_mode(placing.folders[path]), []).append(f"../{path}")
        for mode, paths in by_mode.items():
            lines += [f"chmod {mode} -- {words} || exit 1" for words in _words(paths)]
        lines.append(f"rm -rf -- ./* ./.[!.]* ./..?*; cd ..; rmdir -- ./{staging}; rm -rf -- ./{staging}-old")
        answer = await self._run("\n".join(lines))
        if answer.status:
            raise said_there(self._line.name, answer.errors, "putting files in place")

    async def small(self, root: str, paths: Sequence[str]) -> AsyncIterator[tuple[str, bytes]]:
        """What tar makes of them; where it can it reads their names on its input, so that there may be any number."""
        if self._has.tar == "gnu":
            names = b"".join(f"./{path}".encode(errors="surrogateescape") + b"\0" for path in paths)
            streams = [("exec tar --format=gnu --null --no-recursion -chf - -T -", names, paths)]
        else:
            # Not every other one reads names from its input.
            batches = _batches([f"./{path}" for path in paths], BATCH // 4)
            streams = [
                (f"exec tar -chf - {quoted(*batch)}", b"", [path.removeprefix("./") for path in batch])
                for batch in batches
            ]
        for command, names, wanted in streams:
            # One that grows or goes away meanwhile is no reason to take none of the others.
            running = self._running(f"cd {quoted(root)} && {command}", "reading files", must_end_well=False)
            async with running as process:
                giving = asyncio.create_task(_give_all(process, names))
                try:
                    async for member in members(
                        WholeReader(_Timely(self._line.name, process.stdout)), frozenset(wanted)
                    ):
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
            while piece := await answered(self._line.name, process.stdout.read(AT_ONCE)):
                yield piece

    async def prefix_hash(self, path: str, length: int) -> str:
        """The SHA-256 of a file's first bytes; "" where nobody can tell."""
        answer = await self._run(f"head -c {length} -- {quoted(path)} | sha256sum")
        return answer.output.decode(errors="replace")[:64]

    async def remove(self, root: str, paths: Sequence[str]) -> None:
        """Remove files and links, and folders that are empty by then."""
        deepest = sorted(paths, key=lambda path: path.count("/"), reverse=True)
        lines = [f"cd {quoted(root)} || exit 1"]
        for words in _words(f"./{path}" for path in deepest):
            lines.append(
                f'for f in {words}; do if [ -d "$f" ] && [ ! -L "$f" ]; then rmdir -- "$f" 2>/dev/null; '
                'else rm -f -- "$f" || exit 1; fi; done'
            )
        answer = await self._run("\n".join([*lines, ":"]))
        if answer.status:
            raise said_there(self._line.name, answer.errors, "removing files")

    async def salvaged(self, root: str, staging: str) -> dict[str, Entry]:
        """The files that an interrupted transfer has left, in a new staging folder that holds nothing else.

        The old one is renamed first: what writes there still, of a line that is gone, goes on writing there. No link is
        taken over, so that nothing that is unpacked there next is led elsewhere by one.
        """
        place, old = below(root, staging), below(root, f"{staging}-old")
        answer = await self._run(
            f"mkdir -p -- {quoted(root)} && umask 077 && {{ [ ! -d {quoted(place)} ] || "
            f"{{ rm -rf -- {quoted(old)}; mv -- {quoted(place)} {quoted(old)}; }}; }} && "
            f"mkdir -- {quoted(place)} && {{ [ ! -d {quoted(f'{old}/large')} ] || "
            f"mv -- {quoted(f'{old}/large')} {quoted(place)}; }} && mkdir -p -- {quoted(f'{place}/large')} && "
            f"{{ [ ! -d {quoted(old)} ] || echo old; }}"
        )
        if answer.status:
            raise said_there(self._line.name, answer.errors, "making a folder")
        if not answer.output:
            return {}  # it is the first time
        found = await self.tree(old, "", "")
        whole = {path: entry for path, entry in found.entries.items() if entry.kind == FILE}
        lines = [f"cd {quoted(old)} 2>/dev/null || exit 0"]
        by_folder: dict[str, list[str]] = {}
        for path in whole:
            by_folder.setdefault(path.rpartition("/")[0], []).append(path)
        for folder, paths in by_folder.items():
            to = quoted(f"../{staging}/{folder}/" if folder else f"../{staging}/")
            words_of_all = _words(f"./{path}" for path in paths)
            lines += [f"mkdir -p -- {to}", *(f"mv -f -- {words} {to}" for words in words_of_all)]
        lines.append(f"find ../{staging} ! -type f ! -type d -exec rm -f -- {{}} +")
        if whole:
            await self._run("\n".join(lines))
        # What is there now, not what was there: what still went on meanwhile may have put some in place.
        return (await self.tree(place, "", "")).entries

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
        await count(begin, was_there=True)
        command = f"exec dd of={quoted(place)} bs={BLOCK} seek={begin // BLOCK}{' conv=notrunc' if begin else ''}"
        await self._pour(command, contents(source, entry.size, begin), count, "writing a file")

    async def _pour(self, command: str, pieces: Iterable[bytes], count: Count, doing: str) -> None:
        """Give a command there its input."""
        async with self._running(command, doing) as process:
            for piece in pieces:
                try:
                    for part in in_pieces([piece], BLOCK):
                        process.stdin.write(part)
                        # What is known of a line that broke by now is heard, before more is given to it.
                        await asyncio.sleep(0)
                    await answered(self._line.name, process.stdin.drain())
                except (BrokenPipeError, ConnectionResetError):
                    break  # it has ended by itself, and says why
                await count(len(piece))
            with suppress(BrokenPipeError, ConnectionResetError, OSError):
                process.stdin.write_eof()

    @asynccontextmanager
    async def _running(self, command: str, doing: str, *, must_end_well: bool = True) -> AsyncIterator[Any]:
        """A command there, which must end with 0, or else is complained of.

        Raises:
            TransferError: it ended otherwise.
            LineLost: the line broke.
        """
        name = self._line.name
        async with self._line.unbroken(f"{doing} went on"):
            connection = await self._line.connected(self._caller)
            # A server may begin elsewhere than at home, where the control shell goes.
            process = await connection.create_process(f"exec sh -c {quoted(f'cd; {command}')}", encoding=None)
            errors = asyncio.create_task(_all_of(process.stderr))
            try:
                yield process
                left = MOST_AFTER
                while piece := await answered(name, process.stdout.read(AT_ONCE)):
                    left -= len(piece)
                    if left < 0:
                        raise TransferError(f"{name} can't be believed: it goes on sending after the end.")
                await answered(name, process.wait_closed())
            finally:
                process.close()
                said = await _result(errors)
            if process.exit_status is None:
                raise asyncssh.ConnectionLost("the channel ended without a status")
            if process.exit_status != 0:
                failure = said_there(self._line.name, said, doing)
                if must_end_well:
                    raise failure
                self.complaint = str(failure)

    async def _run(self, script: str) -> Answer:
        async with self._line.unbroken("files were looked at"):
            shell = await self._line.shell(self._caller)
            if shell is None:
                raise RemoteError(f"{self._line.name} gives no shell any more.")
            return await answered(self._line.name, shell.run(script), ANSWER_SECONDS)

    def _time(self, entry: Entry) -> str:
        seconds, rest = divmod(entry.mtime_ns, SECOND)
        return f"-d @{seconds}.{rest:09}" if self._has.tar == "gnu" else f"-d @{seconds}"


def _mode(entry: Entry) -> str:
    return f"{entry.mode & 0o777:o}"


def is_whole(staged: Entry | None, wanted: Entry) -> bool:
    """Is it whole? Its time is set last."""
    if staged is None or staged.kind != wanted.kind:
        return False
    if wanted.kind == LINK:
        return staged.target == wanted.target
    is_same = is_same_time(staged, wanted) is not False
    return is_same and staged.size == wanted.size and staged.mode == wanted.mode & 0o777


def _words(paths: Iterable[str]) -> Iterator[str]:
    """Paths as words of a command, as many as fit; they begin with . already."""
    for batch in _batches(list(paths)):
        yield quoted(*batch)


def _batches(paths: Sequence[str], most: int = BATCH) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for path in paths:
        if length > most:
            yield batch
            batch, length = [], 0
        batch.append(path)
        length += len(path) + 6
    if batch:
        yield batch


class _Timely:
    """What a machine sends, each piece in time."""

    def __init__(self, name: str, stream: Any) -> None:
        self._name, self._stream = name, stream

    async def read(self, length: int) -> bytes:
        """So many bytes at most."""
        read: bytes = await answered(self._name, self._stream.read(length))
        return read


async def _give_all(process: Any, data: bytes) -> None:
    with suppress(asyncssh.Error, OSError):
        for start in range(0, len(data), BLOCK):
            process.stdin.write(data[start : start + BLOCK])
            await process.stdin.drain()
        process.stdin.write_eof()


async def _all_of(stream: Any) -> str:
    said = b""
    with suppress(asyncssh.Error, OSError):
        while piece := await stream.read(AT_ONCE):
            said = (said + piece)[-BLOCK:]
    return said.decode(errors="replace")


async def _result(task: asyncio.Task[str]) -> str:
    try:
        return await in_time(task, 5)
    except TimeoutError:
        return ""
