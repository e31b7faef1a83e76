"""Machines that can be reached: ports on loopback that accept while a machine runs, and don't when it no longer does.

There is no machine behind them: ssh gets a banner, http a small page, any other port silence.
"""

import asyncio
import logging
import os
import random
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from glows_nb.sandbox.addresses import PORTS, named_like_the_service
from glows_nb.sandbox.hashes import random_hash
from glows_nb.sandbox.lifecycle import Access, Machine

HOST = "127.0.0.1"

SERVICES_SECONDS = 5.0
"""How many virtual seconds after Running a machine's services answer; FACTS 4.3 tells of tries for 25."""

_TRIES = 50
_MOST_BYTES = 64 * 1024
_JUPYTER_PORT = 8888

_log = logging.getLogger("glows_nb.sandbox")


class Doors:
    """All ports of one sandbox's machines. Gives a machine its addresses, too: ports that are really free."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, int], socket.socket] = {}
        self._open: dict[tuple[str, int], _Door] = {}
        self._lost: set[tuple[str, int]] = set()
        self._opens_at: float | None = None

    def __call__(self, machine: Machine, chance: random.Random) -> tuple[Access, ...]:
        """Take a port for each access of a machine that begins to run, and return the accesses with their urls."""
        token = random_hash(chance)
        accesses = []
        try:
            for access in machine.accesses:
                taken = _free_port(chance)
                self._bound[machine.hash, access.listen_port] = taken
                address = f"{HOST}:{taken.getsockname()[1]}"
                # http where the service has https: nobody signs a certificate for loopback.
                url = f"ssh://{address}" if access.protocol == "ssh" else f"http://{address}?token={token}"
                accesses.append(replace(access, url=url))
        except OSError as error:
            # Hundreds of machines may need more open files than a process may have. They run all the same.
            _log.warning("A machine can't be reached: %s", error)
            return named_like_the_service(machine, chance)
        return tuple(accesses)

    def is_due(self, now: float) -> bool:
        """Is a door to be opened by virtual time `now`, although no machine has changed?"""
        return self._opens_at is not None and self._opens_at <= now

    def follow(self, running: Iterable[Machine], now: float, ssh_delay: Callable[[Machine], float]) -> None:
        """Open the doors of the machines that run, and close all others. For the event loop's thread."""
        wanted: dict[tuple[str, int], tuple[Machine, Access]] = {}
        self._opens_at = None
        hashes = set()
        for machine in running:
            hashes.add(machine.hash)
            for access in machine.accesses:
                delay = max(SERVICES_SECONDS, ssh_delay(machine) if access.listen_port == 22 else 0.0)
                opens_at = (machine.ran_at or now) + delay
                if opens_at <= now:
                    wanted[machine.hash, access.listen_port] = (machine, access)
                else:
                    self._opens_at = min(opens_at, self._opens_at or opens_at)
        for key in self._open.keys() - wanted.keys():
            self._open.pop(key).close()
        for key in [key for key in self._bound if key[0] not in hashes]:
            self._bound.pop(key).close()
        for key in wanted.keys() - self._open.keys() - self._lost:
            self._open_door(key, *wanted[key])

    def close(self) -> None:
        """Close all."""
        for door in self._open.values():
            door.close()
        for taken in self._bound.values():
            taken.close()
        self._open.clear()
        self._bound.clear()

    def _open_door(self, key: tuple[str, int], machine: Machine, access: Access) -> None:
        # A machine that runs again, after a snapshot or a restart of the sandbox, has its port from before.
        taken = self._bound.pop(key, None) or _port_again(access)
        if taken is None:
            self._lost.add(key)
            return
        self._open[key] = _Door(taken, machine, access)


class _Door:
    """One open port, and who is inside."""

    def __init__(self, taken: socket.socket, machine: Machine, access: Access) -> None:
        self._socket = taken
        self._server: asyncio.Server | None = None
        self._machine = machine
        self._access = access
        self._inside: set[_Visitor] = set()
        # From here on the system accepts; who comes before the task has run waits a moment.
        taken.listen(32)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()
        for visitor in list(self._inside):
            visitor.throw_out()

    async def _serve(self) -> None:
        if self._socket.fileno() < 0:
            return  # closed before it came to this
        loop = asyncio.get_running_loop()
        # In two steps: only the second lets anything else run, and by then `close` knows the server.
        self._server = await loop.create_server(self._visitor, sock=self._socket, start_serving=False)
        await self._server.start_serving()

    def _visitor(self) -> "_Visitor":
        if self._access.protocol == "http":
            return _HttpVisitor(self._inside, self._machine, self._access)
        return _SshVisitor(self._inside) if self._access.listen_port == 22 else _Visitor(self._inside)


class _Visitor(asyncio.Protocol):
    """A connection; one to a port of which nothing is known is kept, and nothing is said."""

    def __init__(self, inside: "set[_Visitor]") -> None:
        self._inside = inside
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._inside.add(self)
        self.greet()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inside.discard(self)

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
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()


class _SshVisitor(_Visitor):
    """Gets the banner of an SSH server, which hangs up as soon as it is spoken to for longer than a banner."""

    def greet(self) -> None:
        self.write(b"SSH-2.0-OpenSSH_9.6p1 GLOWS-sandbox\r\n")

    def data_received(self, data: bytes) -> None:
        if len(data) > 255 or not data.startswith(b"SSH-"):
            self.leave()


class _HttpVisitor(_Visitor):
    """Gets a page, or a 403 from Jupyter for a token that isn't the one in the url."""

    def __init__(self, inside: "set[_Visitor]", machine: Machine, access: Access) -> None:
        super().__init__(inside)
        self._machine = machine
        self._access = access
        self._request = bytearray()

    def data_received(self, data: bytes) -> None:
        self._request += data
        if b"\r\n\r\n" not in self._request:
            if len(self._request) > _MOST_BYTES:
                self.leave()
            return
        if self._is_let_in():
            status, text = "200 OK", f"This is port {self._access.listen_port} of ins-{self._machine.hash}."
        else:
            status, text = "403 Forbidden", "The token is not this machine's."
        page = (
            "<!DOCTYPE html><title>GLOWS sandbox</title>"
            f"<p>{text}</p><p>Nothing runs here: it is a machine of the sandbox.</p>"
        ).encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.write(head.encode() + page)
        self.leave()

    def _is_let_in(self) -> bool:
        target = self._request.split(b"\r\n", 1)[0].split(b" ")[1:2]
        given = parse_qs(urlsplit(target[0].decode("latin-1")).query) if target else {}
        return self._access.listen_port != _JUPYTER_PORT or given == parse_qs(urlsplit(self._access.url).query)


def _free_port(chance: random.Random) -> socket.socket:
    """Bind a port that nobody has, of the service's range if possible. It refuses connections as yet."""
    for port in [*chance.sample(PORTS, k=_TRIES), 0]:
        taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            taken.bind((HOST, port))
        except OSError:
            taken.close()
        else:
            return taken
    raise OSError("no port is free on loopback")


def _port_again(access: Access) -> socket.socket | None:
    """Bind the port of an url that a machine has had before; None if it can't be had."""
    address = urlsplit(access.url)
    if address.hostname != HOST or address.port is None:
        return None
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Or connections that have just ended would keep the port for a minute.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, address.port))
        taken.listen(32)
    except OSError as error:
        _log.warning("A machine can't be reached at %s any more: %s", access.url.partition("?")[0], error)
        taken.close()
        return None
    return taken
