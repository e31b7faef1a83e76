"""The process behind one machine's SSH port: `python -m glows_nb.sandbox.machines.machine_process NUMBER`.

NUMBER is the descriptor of a socket over which the sandbox hands callers in; when the sandbox's end of it is closed,
for whatever reason, everything below this process is ended and then it ends itself. What it has to know comes over
stdin, so that no password stands in a command line or an environment.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh

from glows_nb.sandbox.machines.confinement import confine
from glows_nb.sandbox.machines.processes import Processes, limit_this_process
from glows_nb.sandbox.machines.ssh_server import serve


async def run(control: socket.socket, told: Mapping[str, Any]) -> None:
    """Serve callers as they come, until the sandbox lets go."""
    folder = Path(told["folder"])
    key = _host_key(Path(told["key"]))
    limit_this_process()
    if told["is_confined"]:
        packages = Path(__file__).parents[3]
        confine(folder, [Path(sys.prefix), Path(sys.base_prefix), packages / "glows_nb"])
    home = folder / "root"
    os.chdir(home)
    processes = Processes(home, told["environment"])
    serving: set[asyncio.Task[None]] = set()
    let_go = asyncio.Event()

    def let_in() -> None:
        try:
            word, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            word, descriptors = b"", []
        if not word:
            let_go.set()
            return
        if word in (b"s", b"g"):
            processes.signal_all(signal.SIGSTOP if word == b"s" else signal.SIGCONT)
            control.send(word)
            return
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            connection.setblocking(False)
            task = asyncio.create_task(serve(connection, processes, key, told["user"], told["password"]))
            serving.add(task)
            task.add_done_callback(serving.discard)

    loop = asyncio.get_running_loop()
    control.setblocking(False)
    loop.add_reader(control, let_in)
    await let_go.wait()
    loop.remove_reader(control)
    processes.end_all()
    for task in serving:
        task.cancel()


def _host_key(path: Path) -> asyncssh.SSHKey:
    """Read the machine's host key, which is made the first time."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(key.export_private_key())
    return asyncssh.read_private_key(path)


def main() -> None:
    """Read what there is to know, and serve."""
    told = json.load(sys.stdin)
    # A Ctrl-C in the terminal of the sandbox is the sandbox's. Not ignored, since commands would begin so too.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    asyncio.run(run(socket.socket(fileno=int(sys.argv[1])), told))
    # Threads of libraries, or a client that reads slowly, keep nobody here.
    os._exit(0)


if __name__ == "__main__":
    main()
