"""From a port of the machine's outside to what listens inside: Jupyter, or a program that was started there."""

import asyncio
import os
import socket
import struct
import sys
from pathlib import Path

from glows_nb.sandbox.machines.inside.process_table import descendants

LOOPBACK = "127.0.0.1"
_AT_ONCE = 256 * 1024
_LISTENS = "0A"


async def connect(host: str, port: int) -> socket.socket | None:
    """A connection on this computer; None if nobody listens there."""
    connection = socket.socket()
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
    except OSError:
        connection.close()
        return None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


async def carry(caller: socket.socket, server: socket.socket) -> None:
    """Carry what two say to each other, until either has gone or both have said all."""
    ways = [asyncio.create_task(_one_way(caller, server)), asyncio.create_task(_one_way(server, caller))]
    try:
        await asyncio.gather(*ways)
    except OSError:
        return
    finally:
        for way in ways:
            way.cancel()


async def serve(caller: socket.socket, port: int, otherwise: bytes) -> None:
    """Let a caller speak to the machine's program that listens at a port.

    Args:
        caller: who came.
        port: as it is inside the machine.
        otherwise: what a caller hears when no program of this machine listens there.
    """
    with caller:
        host = _where_it_listens(port)
        server = None if host is None else await connect(host, port)
        if server is not None:
            with server:
                await carry(caller, server)
        elif otherwise:
            loop = asyncio.get_running_loop()
            await loop.sock_recv(caller, _AT_ONCE)
            await loop.sock_sendall(caller, otherwise)


async def _one_way(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _AT_ONCE):
        await loop.sock_sendall(target, data)
    target.shutdown(socket.SHUT_WR)


def _where_it_listens(port: int) -> str | None:
    """The address at which a program of this machine listens; another's at the same port is none of it."""
    if sys.platform != "linux":
        return LOOPBACK
    listening = _listening(port)
    if not listening:
        return None
    for pid in descendants(os.getpid()):
        try:
            links = [str(entry.readlink()) for entry in Path("/proc", str(pid), "fd").iterdir()]
        except OSError:
            continue  # it has ended
        for link in links:
            if link in listening:
                return listening[link]
    return None


def _listening(port: int) -> dict[str, str]:
    """All sockets that listen at a port, as links in /proc name them, each with its address."""
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            host, number = local.split(":")
            if state == _LISTENS and int(number, 16) == port:
                address = socket.inet_ntoa(struct.pack("=I", int(host, 16))) if table == "tcp" else LOOPBACK
                found[f"socket:[{rest[5]}]"] = LOOPBACK if address == "0.0.0.0" else address  # noqa: S104
    return found
