"""A machine that lies: its shell, its tar and its SFTP say what a test wants them to."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncssh

from tests.remote.ways import Door, own_host_key

_SCRIPT = re.compile(
    rb"\( cd; (.*?)\n\) </dev/null\nprintf '\\n([0-9a-f]{24}) %d\\n' \$\?; printf '\\n[0-9a-f]{24}\\n' >&2\n", re.DOTALL
)
PROBED = b"\0".join([b"/bin/sh", b"/root", b"tar (GNU tar) 1.34", b"gnu", b"stat"])
TOOLS = b"\0".join([b"sha256sum", b"dd", b"mv", b"mkdir", b"chmod", b"touch", b"rm", b"df", b""])
Bytes = bytes | Iterable[bytes]


def entry(
    path: bytes,
    kind: bytes = b"f",
    size: bytes = b"4",
    time: bytes = b"1700000000.5",
    mode: bytes = b"644",
    to: bytes = b"",
) -> bytes:
    """A line of find's list."""
    return b"\0".join([kind, size, time, mode, path, to, b""])


class HostileMachine:
    """An SSH server of a test.

    Args:
        listed: what its list of files says.
        tar: what it sends when it is asked for small files.
        dd: what it sends when it is asked for a large file.
        shell: answers a script, in place of all these; None is never to.
        errors: what commands say on stderr.
        sftp: SFTP in place of a shell.
        kind: what is at the path that is asked for.
        status: what is said for a script's status.
    """

    def __init__(
        self,
        *,
        listed: Bytes = b"",
        tar: Bytes = b"",
        dd: Bytes = b"",
        shell: Callable[[bytes], Bytes | None] | None = None,
        errors: Bytes = b"",
        sftp: Callable[[Any], asyncssh.SFTPServer] | None = None,
        kind: bytes = b"folder",
        status: bytes = b"0",
    ) -> None:
        self.listed, self.tar, self.dd, self.shell, self.errors = listed, tar, dd, shell, errors
        self.sftp, self.kind, self.status = sftp, kind, status
        self.door = Door(0, "root", "secret", Path("/nowhere"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> HostileMachine:
        self._thread.start()
        self._server = self._in_loop(self._begin())
        self.door.port = self._server.get_port()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._in_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _begin(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _LetIn,
            "127.0.0.1",
            0,
            server_host_keys=[own_host_key()],
            process_factory=None if self.sftp is not None else self._run,
            sftp_factory=self.sftp or False,
            encoding=None,
        )

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            command = (process.command or "").encode()
            if command == b"exec sh":
                await self._be_shell(process)
                return
            flood = asyncio.create_task(_write(process.stderr, self.errors))
            await _write(process.stdout, self.tar if b"tar " in command else self.dd)
            await flood
            process.exit(0)
        except (asyncssh.Error, OSError):
            return

    async def _be_shell(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        said = b""
        while piece := await process.stdin.read(1 << 16):
            said += piece
            while found := _SCRIPT.search(said):
                said = said[found.end() :]
                script, word = found[1], found[2]
                answer = self.shell(script) if self.shell is not None else self._answer(script)
                if answer is None:
                    await asyncio.sleep(3600)
                    continue
                await _write(process.stdout, answer)
                process.stdout.write(b"\n" + word + b" " + self.status + b"\n")
                if b"df -Pk" in script:
                    await _write(process.stderr, self.errors)
                process.stderr.write(b"\n" + word + b"\n")

    def _answer(self, script: bytes) -> Bytes:
        if b"tar --version" in script:
            return PROBED + b"\0" + TOOLS
        if b"echo folder" in script:
            return self.kind + b"\n"
        if b"df -Pk" in script:
            return _joined(b"fs 1 1 999999999 1% /\n\0", self.listed, b"\0\0\0")
        return b""


class _LetIn(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "secret"


def _joined(*all_of: Bytes) -> Iterable[bytes]:
    for one in all_of:
        yield from [one] if isinstance(one, bytes) else one


async def _write(stream: Any, pieces: Bytes) -> None:
    for piece in [pieces] if isinstance(pieces, bytes) else pieces:
        stream.write(piece)
        await stream.drain()


class LyingFiles(asyncssh.SFTPServer):
    """SFTP over no files at all: one folder, of which a test says what is in it."""

    names: Callable[[], Iterable[tuple[bytes, int, int]]] = staticmethod(lambda: [])
    """Names, kinds as of SFTP, sizes."""
    target = b"x"
    contents = b""
    is_endless = False

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for number, (name, kind, size) in enumerate(type(self).names()):
            if number % 100 == 0:
                await asyncio.sleep(0)
            yield asyncssh.SFTPName(name, b"", self._attributes(kind, size))

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self._attributes(asyncssh.FILEXFER_TYPE_DIRECTORY, 0)

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.stat(path)

    def readlink(self, path: bytes) -> bytes:
        return self.target

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        return self

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if self.is_endless:
            return b"y" * size
        return self.contents[offset : offset + size]

    def close(self, file_obj: object) -> None:
        pass

    def statvfs(self, path: bytes) -> Any:
        raise asyncssh.SFTPOpUnsupported("no")

    @staticmethod
    def _attributes(kind: int, size: int) -> asyncssh.SFTPAttrs:
        bits = {asyncssh.FILEXFER_TYPE_DIRECTORY: 0o040755, asyncssh.FILEXFER_TYPE_SYMLINK: 0o120777}
        permissions = bits.get(kind, 0o020644 if kind == asyncssh.FILEXFER_TYPE_CHAR_DEVICE else 0o100644)
        return asyncssh.SFTPAttrs(type=kind, size=size, permissions=permissions, atime=1, mtime=1_700_000_000)
