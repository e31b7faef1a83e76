"""Ending a connection otherwise than a web server would: in the middle of an answer, or by a reset."""

import asyncio
import os
import socket
import struct

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_Peer = tuple[object, ...]


class Connections:
    """The open connections of one server, by the address of the client."""

    def __init__(self) -> None:
        self._transports: dict[_Peer, asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """Return uvicorn's protocol, made to register each connection here."""
        transports = self._transports

        class Registered(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self._registered = _peer(transport)
                transports[self._registered] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self._registered, None)
                super().connection_lost(exc)

        return Registered

    async def reset(self, scope: Scope, receive: Receive) -> None:
        """Reset the connection of a request."""
        transport = self._of(scope)
        if transport is not None:
            # To linger for no time makes the system send a reset where it would say goodbye.
            lingering = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
            transport.abort()
        await _gone(receive)

    async def cut(self, scope: Scope, receive: Receive, answer: bytes) -> None:
        """Send the head of an answer with half of its body, then close."""
        transport = self._of(scope)
        if transport is not None:
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
            transport.write(head.encode() + answer[: len(answer) // 2])
            transport.close()
        await _gone(receive)

    def _of(self, scope: Scope) -> asyncio.Transport | None:
        return self._transports.get(tuple(scope["client"][:2]))


def _peer(transport: asyncio.Transport) -> _Peer:
    # Of IPv6 there are two more numbers, which the scope of a request hasn't.
    return tuple(transport.get_extra_info("peername")[:2])


async def _gone(receive: Receive) -> None:
    """Wait until the server has noticed, so that it doesn't miss an answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
