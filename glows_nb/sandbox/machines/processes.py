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
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CHILD_SUBREAPER = 36
_MOST_FILE_BYTES = 64 << 30
_END_TRIES = 200


@dataclass(frozen=True)
class Terminal:
    """The size of a terminal, in characters and in pixels."""

    columns: int
    rows: int
    width: int = 0
    height: int = 0

    def packed(self) -> bytes:
        """Return it as the system takes it."""
        return struct.pack("HHHH", self.rows or 24, self.columns or 80, self.width, self.height)


class Processes:
    """Starts commands and knows what became of them."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._home = home
        self._environment = dict(environment)
        self._loop = asyncio.get_running_loop()
        self._awaited: dict[int, asyncio.Future[int]] = {}
        ctypes.CDLL(None, use_errno=True).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def start(
        self, command: str | None, more: Mapping[str, str], terminal: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command by the machine's shell, or without one the shell itself.

        Args:
            command: what the shell is to do.
            more: further variables.
            terminal: the descriptor of the terminal that it is to have; without it its three streams are pipes.
        """
        shell = self._environment["SHELL"]
        arguments = [f"-{Path(shell).name}"] if command is None else [shell, "-c", command]
        stream = subprocess.PIPE if terminal is None else terminal
        started = subprocess.Popen(  # noqa: S603 - what to run is the caller's, who has the machine's password
            arguments,
            executable=shell,
            stdin=stream,
            stdout=stream,
            stderr=stream,
            cwd=self._home,
            env={**self._environment, **more},
            start_new_session=True,
            preexec_fn=None if terminal is None else _take_terminal,
            bufsize=0,
        )
        self._awaited[started.pid] = self._loop.create_future()
        return started

    async def wait(self, started: subprocess.Popen[bytes]) -> int:
        """Return the exit status, or a signal's number as less than 0, when it has ended."""
        started.returncode = await asyncio.shield(self._awaited[started.pid])
        self._awaited.pop(started.pid, None)
        return started.returncode

    def signal_all(self, number: int) -> None:
        """Send a signal to whatever runs below this process, also to what was started meanwhile."""
        told: set[int] = set()
        while new := descendants(os.getpid()) - told:
            told |= new
            for pid in new:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def end_all(self) -> int:
        """End whatever runs below this process, and return how many there were."""
        seen: set[int] = set()
        for _ in range(_END_TRIES):
            below = descendants(os.getpid())
            if not below:
                break
            seen |= below
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._reap()
        return len(seen)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            awaited = self._awaited.get(pid)
            if awaited is not None and not awaited.done():
                awaited.set_result(os.waitstatus_to_exitcode(status))


def descendants(pid: int) -> set[int]:
    """Return the ids of all processes below one."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone are wanted
        if entry.isdecimal():
            try:
                stat = Path("/proc", entry, "stat").read_text("utf-8", "replace")
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(entry))
    found: set[int] = set()
    todo = [pid]
    while todo:
        for child in parents.get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def limit_this_process() -> None:
    """Bound what a runaway program can do to the computer: no file grows for ever, and none of a crash is kept."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_FILE_BYTES, _MOST_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def resize(terminal: int, size: Terminal) -> None:
    """Tell a terminal its size; who runs in it gets SIGWINCH."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size.packed())


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
