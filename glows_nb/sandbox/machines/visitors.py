"""Who comes to a machine's port, and how each is met as long as no process of the machine serves them."""

import asyncio
import socket
import struct
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from glows_nb.sandbox.machines.addresses import JUPYTER_PORT, SSH_GREETING
from glows_nb.sandbox.machines.lifecycle import Access, Machine

_MOST_BYTES = 64 * 1024
_MOST_SILENT = 100
_SILENT_SECONDS = 120.0
"""How many callers that say nothing a port has at once, and for how long; as OpenSSH's server has it."""

_DISCONNECT, _BY_APPLICATION = 1, 11


class Visitor(asyncio.Protocol):
    """A connection; one to a port of which nothing is known is kept, and nothing is said."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._is_thrown_out = False

    def enter(self, connection: socket.socket) -> None:
        """Begin to be served."""
        # Kept, since the event loop does not keep its tasks.
        self._entering = self._loop.create_task(self._enter(connection))

    async def _enter(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self, connection)
        except BaseException:
            connection.close()
            self._go()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; the connection is there."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        if self._is_thrown_out:
            self.throw_out()
        else:
            self.greet()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be gone."""
        self._go()

    def _go(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    def greet(self) -> None:
        """Say what the server says first."""

    def write(self, answer: bytes) -> None:
        """Say something."""
        if self._transport is not None:
            self._transport.write(answer)

    def leave(self) -> None:
        """Close the connection when all is said."""
        if self._transport is not None:
            self._transport.close()

    def throw_out(self) -> None:
        """End the connection at once; one that is still being made, as soon as it is."""
        self._is_thrown_out = True
        if self._transport is not None:
            self._transport.abort()


class SshVisitor(Visitor):
    """Is greeted like one of an SSH server, told why nobody is here when it speaks, and sees it hang up."""

    def __init__(self, nobody: str) -> None:
        super().__init__()
        self._nobody = nobody
        self._heard = b""

    def greet(self) -> None:
        """Say what an SSH server says first."""
        self.write(SSH_GREETING)

    def data_received(self, data: bytes) -> None:
        """Hang up when it has spoken, or says what SSH does not."""
        self._heard += data
        if self._heard.startswith(b"SSH-") and b"\n" in self._heard:
            self.write(_disconnect(self._nobody))
        if len(self._heard) > 255 or b"\n" in self._heard or not self._heard.startswith(b"SSH-"[: len(self._heard)]):
            self.leave()


class Caller(Visitor):
    """Is greeted, and handed to the machine's process when it speaks; who says nothing costs no process.

    Args:
        hand_over: hands it over.
        silent: all who have not spoken at this port, oldest first.
        greeting: what the server says first.
        waits: is the caller the one who speaks first?
    """

    def __init__(
        self,
        hand_over: Callable[[socket.socket], None],
        silent: "dict[Caller, None]",
        greeting: bytes,
        *,
        waits: bool = True,
    ) -> None:
        super().__init__()
        self._hand_over = hand_over
        self._silent = silent
        self._greeting = greeting
        self._waits = waits
        self._connection: socket.socket | None = None

    def enter(self, connection: socket.socket) -> None:
        """Greet, and listen for the first words; they stay in the connection for whoever serves it."""
        self._connection = connection
        self._patience = self._loop.call_later(_SILENT_SECONDS, self.throw_out)
        if len(self._silent) >= _MOST_SILENT:
            next(iter(self._silent)).throw_out()
        self._silent[self] = None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._greeting:
                connection.send(self._greeting)
        except OSError:
            self.throw_out()
            return
        if self._waits:
            self._loop.add_reader(connection, self._hear)
        else:
            self._hand_over(connection)
            self.throw_out()

    def _hear(self) -> None:
        if self._connection is None:
            return
        try:
            has_spoken = bool(self._connection.recv(1, socket.MSG_PEEK))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            has_spoken = False
        if has_spoken:
            self._hand_over(self._connection)
        self.throw_out()

    def throw_out(self) -> None:
        """Let go of the connection, which may be another process's by now."""
        self._patience.cancel()
        self._silent.pop(self, None)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._loop.remove_reader(connection)
            connection.close()
        self._go()


class HttpVisitor(Visitor):
    """Gets a page, or a 403 from Jupyter for a token that isn't the one in the url, or for its API without any.

    As of a real Jupyter other paths without a token are let in, to a page on which one would log in: a script that asks
    whether anything is up there sends none.
    """

    def __init__(self, machine: Machine, access: Access) -> None:
        super().__init__()
        self._machine = machine
        self._access = access
        self._request = bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer when the request is there."""
        self._request += data
        if b"\r\n\r\n" not in self._request:
            if len(self._request) > _MOST_BYTES:
                self.leave()
            return
        here = f"This is port {self._access.listen_port} of ins-{self._machine.hash}. Nothing runs here."
        answer = (
            page("200 OK", here) if self._is_let_in() else page("403 Forbidden", "The token is not this machine's.")
        )
        self.write(answer.encode())
        self.leave()

    def _is_let_in(self) -> bool:
        target = self._request.split(b"\r\n", 1)[0].split(b" ")[1:2]
        asked = urlsplit(target[0].decode("latin-1") if target else "")
        given = parse_qs(asked.query)
        if self._access.listen_port != JUPYTER_PORT or given == parse_qs(urlsplit(self._access.url).query):
            return True
        return not given and asked.path.split("/")[1:2] != ["api"]


def page(status: str, text: str) -> str:
    """Return a whole answer over HTTP: a page that says where one is."""
    shown = f"<!DOCTYPE html><title>GLOWS sandbox</title><p>{text}</p><p>This is a machine of the sandbox.</p>"
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(shown.encode())}\r\n"
        f"Connection: close\r\n\r\n{shown}"
    )


def _disconnect(text: str) -> bytes:
    """A packet of SSH before keys are agreed upon: the server hangs up, and says why (RFC 4253, 11.1)."""
    said = text.encode()
    message = struct.pack(">BII", _DISCONNECT, _BY_APPLICATION, len(said)) + said + struct.pack(">I", 0)
    padding = 8 + -(len(message) + 5) % 8
    return struct.pack(">IB", len(message) + padding + 1, padding) + message + bytes(padding)
