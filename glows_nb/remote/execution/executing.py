"""Run a command on a machine: what it writes comes while it runs, and an interrupt ends it there, with all of it."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import asyncssh
from pydantic import SecretStr

from glows_nb.api.errors import GlowsError
from glows_nb.api.statuses import LEAVING
from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import CommandFailed, LineLost, NotReachable, RemoteError
from glows_nb.remote.execution.ending import end_command
from glows_nb.remote.execution.giving import Given, pieces
from glows_nb.remote.execution.printing import OnOutput
from glows_nb.remote.lines.reading import AT_ONCE
from glows_nb.remote.output import Completed, Kept, last_lines

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

MOST_BEFORE_MARK: Final = 1 << 16
POSIX_SHELLS: Final = ("sh", "bash", "dash", "zsh", "ash", "ksh")
END_OF_INPUT: Final = b"\x04"
SAYS_WITHIN: Final = 1.0
MARKED_WITHIN: Final = 5.0
BEGINS_WITHIN: Final = 60.0
QUIET_SECONDS: Final = 0.5
MOST_LEFT: Final = 2

LEFT: Final = "[It has ended. Something that it started runs on there, whose output is not shown any more.]"

_left: Final[list[_Running]] = []
"""What has left something running: its output is read on."""


async def execute(
    line: Line,
    caller: Caller,
    text: str,
    *,
    check: bool,
    timeout: float | None,
    given: str | Given,
    env: Mapping[str, SecretStr] | None,
    pty: bool,
    on_output: OnOutput,
) -> Completed:
    """Run a command, given as `checked` has it; see `Machine.exec`.

    Raises:
        CommandFailed: it ended otherwise than with 0 and `check` was asked for, or the time was over.
        LineLost: the line broke; the command may go on.
    """
    async with line.sessions:
        running = _Running(line, caller, text, env or {}, on_output)
        began = time.monotonic()
        is_late = await _is_late(running, line, given.encode() if isinstance(given, str) else given, timeout, pty=pty)
    completed = running.completed(time.monotonic() - began)
    if is_late:
        raise CommandFailed(
            f"{visible(text[:60])!r} on {line.name} took over {timeout:g} s and "
            f"{'was ended there' if running.has_ended else 'may go on running there'}. "
            f"{_said(completed)}".rstrip(),
            completed,
        )
    if check and completed.exit_status != 0:
        how = f"by signal {completed.signal}" if completed.signal else f"with exit status {completed.exit_status}"
        raise CommandFailed(
            f"{visible(text[:60])!r} on {line.name} ended {how}. {_said(completed)}".rstrip(), completed
        )
    return completed


async def _is_late(running: _Running, line: Line, given: Given, timeout: float | None, *, pty: bool) -> bool:
    """Run it to its end; was it ended there since its time was over?"""
    try:
        async with line.unbroken(f"{visible(running.text[:60])!r} ran there; it may go on running"):
            async with asyncio.timeout(timeout):
                await running.start(pty=pty)
                await running.finish(given)
    except TimeoutError:
        await running.end()
        return True
    except asyncio.CancelledError as stop:
        # A second cancellation, of a second Ctrl-C, reaches this and is not waited out.
        if await running.end():
            how = "was ended on" if running.has_ended else "may go on running on"
            stop.add_note(f"It {how} {line.name}, with what it had started.")
        raise
    except LineLost as lost:
        await _say_if_ended(line, lost)
        raise
    except NotBegun:
        await running.end()
        raise
    except ListenerFailed as failed:
        await running.end()
        raise failed.error from None
    return False


async def _say_if_ended(line: Line, lost: LineLost) -> None:
    """A machine that has ended is why its line broke, and there is nothing on it that could go on.

    Raises:
        NotReachable: it has.
    """
    has_ended = False
    with suppress(GlowsError):
        has_ended = (await line.ask()).status in LEAVING
    if has_ended:
        raise NotReachable(f"{line.name} has ended while the command ran, and the command with it.") from lost


def _said(completed: Completed) -> str:
    lines = last_lines(completed)
    return f"Its last lines: {lines}" if lines else "It said nothing."


class ListenerFailed(Exception):
    """Whoever hears of a command's output can't, which says nothing of the line.

    Attributes:
        error: why.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class NotBegun(RemoteError):
    """The machine's shell did not come to the command."""


class _Running:
    """A command that runs, and what came of it."""

    def __init__(
        self, line: Line, caller: Caller, text: str, env: Mapping[str, SecretStr], on_output: OnOutput
    ) -> None:
        self.text = text
        self._line, self._caller, self._env, self._on_output = line, caller, env, on_output
        self._kept = (Kept(), Kept())
        self._pid: int | None = None
        self._mark = f"{secrets.token_hex(8)} "
        self._process: asyncssh.SSHClientProcess[bytes] | None = None
        self._has_begun = asyncio.Event()
        self._has_left = self._is_terminal = self.has_ended = False
        self._reading: asyncio.Future[tuple[None, None]] | None = None

    async def start(self, *, pty: bool) -> None:
        """Begin."""
        self._is_terminal = pty
        connection = await self._line.connected(self._caller)
        options: dict[str, Any] = {"term_type": "xterm-256color", "term_size": (120, 40)} if pty else {}
        words = _command_line(self.text, self._mark, self._line.login_shell, len(_exports(self._env)), pty=pty)
        opening = asyncio.ensure_future(connection.create_process(words, encoding=None, **options))
        try:
            self._process = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # It may have begun there before that was heard here, and would go on.
            with suppress(asyncssh.Error, OSError):
                self._process = await in_time(opening, MARKED_WITHIN)
            raise

    async def finish(self, given: Given) -> None:
        """Give it its input, and take what it writes until it has ended."""
        process = self._process
        if process is None:
            return
        self._reading = self._begin_to_read(process)
        giving = asyncio.create_task(self._give(process, given))
        try:
            # Where the time is over, what it says while it is ended is still to be read.
            left = asyncio.create_task(self._left_behind(process))
            both: set[asyncio.Future[Any]] = {self._reading, left}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if left.done() and left.exception() is not None:
                await left
            if not self._reading.done():
                await self._leave(self._reading)
                return
            await self._reading
            await process.wait_closed()
        finally:
            giving.cancel()
            left.cancel()
        if process.exit_status is None and not process.exit_signal:
            raise asyncssh.ConnectionLost("the channel ended without a status")
        if self._pid is None:
            raise NotBegun(
                f"{self._line.name} did not run the command: a start file of its shell (.bashrc, .profile) ended it "
                f"before, or there is no shell. It said: {visible(self._kept[0].text().strip()[-200:]) or 'nothing'}"
            )

    def _begin_to_read(self, process: asyncssh.SSHClientProcess[bytes]) -> asyncio.Future[tuple[None, None]]:
        reading = asyncio.gather(self._read(process.stdout, 0), self._read(process.stderr, 1))
        # A second interrupt leaves it to itself, which is not to be complained of.
        reading.add_done_callback(_retrieve)
        return reading

    async def _left_behind(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        """The command has ended, and nothing more comes, though something still has its output."""
        try:
            await in_time(self._has_begun.wait(), BEGINS_WITHIN)
        except TimeoutError:
            raise NotBegun(
                f"{self._line.name} did not come to the command within {BEGINS_WITHIN:g} s: a start file of its shell "
                "(.bashrc, .profile) waits for something or starts something else. glows-nb ssh shows what."
            ) from None
        seen = -1
        while process.exit_status is None or seen != (seen := self._length()):
            await asyncio.sleep(QUIET_SECONDS)

    def _length(self) -> int:
        return sum(kept.length for kept in self._kept)

    async def _leave(self, reading: asyncio.Future[tuple[None, None]]) -> None:
        """What runs on there has the channel, which is read until it ends: to write would end it otherwise."""
        self._has_left = True
        left = [one for one in _left if one._line is self._line]
        if len(left) >= MOST_LEFT:
            # Each has one of the few sessions of the line.
            left[0].let_go()
        _left.append(self)
        reading.add_done_callback(lambda _: self.let_go())
        await self._caller.call(lambda: self._on_output.note(LEFT))

    def let_go(self) -> None:
        """Its output is not read any more."""
        if self in _left:
            _left.remove(self)
        if self._reading is not None:
            self._reading.cancel()
        if self._process is not None:
            self._process.close()

    async def end(self) -> bool:
        """End it there, with what it started, and take what it says to that; False where it had not begun."""
        process = self._process
        if process is None:
            return False
        with suppress(RemoteError, asyncssh.Error, OSError, ListenerFailed):
            self._reading = self._reading or self._begin_to_read(process)
            if self._pid is None:
                await in_time(self._has_begun.wait(), MARKED_WITHIN)
            if self._pid is not None:
                self.has_ended = await end_command(self._line, self._caller, self._pid)
            if self._reading is not None:
                await in_time(asyncio.shield(self._reading), SAYS_WITHIN)
        self.let_go()
        return True

    def completed(self, seconds: float) -> Completed:
        """How it ended."""
        process = self._process
        out, err = self._kept
        out.finish()
        err.finish()
        signal = process.exit_signal[0] if process is not None and process.exit_signal else ""
        status = process.exit_status if process is not None and not signal else None
        return Completed(
            self.text, status, out.text(), err.text(), signal, out.path, err.path, seconds, self._has_left, self._kept
        )

    async def _give(self, process: asyncssh.SSHClientProcess[bytes], given: Given) -> None:
        """First the environment, by the input, where no list of processes shows it and no terminal echoes it yet."""
        await self._has_begun.wait()
        with suppress(asyncssh.Error, OSError):
            # No frame that shows what is in it is there while the line is used.
            process.stdin.write(_exports(self._env) if self._pid is not None else b"")
            async for piece in pieces(given):
                process.stdin.write(piece)
                await process.stdin.drain()
            # A terminal has no other end of what it reads.
            process.stdin.write(END_OF_INPUT if self._is_terminal else b"")
            process.stdin.write_eof()

    async def _read(self, stream: asyncssh.SSHReader[bytes], number: int) -> None:
        if number == 0:
            await self._read_mark(stream)
        while piece := await stream.read(AT_ONCE):
            await self._take(piece, number)
        await self._take(b"", number)

    async def _read_mark(self, stream: asyncssh.SSHReader[bytes]) -> None:
        """The number of its process comes first; what the shell's own files say before that is not the command's."""
        said, mark = b"", self._mark.encode()
        while True:
            piece = await stream.read(AT_ONCE)
            said += piece
            begin, _, rest = said.partition(mark)
            if rest and b"\n" in rest:
                words, _, after = rest.partition(b"\n")
                pid, _, login_shell = words.decode(errors="replace").strip().partition(" ")
                self._pid = int(pid) if pid.isdecimal() else None
                if login_shell:
                    self._line.login_shell = login_shell
                self._has_begun.set()
                if after:
                    await self._take(after, 0)
                return
            if not piece or len(begin) > MOST_BEFORE_MARK:
                # Not what a shell does, so whatever it is is shown as it came.
                self._has_begun.set()
                await self._take(said, 0)
                return

    async def _take(self, piece: bytes, number: int) -> None:
        if self._has_left:
            return
        self._kept[number].add(piece)
        if self._on_output.wants(number, piece):
            try:
                await self._caller.call(lambda: self._on_output(piece, number == 1))
            except Exception as error:
                raise ListenerFailed(error) from error


def _retrieve(reading: asyncio.Future[tuple[None, None]]) -> None:
    if not reading.cancelled():
        reading.exception()


def _exports(env: Mapping[str, SecretStr]) -> bytes:
    """The lines that set an environment."""
    lines = (f"export {name}={shlex.quote(value.get_secret_value())}\n" for name, value in env.items())
    return "".join(lines).encode()


def _command_line(text: str, mark: str, login_shell: str, given_first: int, *, pty: bool) -> str:
    """The words for sshd: say the number of the process, take the environment from the input, run the command.

    Of the input so many bytes are the environment, which comes once the number was said.
    """
    before = "stty -echo\n" if pty and given_first else ""
    environment = f'eval "$(dd bs=1 count={given_first} 2>/dev/null)"\n' if given_first else ""
    environment += "stty echo\n" if before else ""
    if login_shell.rpartition("/")[2] in POSIX_SHELLS:
        return f"{before}echo {mark}$$\n{environment}{text}"
    # Any shell runs this, whatever its own language is. What its start files say comes before the mark.
    begin = shlex.quote(f'{before}echo {mark}$$ "$SHELL"\n{environment}')
    script = (
        f'case "${{SHELL##*/}}" in {"|".join(POSIX_SHELLS)}) exec "$SHELL" -c {begin}"$0" ;; esac\n'
        f'{before}echo {mark}$$ "${{SHELL:-/bin/sh}}"\n{environment}exec "${{SHELL:-/bin/sh}}" -c "$0"'
    )
    return f"exec sh -c {shlex.quote(script)} {shlex.quote(text)}"
