"""Run a command on a machine: what it writes comes while it runs, and an interrupt ends it there, with all of it."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import IOBase, TextIOBase
from typing import TYPE_CHECKING, Any, Final

import asyncssh
from pydantic import SecretStr

from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.api.statuses import LEAVING
from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import CommandFailed, LineLost, NotReachable, RemoteError
from glows_nb.remote.execution.giving import Given, pieces
from glows_nb.remote.execution.printing import OnOutput
from glows_nb.remote.lines.reading import AT_ONCE
from glows_nb.remote.output import Completed, Kept, last_lines

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

MOST_BEFORE_MARK: Final = 1 << 16
LONGEST_COMMAND: Final = 100_000
"""Linux gives a program no single word over 128 KiB."""
POSIX_SHELLS: Final = ("sh", "bash", "dash", "zsh", "ash", "ksh")
ENDS_WITHIN: Final = 10.0
MOST_IN_TERMINAL: Final = 1000
END_OF_INPUT: Final = b"\x04"
SAYS_WITHIN: Final = 1.0
BEGINS_WITHIN: Final = 60.0
QUIET_SECONDS: Final = 0.5

LEFT: Final = "[It has ended. Something that it started runs on there, whose output is not shown any more.]"

_left: Final[set[asyncio.Future[tuple[None, None]]]] = set()
"""The output of what commands have left running, which is read on."""

_END_OF: Final = r"""
top={pid}
find_all() {{
  found=" $top "; grown=1
  while [ "$grown" = 1 ]; do
    grown=0
    for stat in /proc/[0-9]*/stat; do
      pid=${{stat#/proc/}}; pid=${{pid%/stat}}
      case "$found" in *" $pid "*) continue ;; esac
      {{ read -r line <"$stat"; }} 2>/dev/null || continue
      set -- ${{line##*) }}
      [ "$1" = Z ] && continue
      case "$found" in *" $2 "*) found="$found$pid "; grown=1; continue ;; esac
      [ "$4" = "$top" ] && {{ found="$found$pid "; grown=1; }}
    done
  done
}}
lives() {{
  for pid in $found; do
    {{ read -r line <"/proc/$pid/stat"; }} 2>/dev/null || continue
    set -- ${{line##*) }}
    [ "$1" != Z ] && return 0
  done
  return 1
}}
find_all
for how in INT TERM KILL; do
  kill -s "$how" $found 2>/dev/null
  tries=0
  while lives && [ "$tries" -lt 20 ]; do sleep 0.1 2>/dev/null || sleep 1; tries=$((tries + 1)); done
  lives || break
done
"""
"""End a command: its session, and what descends from it though it has a session of its own."""


async def execute(
    line: Line,
    caller: Caller,
    command: str | Sequence[str],
    *,
    check: bool,
    timeout: float | None,
    given: str | Given,
    env: Mapping[str, SecretStr] | None,
    pty: bool,
    on_output: OnOutput,
) -> Completed:
    """Run a command; see `Machine.exec`.

    Raises:
        InvalidRequest: the command, a variable or the time is none that can be.
        CommandFailed: it ended otherwise than with 0 and `check` was asked for, or the time was over.
        LineLost: the line broke; the command may go on.
    """
    text = checked(command, env, timeout, given)
    if pty and given is not None:
        raise InvalidRequest("input", "can't be given together with pty=True: a terminal has no end of what it reads.")
    for name, value in (env or {}).items():
        if pty and not (len(value) < MOST_IN_TERMINAL and value.get_secret_value().isprintable()):
            raise InvalidRequest(
                "env",
                f"the value of {name} can't go through a terminal: more than {MOST_IN_TERMINAL} signs, or some "
                "that it obeys; leave pty=True out.",
            )
    async with line.sessions:
        return await _executed(line, caller, text, check, timeout, given, env, pty, on_output)


async def _executed(
    line: Line,
    caller: Caller,
    text: str,
    check: bool,
    timeout: float | None,
    given: str | Given,
    env: Mapping[str, SecretStr] | None,
    pty: bool,
    on_output: OnOutput,
) -> Completed:
    running = _Running(line, caller, text, env or {}, on_output)
    began = time.monotonic()
    is_late = False
    try:
        async with line.unbroken(f"{visible(text[:60])!r} ran there; it may go on running"):
            await running.start(pty=pty)
            async with asyncio.timeout(timeout):
                await running.finish(given.encode() if isinstance(given, str) else given)
    except TimeoutError:
        is_late = True
        await running.end()
    except asyncio.CancelledError as stop:
        # A second cancellation, of a second Ctrl-C, reaches this and is not waited out.
        if await running.end():
            stop.add_note(f"It was ended on {line.name}, with what it had started.")
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
    completed = running.completed(text, time.monotonic() - began)
    if is_late:
        raise CommandFailed(
            f"{visible(text[:60])!r} on {line.name} took over {timeout:g} s and was ended there. "
            f"{_said(completed)}".rstrip(),
            completed,
        )
    if check and completed.exit_status != 0:
        how = f"by signal {completed.signal}" if completed.signal else f"with exit status {completed.exit_status}"
        raise CommandFailed(
            f"{visible(text[:60])!r} on {line.name} ended {how}. {_said(completed)}".rstrip(), completed
        )
    return completed


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


def checked(
    command: str | Sequence[str], env: Mapping[str, Any] | None, timeout: float | None, given: Any = None
) -> str:
    """The command as the machine's shell is to read it.

    Raises:
        InvalidRequest: something of it can't be.
    """
    words: Any = command
    if not isinstance(words, str | list | tuple) or not all(isinstance(word, str) for word in words):
        raise InvalidRequest("command", "is neither a line for the shell nor a list of words, each a str.")
    text = command if isinstance(command, str) else shlex.join(command)
    if not _can_be_said(text):
        raise InvalidRequest("command", "holds signs that are no text in UTF-8.")
    if not (given is None or isinstance(given, str | bytes | IOBase)):
        raise InvalidRequest("input", "is neither text nor bytes nor a file opened for bytes.")
    if isinstance(given, TextIOBase):
        raise InvalidRequest("input", "is a file opened for text; open it for bytes, with mode 'rb'.")
    if isinstance(given, str) and not _can_be_said(given):
        raise InvalidRequest("input", "holds signs that are no text in UTF-8; give bytes.")
    if not text.strip():
        raise InvalidRequest("command", "is empty; give a line for the shell, or a list of words.")
    if "\0" in text:
        raise InvalidRequest("command", "holds a NUL character, which no shell takes.")
    if len(text.encode()) > LONGEST_COMMAND:
        raise InvalidRequest(
            "command",
            f"of {len(text.encode())} bytes is over the limit of {LONGEST_COMMAND}; give it as input, as in "
            "exec('sh', input=…).",
        )
    if timeout is not None and (not isinstance(timeout, int | float) or not timeout > 0):
        raise InvalidRequest("timeout", f"{timeout!r} is not a number of seconds above 0.")
    if env is not None and not isinstance(env, Mapping):
        raise InvalidRequest("env", "is no mapping of names to values, as in {'NAME': 'value'}.")
    for name, value in (env or {}).items():
        if not isinstance(name, str) or not (name.isascii() and name.isidentifier()):
            raise InvalidRequest("env", f"{name!r} is no name for a variable.")
        if not isinstance(value, SecretStr):
            raise InvalidRequest("env", f"the value of {name} is no text; write it as a str.")
        if not _can_be_said(value.get_secret_value()):
            raise InvalidRequest("env", f"the value of {name} holds signs that are no text in UTF-8.")
        if "\0" in value.get_secret_value():
            raise InvalidRequest("env", f"the value of {name} holds a NUL character, which no variable can.")
    return text


def _can_be_said(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


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
        self._line, self._caller, self._text, self._env, self._on_output = line, caller, text, env, on_output
        self._kept = (Kept(), Kept())
        self._pid: int | None = None
        self._mark = f"{secrets.token_hex(8)} "
        self._process: asyncssh.SSHClientProcess[bytes] | None = None
        self._has_begun = asyncio.Event()
        self._has_left = self._is_terminal = False
        self._reading: asyncio.Future[tuple[None, None]] | None = None

    async def start(self, *, pty: bool) -> None:
        """Begin."""
        self._is_terminal = pty
        connection = await self._line.connected(self._caller)
        options: dict[str, Any] = {"term_type": "xterm-256color", "term_size": (120, 40)} if pty else {}
        words = _command_line(self._text, self._mark, self._line.login_shell, len(_exports(self._env)), pty=pty)
        self._process = await connection.create_process(words, encoding=None, **options)

    async def finish(self, given: Given) -> None:
        """Give it its input, and take what it writes until it has ended."""
        process = self._process
        if process is None:
            return
        self._reading = asyncio.gather(self._read(process.stdout, 0), self._read(process.stderr, 1))
        # A second interrupt leaves it to itself, which is not to be complained of.
        self._reading.add_done_callback(_forget)
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
        _left.add(reading)
        await self._caller.call(lambda: self._on_output.note(LEFT))

    async def end(self) -> bool:
        """End it there, with what it started, and take what it says to that; False where it had not begun."""
        process = self._process
        if process is None:
            return False
        with suppress(RemoteError, asyncssh.Error, OSError, ListenerFailed):
            if self._pid is not None:
                shell = await self._line.shell(self._caller)
                if shell is not None:
                    await in_time(shell.run(_END_OF.format(pid=self._pid)), ENDS_WITHIN)
            if self._reading is not None:
                await in_time(asyncio.shield(self._reading), SAYS_WITHIN)
        if self._reading is not None:
            self._reading.cancel()
        process.close()
        return True

    def completed(self, text: str, seconds: float) -> Completed:
        """How it ended."""
        process = self._process
        out, err = self._kept
        out.finish()
        err.finish()
        signal = process.exit_signal[0] if process is not None and process.exit_signal else ""
        status = process.exit_status if process is not None and not signal else None
        return Completed(
            text, status, out.text(), err.text(), signal, out.path, err.path, seconds, self._has_left, self._kept
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


def _forget(reading: asyncio.Future[tuple[None, None]]) -> None:
    _left.discard(reading)
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
    known = f'{before}echo {mark}$$ "$SHELL"\n{environment}{text}'
    script = (
        f'case "${{SHELL##*/}}" in {"|".join(POSIX_SHELLS)}) exec "$SHELL" -c "$1" ;; esac\n'
        f'{before}echo {mark}$$ "${{SHELL:-/bin/sh}}"\n{environment}exec "${{SHELL:-/bin/sh}}" -c "$0"'
    )
    return f"exec sh -c {shlex.quote(script)} {shlex.quote(text)} {shlex.quote(known)}"
