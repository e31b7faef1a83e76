"""The process of one machine, started by `machines.machine_process` with the descriptor of a socket to the sandbox.

Over it the sandbox says what is to be done, a JSON object a line:

    serve ssh            the caller who is handed over; `line` is what is wrong with the line
    serve jupyter        the caller; the server is started with the first
    serve port           the caller, by the machine's program that listens at `port`, or by saying `otherwise`
    run first command    `command`; its end is answered by {"ended": STATUS}
    stop                 all that runs, and this process; answered by {"stopped": true}
    go on                the end of a stop
    suffer               what goes wrong with the machine from now on (`machines.machine_faults`)

When the sandbox's end of it is closed, for whatever reason, everything below this process is ended and then it ends
itself. What it has to know at first comes over stdin, so that no password stands in a command line or an environment.
"""

import asyncio
import json
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from glows_nb.sandbox.machines.inside import forwarding
from glows_nb.sandbox.machines.inside.confinement import confine
from glows_nb.sandbox.machines.inside.jupyter import Jupyter
from glows_nb.sandbox.machines.inside.processes import Processes, limit_this_process
from glows_nb.sandbox.machines.inside.ssh_server import Service, serve
from glows_nb.sandbox.machines.inside.worse_line import WorseLine, put_between

_AT_ONCE = 64 * 1024
_MOST_DESCRIPTORS = 64
_CANNOT_BE_STARTED = 126
"""As shells have it."""


class Program:
    """What the sandbox tells this machine to do, and who is inside.

    Args:
        control: the socket to the sandbox.
        told: what `machines.machine_process` says at the start.
    """

    def __init__(self, control: socket.socket, told: Mapping[str, Any]) -> None:
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._processes = Processes(Path(told["home"]), told["environment"])
        host_key = _host_key(Path(told["host_key"]))
        self._other_host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._service = Service(self._processes, told["user"], told["password"], host_key)
        self._has_other_host_key = False
        self._log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._jupyter = Jupyter(self._processes, told["jupyter"], self._log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = b""
        self._orders: deque[dict[str, Any]] = deque()
        self._handed: list[int] = []
        self._let_go = asyncio.Event()
        limit_this_process(told["mark"])
        if told["is_confined"]:
            confine(map(Path, told["writable"]), map(Path, told["readable"]))
        os.chdir(told["home"])

    async def run(self) -> None:
        """Do what is said, until the sandbox lets go."""
        self._control.setblocking(False)
        self._loop.add_reader(self._control, self._hear)
        await self._let_go.wait()
        self._loop.remove_reader(self._control)
        self._processes.end_all()

    def _hear(self) -> None:
        self._receive()
        while self._orders:
            self._do(self._orders.popleft())

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _AT_ONCE, _MOST_DESCRIPTORS)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, descriptors = b"", []
        self._handed += descriptors
        if not data:
            self._let_go.set()
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        self._orders.extend(map(json.loads, lines))

    def _do(self, order: Mapping[str, Any]) -> None:
        match order["do"]:
            case "serve ssh" | "serve jupyter" | "serve port":
                # Without a caller this process has as many open files as it may have.
                if self._handed:
                    caller = socket.socket(fileno=self._handed.pop(0))
                    caller.setblocking(False)
                    self._keep(self._serving(caller, order))
            case "run first command":
                self._keep(self._run_first(order["command"]))
            case "stop":
                self._processes.stop_all()
                self._say({"stopped": True})
                self._stand_still()
                self._processes.go_on()
            case "suffer":
                self._service = replace(self._service, has_files=order["has_files"])
                self._has_other_host_key = order["has_other_host_key"]
                self._processes.fill_disk(order["is_disk_full"])
                self._processes.variables = order["variables"]

    def _stand_still(self) -> None:
        """Do nothing at all, so that no file changes by SFTP either, until told to go on or let go."""
        while not self._let_go.is_set() and all(order["do"] != "go on" for order in self._orders):
            select.select([self._control], [], [])
            self._receive()

    def _serving(self, caller: socket.socket, order: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        if order["do"] == "serve jupyter":
            return self._jupyter.serve(caller)
        if order["do"] == "serve port":
            return forwarding.serve(caller, order["port"], order["otherwise"].encode())
        if order["line"]:
            caller = put_between(caller, WorseLine(**order["line"]), self._tasks)
        key = self._other_host_key if self._has_other_host_key else self._service.host_key
        return serve(caller, replace(self._service, host_key=key))

    async def _run_first(self, command: str) -> None:
        try:
            status = await self._processes.wait(self._processes.start(command, {}, output=self._log))
        except (OSError, ValueError):
            status = _CANNOT_BE_STARTED
        self._say({"ended": status})

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _say(self, answer: Mapping[str, object]) -> None:
        self._control.send(json.dumps(answer).encode() + b"\n")


def _host_key(path: Path) -> asyncssh.SSHKey:
    """Read the machine's host key, which is made the first time."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(key.export_private_key())
    return asyncssh.read_private_key(path)


async def _run(told: Mapping[str, Any]) -> None:
    await Program(socket.socket(fileno=int(sys.argv[1])), told).run()


def _forget_what_is_ignored() -> None:
    """Begin with no signal ignored or held back, whatever the sandbox was started by: `nohup` ignores hang-ups."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    """Read what there is to know, and serve."""
    _forget_what_is_ignored()
    # A Ctrl-C in the terminal of the sandbox is the sandbox's. Not ignored, since commands would begin so too.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    asyncio.run(_run(json.load(sys.stdin)))
    # Threads of libraries, or a client that reads slowly, keep nobody here.
    os._exit(0)
