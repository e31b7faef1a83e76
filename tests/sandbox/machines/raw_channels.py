"""Channels on which nothing was asked for yet, to ask what no client asks: asyncssh's own are a request further."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
from asyncssh.channel import SSHClientChannel
from asyncssh.packet import String

_WINDOW, _PACKET = 1 << 20, 1 << 15


class Heard(asyncssh.SSHClientSession[bytes]):
    """What came over a channel, until it was closed."""

    def __init__(self) -> None:
        self.data = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class RawChannel:
    """One of them."""

    def __init__(self, line: Any) -> None:
        loop = asyncio.get_running_loop()
        self._line = line
        self._channel: Any = SSHClientChannel(line, loop, "strict", None, "strict", _WINDOW, _PACKET)
        self._heard = Heard()

    async def open(self) -> RawChannel:
        """Open it."""
        await self._channel._open(b"session")
        self._channel._session = self._heard
        return self

    async def ask(self, request: bytes, *fields: bytes) -> bool:
        """Send a request that wants a reply, and return which it was; a field is as it stands in the packet."""
        return bool(await self._channel._make_request(request, *fields))

    async def run(self, command: bytes) -> tuple[int | None, bytes]:
        """Run a command to its end, without input, and return its status and output."""
        assert await self.ask(b"exec", String(command))
        return await self.result()

    async def result(self) -> tuple[int | None, bytes]:
        """Return how what was started has ended, and its output."""
        self._line.create_task(self._channel._start_reading())
        self._channel.write_eof()
        await self._heard.ended.wait()
        return self._channel.get_exit_status(), self._heard.data

    def close(self) -> None:
        """Close it, from this side."""
        self._channel.close()
