"""A port of a machine on this computer, for as long as it is wanted; the line below is made again where it breaks."""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import asyncssh

from glows_nb.api.errors import InvalidRequest
from glows_nb.remote import calling
from glows_nb.remote.calling import AwaitedHere, Caller
from glows_nb.remote.errors import RemoteError
from glows_nb.remote.lines.reading import AT_ONCE
from glows_nb.remote.ports.forward import Forward

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

LOOPBACK: Final = "127.0.0.1"
MOST_PORT: Final = 65535
LISTENS: Final = "0A"
"""As Linux tells of a socket."""


async def forward(line: Line, caller: Caller, port: int, local_port: int = 0) -> Forward:
    """Open a port here that leads to one of the machine; see `Machine.forward`.

    Raises:
        InvalidRequest: a port is none, or the one here is taken.
        RemoteError: the machine can't be entered.
    """
    for field, number, least in (("port", port, 1), ("local_port", local_port, 0)):
        if not isinstance(number, int) or not least <= number <= MOST_PORT:
            raise InvalidRequest(field, f"{number!r} is no port; there are {least} to {MOST_PORT}.")
    await line.connected(caller)
    served: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_serve(line, port, reader, writer))
        served.add(task)
        task.add_done_callback(served.discard)

    try:
        server = await asyncio.start_server(serve, LOOPBACK, local_port)
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"can't be had ({error.strerror})"
        raise InvalidRequest(
            "local_port", f"{local_port} {reason} here; choose another, or none for a free one."
        ) from error
    loop = asyncio.get_running_loop()

    def close() -> None:
        server.close()
        for task in list(served):
            task.cancel()
        is_closed()

    is_closed = calling.close_at_end(close)

    def close_from_anywhere() -> None:
        with suppress(RuntimeError):  # the loop has ended, and the port with it
            loop.call_soon_threadsafe(close)

    return Forward(line.name, port, server.sockets[0].getsockname()[1], close_from_anywhere)


async def is_silent(line: Line, caller: Caller, port: int) -> bool:
    """Does nothing on the machine listen at a port, as far as it tells?

    To try it would use up what serves but once.
    """
    shell = await line.shell(caller)
    if shell is None:
        return False
    async with line.unbroken("a port was looked at"):
        said = (await shell.run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null")).output.decode(errors="replace")
    sockets = [words for words in map(str.split, said.splitlines()) if len(words) > 3 and ":" in words[1]]
    listening = {words[1].rpartition(":")[2] for words in sockets if words[3] == LISTENS}
    return bool(listening) and f"{port:04X}" not in listening


async def _serve(line: Line, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, both ways; where the line has broken, it is made again for this."""
    try:
        # Whoever has come sees the connection end, which is what happens where nothing listens there too.
        with suppress(RemoteError, asyncssh.Error, OSError):
            async with line.unbroken("a port was forwarded"):
                connection = await line.connected(AwaitedHere())
                await _join(connection, port, reader, writer)
    finally:
        writer.close()


async def _join(connection: Any, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        there, to_there = await connection.open_connection(LOOPBACK, port, encoding=None)
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_CONNECT_FAILED:
            return
        raise
    ways = [asyncio.create_task(_carry(reader, to_there)), asyncio.create_task(_carry(there, writer))]
    try:
        await asyncio.gather(*ways)
    finally:
        for way in ways:
            way.cancel()
        to_there.close()


async def _carry(source: Any, to: Any) -> None:
    while piece := await source.read(AT_ONCE):
        to.write(piece)
        await to.drain()
    with suppress(OSError, asyncssh.Error):
        to.write_eof()
