"""A file of ours that runs on a machine: named by what is in it, put there whole, and asked by one channel."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import asyncssh

from glows_nb.remote.calling import in_time
from glows_nb.remote.lines.control_shell import quoted
from glows_nb.remote.lines.reading import AT_ONCE

Process = asyncssh.SSHClientProcess[bytes]

WITHIN: Final = 60.0
MOST_BEFORE_MARK: Final = 1 << 16

# Of a line that breaks in the middle the beginning comes, and then an end as of any other.
_PUT: Final = (
    'umask 077; d="$HOME/{folder}"; p="$d/{file}.$$"; mkdir -p "$d" && cat >"$p" && '
    '[ "$(wc -c <"$p")" -eq {size} ] && mv "$p" "$d/{file}" || {{ rm -f "$p"; exit 1; }}'
)


class OwnFile:
    """A file of this package that a machine has in a folder below its home.

    Args:
        path: where it is here.
        stem: what its name there begins with.
        folder: the folder there.
    """

    def __init__(self, path: str, stem: str, folder: str) -> None:
        self._path, self._stem, self._folder = Path(path), stem, folder

    def script(self, text: str, **words: object) -> str:
        """A script for sshd, run by sh whatever the user's shell is; {folder}, {file} and {size} are this file's."""
        code = self._path.read_bytes()
        name = f"{self._stem}-{hashlib.sha256(code).hexdigest()[:16]}.py"
        return f"exec sh -c {quoted(text.format(folder=self._folder, file=name, size=len(code), **words))}"

    async def put(self, connection: asyncssh.SSHClientConnection) -> tuple[int, str]:
        """Put it there; the status, and what was said.

        Raises:
            asyncssh.Error, OSError: the line broke.
        """
        done = await in_time(connection.run(self.script(_PUT), input=self._path.read_bytes(), encoding=None), WITHIN)
        return status_of(done.exit_status), text_of(done.stderr)


async def until_mark(process: Process, mark: bytes) -> tuple[bytes, bool]:
    """What comes behind the mark, and whether it has come; before it start files may say something."""
    said = b""
    while len(said) < MOST_BEFORE_MARK:
        piece = await process.stdout.read(AT_ONCE)
        said += piece
        _, found, after = said.partition(mark)
        if found:
            return after, True
        if not piece:
            break
    return said, False


def text_of(said: bytes | str | None) -> str:
    """What a command said."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def status_of(told: int | None) -> int:
    """How a command ended; one that ended without a status had its line broken.

    Raises:
        asyncssh.ConnectionLost: it had.
    """
    if told is None:
        raise asyncssh.ConnectionLost("the channel ended without a status")
    return told
