"""A shell on the machine that stays open, for what we do there beside the user's commands.

An exec costs a real sshd 70 ms, a line to a shell that is there one round trip. It is `sh`, given scripts on its input;
what each says is told apart by a word that nobody can guess. It begins by saying what the machine has.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
from dataclasses import dataclass
from typing import Any, Final

import asyncssh

from glows_nb.remote.calling import in_time
from glows_nb.remote.errors import RemoteError
from glows_nb.remote.lines.reading import AT_ONCE

START_SECONDS: Final = 20
MOST_BYTES: Final = 1 << 27
"""Of one answer: a list of half a million files has about 60 MB."""
MOST_ERRORS: Final = 1 << 16

PROBED: Final = 5
"""So much a machine tells of itself before the tools that it has."""

_PROBE: Final = r"""
say() { printf '%s\0' "$1"; }
say "${SHELL:-}"; say "$HOME"
say "$(tar --version 2>&1 | head -n 1)"
say "$(find . -maxdepth 0 -printf gnu 2>/dev/null)"
say "$(find . -maxdepth 0 -exec stat -c stat {} + 2>/dev/null || stat -c walk . 2>/dev/null)"
for tool in sha256sum dd mv mkdir chmod touch rm df; do command -v "$tool" >/dev/null 2>&1 && say "$tool"; done
"""


@dataclass(frozen=True)
class Has:
    """What there is on the machine."""

    login_shell: str
    home: str
    tar: str
    """"gnu", "other" or ""."""
    find: str
    """"gnu" where it prints what it is told, "stat" where stat does, "walk" where there is stat alone, else ""."""
    tools: frozenset[str]

    @property
    def can_place(self) -> bool:
        """Is there what files are put in place with?"""
        return bool(self.tar and self.find) and {"mv", "mkdir", "rm", "chmod", "touch"} <= self.tools


@dataclass(frozen=True)
class Answer:
    """What a script said, and the status of its last command."""

    output: bytes
    errors: str
    status: int


class ControlShell:
    """The shell; one script at a time."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        self._lock = asyncio.Lock()
        self.is_usable = True
        self.has = Has("", "", "", "", frozenset())

    @classmethod
    async def open(cls, connection: asyncssh.SSHClientConnection) -> ControlShell:
        """Start one and ask what there is; it is not usable where the machine gives no shell.

        Raises:
            asyncssh.Error, OSError: the line broke.
        """
        process = await connection.create_process("exec sh", encoding=None)
        shell = cls(process)
        try:
            answer = await in_time(shell.run(_PROBE), START_SECONDS)
        except (RemoteError, TimeoutError):
            shell.close()
            return shell
        said = answer.output[:MOST_ERRORS].decode(errors="replace").split("\0")[:-1]
        if len(said) < PROBED:
            shell.close()
            return shell
        login_shell, home, tar, find, stat, *tools = said
        kind = "gnu" if "GNU tar" in tar else "other" if "tar" in tar.lower() and "not found" not in tar else ""
        shell.has = Has(login_shell, home, kind, find or stat, frozenset(tools))
        return shell

    async def run(self, script: str) -> Answer:
        """Run a script, in a shell of its own that begins at home, and return what it says.

        Raises:
            RemoteError: the shell has ended, or said too much.
            asyncssh.Error, OSError: the line broke.
        """
        async with self._lock:
            if not self.is_usable:
                raise RemoteError("The shell on the machine has ended.")
            word = secrets.token_hex(12)
            end = f"printf '\\n{word} %d\\n' $?; printf '\\n{word}\\n' >&2\n"
            try:
                self._process.stdin.write(f"( cd; {script}\n) </dev/null\n{end}".encode(errors="surrogateescape"))
                mark = f"\n{word}".encode()
                (output, status), errors = await asyncio.gather(
                    _until(self._process.stdout, mark + b" "), self._errors(mark + b"\n")
                )
            except BaseException:
                # What comes next would belong to a script that nobody waits for any more.
                self.close()
                raise
            if not re.fullmatch(rb"[0-9]{1,3}", status):
                self.close()
                raise RemoteError("The shell on the machine says what no shell says.")
            return Answer(output, errors, int(status))

    def close(self) -> None:
        """End it."""
        self.is_usable = False
        self._process.close()

    async def _errors(self, mark: bytes) -> str:
        said, _ = await _until(self._process.stderr, mark, MOST_ERRORS)
        return said.decode(errors="replace").strip()


async def _until(stream: Any, mark: bytes, keep: int | None = None) -> tuple[bytes, bytes]:
    """All before a mark, and the rest of its line; of what is over `keep` only the end is kept."""
    said = bytearray()
    looked = 0
    while True:
        place = said.find(mark, max(0, looked - len(mark)))
        if place >= 0:
            rest = said[place + len(mark) :]
            if mark.endswith(b"\n") or b"\n" in rest:
                del said[place:]
                return bytes(said), b"" if mark.endswith(b"\n") else bytes(rest.partition(b"\n")[0])
        looked = place + len(mark) if place >= 0 else len(said)
        piece = await stream.read(AT_ONCE)
        if not piece:
            raise RemoteError("The machine gives no shell, or has ended it.")
        said += piece
        if keep is not None and len(said) > 2 * keep:
            del said[:-keep]
            looked = 0
        elif keep is None and len(said) > MOST_BYTES:
            raise RemoteError(f"The machine's answer is over {MOST_BYTES >> 20} MB, and was not read on.")


def quoted(*words: str) -> str:
    """Words as a shell reads them, each for itself."""
    return shlex.join(words)
