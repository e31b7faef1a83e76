"""A machine's Jupyter server: started when somebody first comes to its port, and reached through this process."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from glows_nb.sandbox.machines.inside.forwarding import LOOPBACK, carry, connect
from glows_nb.sandbox.machines.inside.processes import Processes

_START_SECONDS = 60.0
_TRY_SECONDS = 0.1


class Jupyter:
    """The server, once it is wanted.

    Args:
        processes: those of the machine, among which it is.
        told: its `command` with `{port}` for the port to listen on, and its `variables`.
        log: where it says what it says.
    """

    def __init__(self, processes: Processes, told: Mapping[str, Any], log: int) -> None:
        self._processes = processes
        self._told = told
        self._log = log
        self._port: int | None = None
        self._starting = asyncio.Lock()

    async def serve(self, caller: socket.socket) -> None:
        """Carry what a caller and the server say to each other."""
        with caller:
            server = await self._connected()
            if server is None:
                return
            with server:
                await carry(caller, server)

    async def _connected(self) -> socket.socket | None:
        """A connection to it, started if need be, as soon as it listens."""
        async with self._starting:
            connection = await self._connect()
            if connection is not None:
                return connection
            self._port = _free_port()
            command = self._told["command"].replace("{port}", str(self._port))
            started = self._processes.start(command, self._told["variables"], output=self._log)
            deadline = asyncio.get_running_loop().time() + _START_SECONDS
            while connection is None and started.returncode is None:
                if asyncio.get_running_loop().time() > deadline:
                    return None
                await asyncio.sleep(_TRY_SECONDS)
                connection = await self._connect()
            return connection

    async def _connect(self) -> socket.socket | None:
        return None if self._port is None else await connect(LOOPBACK, self._port)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port
