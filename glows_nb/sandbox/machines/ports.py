"""Machines that can be reached: ports on loopback that accept while a machine runs, and don't when it no longer does.

Where machines are real, whoever speaks to the ssh port is handed to the machine's own process (`real_machines`). Of all
others nobody is behind the ports: ssh gets a banner, http a small page, any other port silence.
"""

import asyncio
import logging
import os
import random
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from glows_nb.sandbox.ids import random_hash
from glows_nb.sandbox.machines.addresses import (
    JUPYTER_PORT,
    PORTS,
    SSH_GREETING,
    SSH_PORT,
    named_like_the_service,
)
from glows_nb.sandbox.machines.lifecycle import Access, Machine
from glows_nb.sandbox.machines.machine_faults import Suffering

if TYPE_CHECKING:
    # Knows of processes and folders, as not every system has them.
    from glows_nb.sandbox.machines.real_machines import RealMachines

HOST = "127.0.0.1"

SERVICES_SECONDS = 5.0
"""How many virtual seconds after Running a machine's services answer; FACTS 4.3 tells of tries for 25."""

_TRIES = 50
_DISCONNECT, _BY_APPLICATION = 1, 11
_MOST_BYTES = 64 * 1024
_RETRY_SECONDS = 1.0
_MOST_SILENT = 100
_SILENT_SECONDS = 120.0
"""How many callers that say nothing a port has at once, and for how long; as OpenSSH's server has it."""

_log = logging.getLogger("glows_nb.sandbox")


class MachinePorts:
    """All ports of one sandbox's machines. Gives a machine its addresses, too: ports that are really free.

    Args:
        real: who is behind them.
        nobody: what ssh is told where nobody is.
    """

    def __init__(self, real: "RealMachines | None" = None, nobody: str = "Nobody is behind this port.") -> None:
        self.real = real
        self.nobody = nobody
        self._bound: dict[tuple[str, int], socket.socket] = {}
        self._open: dict[tuple[str, int], _Port] = {}
        self.inside: set[_Visitor] = set()
        self._lost: set[tuple[str, int]] = set()
        self._opens_at: float | None = None
        self._is_closed = False

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
        """Is a port to be opened by virtual time `now`, although no machine has changed?"""
        return self._opens_at is not None and self._opens_at <= now

    def follow(
        self,
        running: Iterable[Machine],
        now: float,
        suffering: Suffering,
        paused: Iterable[Machine] = (),
        is_there: Callable[[str], bool] = lambda hash_: True,
    ) -> None:
        """Open the ports of the machines that run, and close all others. For the event loop's thread.

        Args:
            running: the machines.
            now: the virtual time.
            suffering: what goes wrong with them.
            paused: those of which a snapshot is being taken.
            is_there: does the machine of a hash still have a disk?
        """
        if self._is_closed:
            return
        wanted: dict[tuple[str, int], tuple[Machine, Access]] = {}
        self._opens_at = None
        machines = list(running)
        hashes = {machine.hash for machine in machines}
        for machine in machines:
            for access in machine.accesses:
                delay = max(SERVICES_SECONDS, suffering.ssh_delay(machine) if access.listen_port == SSH_PORT else 0.0)
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
            self._open_port(key, *wanted[key], suffering)
        if self.real is not None:
            self.real.follow(machines, paused, is_there, suffering)

    async def close(self) -> None:
        """Close all for good, and return when nobody is inside any more."""
        self._is_closed = True
        for port in self._open.values():
            port.close()
        for taken in self._bound.values():
            taken.close()
        self._open.clear()
        self._bound.clear()
        # A connection that ends does so in a later pass of the event loop, which therefore must not end before.
        while self.inside:
            await asyncio.wait([visitor.gone for visitor in self.inside])
        if self.real is not None:
            await self.real.close()

    def _open_port(self, key: tuple[str, int], machine: Machine, access: Access, suffering: Suffering) -> None:
        # A machine that runs again, after a snapshot or a restart of the sandbox, has its port from before.
        taken = self._bound.pop(key, None) or _port_again(access)
        if taken is None:
            self._lost.add(key)
            return
        self._open[key] = _Port(taken, machine, access, self, suffering)


class _Port:
    """One open port. It accepts by itself: an `asyncio.Server` forgets who comes in the moment before it is closed."""

    def __init__(
        self,
        taken: socket.socket,
        machine: Machine,
        access: Access,
        ports: MachinePorts,
        suffering: Suffering,
    ) -> None:
        self._socket = taken
        self._ports = ports
        self._suffering = suffering
        self.silent: dict[_Caller, None] = {}
        self._machine = machine
        self._access = access
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        if os.name == "posix":
            # For those who come: or one that is still inside, or has just left, would keep the port after a snapshot.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Who knocks on a port where too many wait is heard only a second later: as many may wait as the system allows.
        taken.listen(socket.SOMAXCONN)
        taken.setblocking(False)
        self._watch()

    def close(self) -> None:
        self._is_closed = True
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for visitor in self._ports.inside:
            if visitor.port is self:
                visitor.throw_out()

    def _watch(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._socket, self._let_in)

    def _let_in(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # who knocked has gone
        except OSError as error:
            # Too many open files, most likely. Whoever knocks goes on knocking, so look again only after a while.
            _log.warning("A machine's port %d can't be reached for now: %s", self._access.listen_port, error)
            self._loop.remove_reader(self._socket)
            self._loop.call_later(_RETRY_SECONDS, self._watch)
            return
        connection.setblocking(False)
        visitor = self._visitor()
        self._ports.inside.add(visitor)
        visitor.gone.add_done_callback(lambda _: self._ports.inside.discard(visitor))
        visitor.enter(connection)

    def _visitor(self) -> "_Visitor":
        listen_port, protocol = self._access.listen_port, self._access.protocol
        is_jupyter = listen_port == JUPYTER_PORT and protocol == "http"
        if self._ports.real is not None and (listen_port == SSH_PORT or (is_jupyter and self._ports.real.has_jupyter)):
            return _Caller(self, b"" if is_jupyter else SSH_GREETING)
        if protocol == "http":
            return _HttpVisitor(self, self._machine, self._access)
        return _SshVisitor(self, self._ports.nobody) if listen_port == SSH_PORT else _Visitor(self)

    def hand_over(self, caller: socket.socket) -> None:
        """Hand one who has spoken to the machine's process."""
        if self._ports.real is not None:
            line = self._suffering.line_of(self._machine) if self._access.listen_port == SSH_PORT else None
            self._ports.real.serve(self._machine, self._access.listen_port, caller, line)


class _Visitor(asyncio.Protocol):
    """A connection; one to a port of which nothing is known is kept, and nothing is said."""

    def __init__(self, port: _Port) -> None:
        self.port = port
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
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        if self._is_thrown_out:
            self.throw_out()
        else:
            self.greet()

    def connection_lost(self, exc: Exception | None) -> None:
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


class _SshVisitor(_Visitor):
    """Is greeted like one of an SSH server, told why nobody is here when it speaks, and sees it hang up."""

    def __init__(self, port: _Port, nobody: str) -> None:
        super().__init__(port)
        self._nobody = nobody
        self._heard = b""

    def greet(self) -> None:
        self.write(SSH_GREETING)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._heard.startswith(b"SSH-") and b"\n" in self._heard:
            self.write(_disconnect(self._nobody))
        if len(self._heard) > 255 or b"\n" in self._heard or not self._heard.startswith(b"SSH-"[: len(self._heard)]):
            self.leave()


class _Caller(_Visitor):
    """Is greeted, and handed to the machine's process when it speaks; who says nothing costs no process."""

    def __init__(self, port: _Port, greeting: bytes) -> None:
        super().__init__(port)
        self._greeting = greeting
        self._connection: socket.socket | None = None

    def enter(self, connection: socket.socket) -> None:
        """Greet, and listen for the first words; they stay in the connection for whoever serves it."""
        self._connection = connection
        self._patience = self._loop.call_later(_SILENT_SECONDS, self.throw_out)
        if len(self.port.silent) >= _MOST_SILENT:
            next(iter(self.port.silent)).throw_out()
        self.port.silent[self] = None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._greeting:
                connection.send(self._greeting)
        except OSError:
            self.throw_out()
            return
        self._loop.add_reader(connection, self._hear)

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
            self.port.hand_over(self._connection)
        self.throw_out()

    def throw_out(self) -> None:
        """Let go of the connection, which may be another process's by now."""
        self._patience.cancel()
        self.port.silent.pop(self, None)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._loop.remove_reader(connection)
            connection.close()
        self._go()


class _HttpVisitor(_Visitor):
    """Gets a page, or a 403 from Jupyter for a token that isn't the one in the url, or for its API without any.

    As of a real Jupyter other paths without a token are let in, to a page on which one would log in: a script that asks
    whether anything is up there sends none.
    """

    def __init__(self, port: _Port, machine: Machine, access: Access) -> None:
        super().__init__(port)
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
        asked = urlsplit(target[0].decode("latin-1") if target else "")
        given = parse_qs(asked.query)
        if self._access.listen_port != JUPYTER_PORT or given == parse_qs(urlsplit(self._access.url).query):
            return True
        return not given and asked.path.split("/")[1:2] != ["api"]


def _disconnect(text: str) -> bytes:
    """A packet of SSH before keys are agreed upon: the server hangs up, and says why (RFC 4253, 11.1)."""
    said = text.encode()
    message = struct.pack(">BII", _DISCONNECT, _BY_APPLICATION, len(said)) + said + struct.pack(">I", 0)
    padding = 8 + -(len(message) + 5) % 8
    return struct.pack(">IB", len(message) + padding + 1, padding) + message + bytes(padding)


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
        taken.listen(socket.SOMAXCONN)
    except OSError as error:
        _log.warning("A machine can't be reached at %s any more: %s", access.url.partition("?")[0], error)
        taken.close()
        return None
    return taken
