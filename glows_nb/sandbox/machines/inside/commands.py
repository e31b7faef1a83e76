"""What a channel of an SSH line asks for: a command or a shell, with pipes or a terminal, and how it ended.

As with OpenSSH's server a channel lasts until its output has ended, which is longer than its command where something in
the background still has it; a hang-up ends what has a terminal, and nothing else.
"""

import asyncio
import contextlib
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from typing import IO, Any

import asyncssh
from asyncssh.constants import EXTENDED_DATA_STDERR
from asyncssh.packet import UInt32

from glows_nb.sandbox.machines.inside.files import Files
from glows_nb.sandbox.machines.inside.processes import Processes, Terminal, resize
from glows_nb.sandbox.machines.inside.terminal_modes import set_modes

_AT_ONCE = 256 * 1024
_CANNOT_BE_STARTED = 1
_SFTP_VERSION = 3
_NAMED_SIGNALS = ("ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2")
"""Those of RFC 4254, 6.10."""
_OTHER_SIGNAL = "SIG@openssh.com"
_SFTP = "sftp"
_SFTP_COMMAND = "internal-sftp"
"""What OpenSSH's server takes a request for it for."""


class Session(asyncssh.SSHServerProcess[bytes]):
    """One channel: what it asks for is started, and hears of signals and sizes also when its input has ended.

    Args:
        processes: who starts it.
        has_files: is there SFTP?
        forced: what is started whatever is asked for, where whoever came has a key for that alone.
    """

    def __init__(self, processes: Processes, *, has_files: bool, forced: str | None = None) -> None:
        files: Callable[[Any], asyncssh.SFTPServer] | None = Files if has_files else None
        super().__init__(lambda process: self._run(), files, _SFTP_VERSION, has_files and forced is None)
        self._forced = forced
        self._processes = processes
        self._started: subprocess.Popen[bytes] | None = None
        self._terminal: int | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_over = False
        self._is_told = False

    @property
    def is_over(self) -> bool:
        """Has what was asked for ended, or the channel? From then on it is none of those that a line may have."""
        return self._is_over

    def subsystem_requested(self, subsystem: str) -> bool:
        """There is only SFTP, and not always."""
        return subsystem == _SFTP and super().subsystem_requested(subsystem)

    def session_started(self) -> None:
        """Start what was asked for; for files too a command, where one is forced."""
        if self._forced is None or self.channel.get_subsystem() is None:
            super().session_started()
            return
        stdin = asyncssh.SSHReader[bytes](self, self.channel)
        stdout = asyncssh.SSHWriter[bytes](self, self.channel)
        stderr = asyncssh.SSHWriter[bytes](self, self.channel, EXTENDED_DATA_STDERR)
        started = self._start_process(stdin, stdout, stderr)
        if asyncio.iscoroutine(started):
            self._running = asyncio.create_task(started)

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Tell the terminal."""
        if self._terminal is not None:
            resize(self._terminal, Terminal(width, height, pixwidth, pixheight))

    def signal_received(self, signal: str) -> None:
        """Send it to the command and what it started in its session."""
        self._signal(signal)

    def break_received(self, msec: int) -> bool:
        """Take it for a Ctrl-C."""
        self._signal("INT")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what was started: its streams close, and a terminal's closing is a hang-up."""
        self._is_over = True
        super().connection_lost(exc)
        if self._running is not None:
            self._running.cancel()

    def _signal(self, name: str) -> None:
        number = getattr(signal, f"SIG{name}", None)
        if self._started is not None and self._started.returncode is None and isinstance(number, signal.Signals):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._started.pid, number)

    async def _run(self) -> None:
        self._running = asyncio.current_task()
        try:
            status = await self._status()
        except (OSError, ValueError) as error:
            said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
            self.stderr.write(f"{said}\n".encode())
            status = _CANNOT_BE_STARTED
        self._is_over = True
        with contextlib.suppress(OSError, asyncssh.Error):
            if self._is_told:
                self.close()
            elif status < 0:
                self.exit_with_signal(_name_of(-status), lang="")
            else:
                self.exit(status)

    async def _status(self) -> int:
        """Run it to the end of its output, and return its status."""
        more = {name: value for name, value in self._variables() if name == "LANG" or name.startswith("LC_")}
        more |= self._of_the_line()
        command = self.command
        if self._forced is not None:
            asked = _SFTP_COMMAND if self.channel.get_subsystem() is not None else command
            more |= {} if asked is None else {"SSH_ORIGINAL_COMMAND": asked}
            command = self._forced
        if self.term_type is None:
            started = self._processes.start(command, more)
            stdin, *outputs = (_taken(stream) for stream in (started.stdin, started.stdout, started.stderr))
            opened = {stdin, *outputs}
        else:
            ours, theirs = pty.openpty()
            try:
                resize(ours, Terminal(*self.term_size))
                set_modes(theirs, self.term_modes)
                of_terminal = {"TERM": self.term_type, "SSH_TTY": os.ttyname(theirs)}
                started = self._processes.start(command, more | of_terminal, theirs)
            except BaseException:
                os.close(ours)
                raise
            finally:
                os.close(theirs)
            self._terminal = stdin = ours
            outputs, opened = [ours], {ours}
        self._started = started
        for descriptor in opened:
            os.set_blocking(descriptor, False)
        pumps = [
            asyncio.create_task(_pump_out(descriptor, to))
            for descriptor, to in zip(outputs, (self.stdout, self.stderr), strict=False)
        ]
        feeding = asyncio.create_task(self._feed(stdin, opened))
        ended = asyncio.create_task(self._processes.wait(started))
        try:
            await asyncio.wait({ended, said := asyncio.create_task(_all(pumps))}, return_when=asyncio.FIRST_COMPLETED)
            if not said.done() and self.term_type is None:
                self._tell(ended.result())
            await said
            return await ended
        finally:
            self._terminal = None
            tasks = [feeding, ended, *pumps]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for descriptor in opened:
                os.close(descriptor)

    def _tell(self, status: int) -> None:
        """Say the status of a command whose output something else still has, as OpenSSH's server does at once."""
        if status >= 0:
            self._is_told = True
            # asyncssh says it only together with the end of the channel.
            self.channel._send_request(b"exit-status", UInt32(status & 0xFF))

    async def _feed(self, stdin: int, opened: set[int]) -> None:
        """Give a command what its caller sends. The end of it is the end of a pipe; to a terminal it means nothing."""
        with contextlib.suppress(OSError, asyncssh.Error):
            while data := await self.stdin.read(_AT_ONCE):
                await _write(stdin, data)
        if self._terminal is None:
            opened.discard(stdin)
            os.close(stdin)

    def _of_the_line(self) -> dict[str, str]:
        """Who calls and where, as programs look it up: Debian's bash reads ~/.bashrc for a command that has these."""
        theirs, ours = (self.get_extra_info(name) for name in ("peername", "sockname"))
        if not theirs or not ours:
            return {}  # something lies between
        return {
            "SSH_CONNECTION": f"{theirs[0]} {theirs[1]} {ours[0]} {ours[1]}",
            "SSH_CLIENT": f"{theirs[0]} {theirs[1]} {ours[1]}",
        }

    def _variables(self) -> list[tuple[str, str]]:
        """What the client gives, but for what no environment can hold."""
        given = self.channel.get_environment_bytes().items()
        return [
            (os.fsdecode(name), os.fsdecode(value))
            for name, value in given
            if b"=" not in name and b"\0" not in name + value
        ]


def _name_of(number: int) -> str:
    """What a client is told, as OpenSSH's server says it: few signals have a name that everybody knows."""
    names = (name for name in _NAMED_SIGNALS if getattr(signal, f"SIG{name}") == number)
    return next(names, _OTHER_SIGNAL)


def _taken(stream: IO[bytes] | None) -> int:
    """The descriptor of a pipe, from now on the caller's own."""
    if stream is None:
        raise ValueError("the command was started without this stream")
    with stream:
        return os.dup(stream.fileno())


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


async def _pump_out(descriptor: int, to: asyncssh.SSHWriter[bytes]) -> None:
    """Send what a stream holds until it ends."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        while True:
            try:
                data = os.read(descriptor, _AT_ONCE)
            except BlockingIOError:
                ready.clear()
                await ready.wait()
                continue
            except OSError:
                return  # a terminal whose last program has gone
            if not data:
                return
            to.write(data)
            await to.drain()
    except (OSError, asyncssh.Error):
        return  # nobody listens any more
    finally:
        loop.remove_reader(descriptor)


async def _write(descriptor: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_writer(descriptor, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_writer(descriptor)
