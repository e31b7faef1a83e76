"""A machine's Jupyter server: started when somebody first comes to its port, and reached through this process."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from glows_nb.sandbox.machines.inside.processes import Processes

_AT_ONCE = 256 * 1024
_START_SECONDS = 60.0
_TRY_SECONDS = 0.1
_LOOPBACK = "127.0.0.1"


class Jupyter:
    """The server, once it is wanted.

    Args:
        processes: those of the machine, among which it is.
        told: its `command` with `{port}` for the port to listen on, and its `variables`.
    """

    def __init__(self, processes: Processes, told: Mapping[str, Any]) -> None:
        self._processes = processes
        self._told = told
        self._port: int | None = None
        self._starting = asyncio.Lock()

    async def serve(self, caller: socket.socket) -> None:
        """Carry what a caller and the server say to each other."""
        with caller:
            server = await self._connected()
            if server is None:
                return
            with server:
                ways = [asyncio.create_task(_carry(caller, server)), asyncio.create_task(_carry(server, caller))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.wait(ways)

    async def _connected(self) -> socket.socket | None:
        """A connection to it, started if need be, as soon as it listens."""
        async with self._starting:
            connection = await self._connect()
            if connection is not None:
                return connection
            self._port = _free_port()
            command = self._told["command"].replace("{port}", str(self._port))
            started = self._processes.start(command, self._told["variables"], is_silent=True)
            deadline = asyncio.get_running_loop().time() + _START_SECONDS
            while connection is None and started.returncode is None:
                if asyncio.get_running_loop().time() > deadline:
                    return None
                await asyncio.sleep(_TRY_SECONDS)
                connection = await self._connect()
            return connection

    async def _connect(self) -> socket.socket | None:
        if self._port is None:
            return None
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (_LOOPBACK, self._port))
        except OSError:
            connection.close()
            return None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


async def _carry(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.sock_recv(source, _AT_ONCE):
            await loop.sock_sendall(target, data)
    except OSError:
        return  # one of the two has gone


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((_LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port
