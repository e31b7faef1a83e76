"""The process of one machine as the sandbox sees it: started, told what to do, and ended. It runs `inside.program`."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from glows_nb.sandbox.machines import folders
from glows_nb.sandbox.machines.lifecycle import Machine

_START = "import sys; sys.path.append(sys.argv[2]); from glows_nb.sandbox.machines.inside.program import main; main()"
_END_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_AT_ONCE = 4096

_log = logging.getLogger("glows_nb.sandbox")


class MachineProcess:
    """One of them, which runs from when it is made.

    Args:
        folder: the machine's.
        machine: whose process it is.
        is_confined: keep it to its folder?
        on_end: is called with the exit status of the machine's first command when that has ended.
        jupyter: how its Jupyter server is started, for `inside.jupyter`.
    """

    def __init__(
        self,
        folder: Path,
        machine: Machine,
        *,
        is_confined: bool,
        on_end: Callable[[int], None],
        jupyter: dict[str, object],
    ) -> None:
        self._folder = folder
        self._on_end = on_end
        self._heard = b""
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] | None = None
        environment = folders.environment(folder, machine)
        told = {
            "home": environment["HOME"],
            "host_key": str(folder / "host.key"),
            "user": machine.ssh_user,
            "password": machine.password,
            "environment": environment,
            "jupyter": jupyter,
            "is_confined": is_confined,
            "writable": [str(path) for path in folders.writable(folder)],
            "readable": [str(path) for path in folders.readable(folder)],
        }
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control.setblocking(False)
        packages = Path(__file__).parents[3]
        try:
            with (folder / "log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    # Isolated: nothing that a machine's program left in its home runs before it is confined.
                    [sys.executable, "-I", "-c", _START, str(theirs.fileno()), str(packages)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    cwd="/",
                    env={folders.MARK: str(folder), "PATH": os.defpath, "LANG": "C.UTF-8"},
                )
        finally:
            theirs.close()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
                stdin.write(json.dumps(told).encode())
        self._loop.add_reader(self._control, self._hear)

    @property
    def has_ended(self) -> bool:
        """Has it ended by itself, or been killed?"""
        return self._process.poll() is not None

    def tell(self, do: str, caller: socket.socket | None = None, **more: object) -> None:
        """Say what it is to do; `inside.program` knows what there is. With a caller it is to serve that one."""
        line = json.dumps({"do": do, **more}).encode() + b"\n"
        try:
            socket.send_fds(self._control, [line], [] if caller is None else [caller.fileno()])
        except OSError as error:
            # More at once than it takes, or it has just ended: the line is closed, and whoever called calls again.
            _log.debug("a machine's process was not told to %s: %s", do, error)

    async def stop(self) -> None:
        """Let everything in the machine stand still, and return when it does."""
        self._stopped = self._loop.create_future()
        self.tell("stop")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped, _ANSWER_SECONDS)
        # Itself too, or SFTP would go on.
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)
        self.tell("go on")

    async def end(self) -> None:
        """Let go, and return when the process has ended all that ran below it."""
        self._loop.remove_reader(self._control)
        # Said, not only closed: a process that the user forked from this one has the socket as well.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        self._send(signal.SIGCONT)
        await asyncio.to_thread(self._wait)

    def _wait(self) -> None:
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        folders.end_survivors(self._folder)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _hear(self) -> None:
        try:
            data = self._control.recv(_AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._control)
            return
        *lines, self._heard = (self._heard + data[-_AT_ONCE:]).split(b"\n")
        for line in lines:
            # It may come from a program of the machine's, which can get at its own machine's process.
            with contextlib.suppress(ValueError, TypeError, KeyError):
                self._do(json.loads(line))

    def _do(self, answer: dict[str, object]) -> None:
        if "stopped" in answer and self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        if "ended" in answer:
            self._on_end(int(str(answer["ended"])))
