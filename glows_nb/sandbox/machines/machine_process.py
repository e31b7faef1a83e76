"""The process of one machine as the sandbox sees it: started, told what to do, and ended. It runs `inside.program`."""

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from glows_nb.sandbox.machines import folders
from glows_nb.sandbox.machines.interpreter import import_path
from glows_nb.sandbox.machines.lifecycle import Machine
from glows_nb.sandbox.machines.survivors import end_survivors, mark_of

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from glows_nb.sandbox.machines.inside.program import main; main()"
)
_END_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_AGAIN_SECONDS = 0.05
_AT_ONCE = 4096
_MOST_UNSAID = 2000

_log = logging.getLogger("glows_nb.sandbox")


@dataclass(frozen=True)
class Started:
    """A process that has just been started, and the socket to it."""

    process: subprocess.Popen[bytes]
    control: socket.socket


def start(folder: Path, machine: Machine, jupyter: Mapping[str, object], *, is_confined: bool) -> Started:
    """Start the process of a machine; it takes some milliseconds, and is for a thread.

    Args:
        folder: the machine's.
        machine: whose process it is.
        jupyter: how its Jupyter server is started, for `inside.jupyter`.
        is_confined: keep it to its folder?
    """
    environment = folders.environment(folder, machine)
    told = {
        "home": environment["HOME"],
        "host_key": str(folder / "host.key"),
        "user": machine.ssh_user,
        "password": machine.password,
        "environment": environment,
        "jupyter": jupyter,
        "log": str(folder / folders.COMMAND_LOG),
        "is_confined": is_confined,
        "mark": mark_of(folder),
        "writable": [str(path) for path in folders.writable(folder)],
        "readable": [str(path) for path in folders.readable(folder)],
    }
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    control.setblocking(False)
    with theirs, (folder / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            # Isolated: nothing that a machine's program left in its home runs before it is confined.
            [sys.executable, "-I", "-c", _START, str(theirs.fileno()), json.dumps(import_path())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/"},
        )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(json.dumps(told).encode())
    return Started(process, control)


class MachineProcess:
    """A process that was started, for the event loop.

    Args:
        folder: the machine's.
        started: the process.
        pool: where its end is waited for.
        on_end: is called with the exit status of the machine's first command when that has ended.
        on_death: is called when the process has ended by itself, or was killed.
    """

    def __init__(
        self,
        folder: Path,
        started: Started,
        pool: Executor,
        *,
        on_end: Callable[[int], None],
        on_death: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._process = started.process
        self._control = started.control
        self._pool = pool
        self._on_end = on_end
        self._on_death = on_death
        self._heard = b""
        self._unsaid: deque[tuple[bytes, socket.socket | None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] | None = None
        self._loop.add_reader(self._control, self._hear)

    def tell(self, do: str, caller: socket.socket | None = None, **more: object) -> None:
        """Say what it is to do; `inside.program` knows what there is. With a caller it is to serve that one."""
        if caller is not None and len(self._unsaid) >= _MOST_UNSAID:
            return  # the line is closed, and whoever called calls again
        line = json.dumps({"do": do, **more}).encode() + b"\n"
        self._unsaid.append((line, None if caller is None else caller.dup()))
        self._say()

    async def stop(self) -> None:
        """Let everything in the machine stand still, and return when it does."""
        self._stopped = self._loop.create_future()
        self.tell("stop")
        try:
            await asyncio.wait_for(self._stopped, _ANSWER_SECONDS)
        except TimeoutError:
            _log.warning("a machine's processes did not stop for its snapshot")

    async def end(self) -> None:
        """Let go, and return when the process has ended all that ran below it."""
        self._on_death = lambda: None
        self._forget()
        # Said, not only closed: a process that the user forked from this one has the socket as well.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        self._drop_unsaid()
        await self._loop.run_in_executor(self._pool, self._wait)

    def _wait(self) -> None:
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        end_survivors([self._folder])

    def _say(self) -> None:
        """Say what is still to be said, as far as it is taken; the rest when there is room again."""
        if self._control.fileno() < 0:
            return
        self._loop.remove_writer(self._control)
        try:
            while self._unsaid:
                line, caller = self._unsaid[0]
                sent = socket.send_fds(self._control, [line], [] if caller is None else [caller.fileno()])
                if caller is not None:
                    caller.close()
                self._unsaid[0] = line[sent:], None
                if sent == len(line):
                    self._unsaid.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._control, self._say)
        except OSError as error:
            if error.errno == errno.ETOOMANYREFS:
                self._loop.call_later(_AGAIN_SECONDS, self._say)
            else:
                self._drop_unsaid()  # it has ended, which is heard of

    def _drop_unsaid(self) -> None:
        for _, caller in self._unsaid:
            if caller is not None:
                caller.close()
        self._unsaid.clear()

    def _forget(self) -> None:
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)

    def _hear(self) -> None:
        try:
            data = self._control.recv(_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._forget()
            self._on_death()
            return
        # It may come from a program of the machine's, which can get at its own machine's process.
        *lines, rest = (self._heard + data).split(b"\n")
        self._heard = rest[-_AT_ONCE:]
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                self._do(json.loads(line))

    def _do(self, answer: dict[str, object]) -> None:
        if "stopped" in answer and self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        if "ended" in answer:
            self._on_end(int(str(answer["ended"])))
