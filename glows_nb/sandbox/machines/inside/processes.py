"""The processes of one machine: started in its folder with an environment of its own, and all ended with it.

For the machine's own process alone, which is made the one that orphans fall to: whatever a command leaves behind, also
one that left its session, stays below it and is found.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from glows_nb.sandbox.machines.inside import process_table

_CHILD_SUBREAPER = 36
_MOST_FILE_BYTES = 64 << 30
_MOST_PROCESSES = 4096
_MOST_OF_A_SIZE = 0xFFFF
_BEFORE_OTHERS = "500"
_END_TRIES = 100


@dataclass(frozen=True)
class Terminal:
    """The size of a terminal, in characters and in pixels."""

    columns: int
    rows: int
    width: int = 0
    height: int = 0

    def packed(self) -> bytes:
        """Return it as the system takes it."""
        sizes = (self.rows, self.columns, self.width, self.height)
        return struct.pack("HHHH", *(min(size, _MOST_OF_A_SIZE) for size in sizes))


class Processes:
    """Starts commands and knows what became of them."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self._environment = dict(environment)
        self.variables: Mapping[str, str] = {}
        """What all that is started from now on has besides."""
        self._loop = asyncio.get_running_loop()
        self._awaited: dict[int, tuple[subprocess.Popen[bytes], asyncio.Future[int]]] = {}
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._stopped: list[int] = []
        self._prepare: Callable[[], None] | None = None
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def start(
        self,
        command: str | None,
        more: Mapping[str, str],
        terminal: int | None = None,
        *,
        output: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a command by the machine's shell, or without one the shell itself.

        Args:
            command: what the shell is to do.
            more: further variables.
            terminal: the descriptor of the terminal that it is to have; without it its three streams are pipes.
            output: where it is to write instead, when nobody speaks to it.
        """
        shell = self._environment["SHELL"]
        name = Path(shell).name
        arguments = [f"-{name}"] if command is None else [name, "-c", command]
        stream = subprocess.PIPE if terminal is None else terminal
        started = subprocess.Popen(  # noqa: S603 - what to run is the caller's, who has the machine's password
            arguments,
            executable=shell,
            stdin=stream if output is None else subprocess.DEVNULL,
            stdout=stream if output is None else output,
            stderr=stream if output is None else output,
            cwd=self.home,
            env={**self._environment, **self.variables, **more},
            start_new_session=True,
            preexec_fn=self._prepare_with_terminal if terminal is not None else self._prepare,
            bufsize=0,
        )
        self._awaited[started.pid] = started, self._loop.create_future()
        return started

    def fill_disk(self, is_full: bool) -> None:
        """Let no file grow any more, for this process and what it starts from now on; or let them."""
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if is_full else most, most))
        self._prepare = _hear_of_full_disk if is_full else None

    async def wait(self, started: subprocess.Popen[bytes]) -> int:
        """Return the exit status, or a signal's number as less than 0, when it has ended."""
        if started.returncode is not None:
            return started.returncode
        return await asyncio.shield(self._awaited[started.pid][1])

    def stop_all(self) -> None:
        """Let whatever runs below this process stand still, also what is started meanwhile.

        Parents before their children, as a shell would take a child that stands still for one that was sent to the
        background: it has to stand still itself by then. What stands still already is not let go on later.
        """
        seen: set[int] = set()
        while generations := process_table.generations(os.getpid(), seen):
            for generation in generations:
                seen.update(process.pid for process in generation)
                stopped = [process.pid for process in generation if not process.stands_still]
                self._stopped += stopped
                process_table.send(stopped, signal.SIGSTOP)
                process_table.await_stop(stopped)

    def go_on(self) -> None:
        """Let go on what was stopped: children before their parents."""
        process_table.send(reversed(self._stopped), signal.SIGCONT)
        self._stopped.clear()

    def end_all(self) -> None:
        """End whatever runs below this process; stopped first, so that nothing starts more than is ended."""
        for _ in range(_END_TRIES):
            process_table.send(process_table.descendants(os.getpid()), signal.SIGSTOP)
            below = process_table.descendants(os.getpid())
            if not below:
                return
            process_table.send(below, signal.SIGKILL)
            self._reap()

    def _prepare_with_terminal(self) -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if self._prepare is not None:
            self._prepare()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            started, ended = self._awaited.pop(pid, (None, None))
            if started is not None and ended is not None:
                started.returncode = os.waitstatus_to_exitcode(status)
                ended.set_result(started.returncode)


def limit_this_process(mark: int) -> None:
    """Bound what a runaway program can do to the computer.

    No file and no number of processes grows for ever, and where memory runs out, what runs here is ended before what
    else the user has.

    Args:
        mark: by what all that runs here is known for the machine's (`machines.survivors`).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, _MOST_FILE_BYTES)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_RTTIME, mark)
    # Of all that the user has, threads too; nothing for root, whom the system does not count.
    _lower(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_BEFORE_OTHERS)


def resize(terminal: int, size: Terminal) -> None:
    """Tell a terminal its size; who runs in it gets SIGWINCH."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size.packed())


def _lower(limit: int, to: int) -> None:
    _, most = resource.getrlimit(limit)
    lowered = to if most == resource.RLIM_INFINITY else min(to, most)
    resource.setrlimit(limit, (lowered, lowered))


def _hear_of_full_disk() -> None:
    # Or who writes would be ended, instead of being told.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
