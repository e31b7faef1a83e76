"""The process of one machine as the sandbox sees it: started, told what to do, and ended. It runs `inside.program`."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from glows_nb.sandbox.machines import folders
from glows_nb.sandbox.machines.lifecycle import Machine
from glows_nb.sandbox.machines.survivors import end_survivors, mark_of

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
        jupyter: how its Jupyter server is started, for `inside.jupyter`.
        pool: where its end is waited for.
        on_end: is called with the exit status of the machine's first command when that has ended.
        on_death: is called when the process has ended by itself, or was killed.
    """

    def __init__(
        self,
        folder: Path,
        machine: Machine,
        *,
        is_confined: bool,
        jupyter: dict[str, object],
        pool: Executor,
        on_end: Callable[[int], None],
        on_death: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._pool = pool
        self._on_end = on_end
        self._on_death = on_death
        self._heard = self._unsaid = b""
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
            "log": str(folder / folders.COMMAND_LOG),
            "is_confined": is_confined,
            "mark": mark_of(folder),
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
                    env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/"},
                )
        finally:
            theirs.close()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
                stdin.write(json.dumps(told).encode())
        self._loop.add_reader(self._control, self._hear)

    def tell(self, do: str, caller: socket.socket | None = None, **more: object) -> None:
        """Say what it is to do; `inside.program` knows what there is. With a caller it is to serve that one."""
        line = json.dumps({"do": do, **more}).encode() + b"\n"
        if caller is None:
            self._unsaid += line
            self._say()
            return
        try:
            if not self._unsaid:
                self._unsaid = line[socket.send_fds(self._control, [line], [caller.fileno()]) :]
        except OSError as error:
            # More at once than it takes, or it has just ended: the line is closed, and whoever called calls again.
            _log.debug("a machine's process was not told to %s: %s", do, error)
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
        await self._loop.run_in_executor(self._pool, self._wait)

    def _wait(self) -> None:
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        end_survivors([self._folder])

    def _say(self) -> None:
        """Say what is still to be said, as far as it is taken."""
        try:
            self._unsaid = self._unsaid[self._control.send(self._unsaid) :] if self._unsaid else b""
        except BlockingIOError:
            pass
        except OSError:
            self._unsaid = b""  # it has ended, which is heard of
        self._loop.remove_writer(self._control)
        if self._unsaid:
            self._loop.add_writer(self._control, self._say)

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
