"""A line that is slow, or breaks: what stands between a caller and a machine's SSH server when that is ordered."""

import asyncio
import socket
from dataclasses import dataclass

_AT_ONCE = 64 * 1024
_MOST_WAITING = 1024


@dataclass(frozen=True)
class WorseLine:
    """What is wrong with it.

    Attributes:
        latency: seconds that everything takes longer, each way.
        bytes_per_second: how much goes through, each way; 0 is as much as can.
        breaks_after: the line breaks when the machine has sent so many bytes; None is never.
    """

    latency: float = 0.0
    bytes_per_second: int = 0
    breaks_after: int | None = None


def put_between(caller: socket.socket, line: WorseLine, tasks: set[asyncio.Task[None]]) -> socket.socket:
    """Return what the server is to serve instead of the caller; `tasks` keeps what goes on in between."""
    ours, theirs = socket.socketpair()
    for each in (ours, theirs, caller):
        each.setblocking(False)
    task = asyncio.create_task(_carry(caller, ours, line))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return theirs


async def _carry(caller: socket.socket, server: socket.socket, line: WorseLine) -> None:
    """Carry what both say, until one of them ends or the line breaks."""
    ways = [
        asyncio.create_task(_one_way(caller, server, line, None)),
        asyncio.create_task(_one_way(server, caller, line, line.breaks_after)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _ended(*ways)
        caller.close()
        server.close()


async def _one_way(source: socket.socket, target: socket.socket, line: WorseLine, breaks_after: int | None) -> None:
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_WAITING)
    reading = asyncio.create_task(_read(source, line, waiting))
    try:
        await _deliver(target, waiting, breaks_after)
    except OSError:
        return  # who was to hear it has gone
    finally:
        await _ended(reading)


async def _read(source: socket.socket, line: WorseLine, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
    """Take what is said no faster than the line is, and note when it is to arrive; nothing is the end."""
    loop = asyncio.get_running_loop()
    free_at = loop.time()
    data = b"..."
    while data:
        try:
            data = await loop.sock_recv(source, _AT_ONCE)
        except OSError:
            data = b""
        if line.bytes_per_second:
            free_at = max(free_at, loop.time()) + len(data) / line.bytes_per_second
            await asyncio.sleep(free_at - loop.time())
        await waiting.put((loop.time() + line.latency, data))


async def _deliver(
    target: socket.socket, waiting: asyncio.Queue[tuple[float, bytes]], breaks_after: int | None
) -> None:
    loop = asyncio.get_running_loop()
    left = breaks_after
    while left is None or left > 0:
        due, data = await waiting.get()
        await asyncio.sleep(due - loop.time())
        if not data:
            return
        if left is not None:
            data, left = data[:left], left - len(data[:left])
        await loop.sock_sendall(target, data)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
