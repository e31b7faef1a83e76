"""Machines that can be reached: ports on loopback that accept while a machine runs, and don't when it no longer does.

Where machines are real, whoever speaks to the ssh port is handed to the machine's own process (`real_machines`). Of all
others nobody is behind the ports: ssh gets a banner, http a small page, any other port silence. A real machine answers
ssh at its addresses in meshes too, at port 22, where whoever runs the sandbox may bind that.
"""

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
from glows_nb.sandbox.machines.visitors import Caller, HttpVisitor, SshVisitor, Visitor, page

if TYPE_CHECKING:
    # Knows of processes and folders, as not every system has them.
    from glows_nb.sandbox.machines.real_machines import RealMachines

HOST = "127.0.0.1"

SERVICES_SECONDS = 5.0
"""How many virtual seconds after Running a machine's services answer; FACTS 4.3 tells of tries for 25."""

Meshes = Mapping[str, Sequence[tuple[str, float]]]
"""Of machines, by hash: their addresses in meshes, and from which virtual time on each is theirs."""

_SSH = Access("ssh", SSH_PORT)

_TRIES = 50
_RETRY_SECONDS = 1.0

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
        self._in_meshes: dict[tuple[str, str], _Port | None] = {}
        self.inside: set[Visitor] = set()
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
        meshes: Meshes | None = None,
    ) -> None:
        """Open the ports of the machines that run, and close all others. For the event loop's thread.

        Args:
            running: the machines.
            now: the virtual time.
            suffering: what goes wrong with them.
            paused: those of which a snapshot is being taken.
            is_there: does the machine of a hash still have a disk?
            meshes: where they are in private networks.
        """
        if self._is_closed:
            return
        wanted: dict[tuple[str, int], tuple[Machine, Access]] = {}
        self._opens_at = None
        machines = list(running)
        hashes = {machine.hash for machine in machines}
        for machine in machines:
            for access in machine.accesses:
                if self._is_up(machine, access, now, suffering):
                    wanted[machine.hash, access.listen_port] = (machine, access)
        for key in self._open.keys() - wanted.keys():
            self._open.pop(key).close()
        for key in [key for key in self._bound if key[0] not in hashes]:
            self._bound.pop(key).close()
        for key in wanted.keys() - self._open.keys() - self._lost:
            self._open_port(key, *wanted[key], suffering)
        self._follow_meshes(machines, now, suffering, meshes or {})
        if self.real is not None:
            self.real.follow(machines, paused, is_there, suffering)

    async def close(self) -> None:
        """Close all for good, and return when nobody is inside any more."""
        self._is_closed = True
        for port in (*self._open.values(), *self._in_meshes.values()):
            if port is not None:
                port.close()
        for taken in self._bound.values():
            taken.close()
        self._open.clear()
        self._in_meshes.clear()
        self._bound.clear()
        # A connection that ends does so in a later pass of the event loop, which therefore must not end before.
        while self.inside:
            await asyncio.wait([visitor.gone for visitor in self.inside])
        if self.real is not None:
            await self.real.close()

    def _follow_meshes(self, machines: Iterable[Machine], now: float, suffering: Suffering, meshes: Meshes) -> None:
        """Open ssh at the addresses in meshes, and close it at all others."""
        wanted: dict[tuple[str, str], Machine] = {}
        for machine in machines if self.real is not None else ():
            for host, connects_at in meshes.get(machine.hash, ()):
                if self._is_up(machine, _SSH, now, suffering, connects_at):
                    wanted[machine.hash, host] = machine
        for key in self._in_meshes.keys() - wanted.keys():
            port = self._in_meshes.pop(key)
            if port is not None:
                port.close()
        for key in wanted.keys() - self._in_meshes.keys():
            taken = _listening((key[1], SSH_PORT))
            self._in_meshes[key] = None if taken is None else _Port(taken, wanted[key], _SSH, self, suffering)

    def _is_up(
        self, machine: Machine, access: Access, now: float, suffering: Suffering, not_before: float = 0.0
    ) -> bool:
        """Does a service of a machine answer? If it will later, this is due then."""
        delay = max(SERVICES_SECONDS, suffering.ssh_delay(machine) if access.listen_port == SSH_PORT else 0.0)
        opens_at = max((machine.ran_at or now) + delay, not_before)
        if opens_at > now:
            self._opens_at = min(opens_at, self._opens_at or opens_at)
        return opens_at <= now

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
        self._visitors: set[Visitor] = set()
        self._silent: dict[Caller, None] = {}
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
        # Or a process that the user forked from this one would keep it open, and let callers wait for ever.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for visitor in self._visitors:
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
        self._visitors.add(visitor)
        visitor.gone.add_done_callback(lambda _: self._forget(visitor))
        visitor.enter(connection)

    def _forget(self, visitor: Visitor) -> None:
        self._visitors.discard(visitor)
        self._ports.inside.discard(visitor)

    def _visitor(self) -> Visitor:
        listen_port, protocol = self._access.listen_port, self._access.protocol
        is_jupyter = listen_port == JUPYTER_PORT and protocol == "http"
        if self._ports.real is not None and (listen_port == SSH_PORT or (is_jupyter and self._ports.real.has_jupyter)):
            return Caller(self._hand_over, self._silent, b"" if is_jupyter else SSH_GREETING)
        if self._ports.real is not None and self._ports.real.is_entered(self._machine.hash):
            return Caller(self._hand_over, self._silent, b"", waits=protocol == "http")
        if protocol == "http":
            return HttpVisitor(self._machine, self._access)
        return SshVisitor(self._ports.nobody) if listen_port == SSH_PORT else Visitor()

    def _hand_over(self, caller: socket.socket) -> None:
        """Hand a caller to the machine's process."""
        real, machine, listen_port = self._ports.real, self._machine, self._access.listen_port
        if real is None:
            return
        serve = partial(real.serve, machine, caller, self._suffering.of_machine(machine))
        if listen_port == SSH_PORT:
            line = self._suffering.line_of(machine)
            serve("serve ssh", line=None if line is None else asdict(line))
        elif listen_port == JUPYTER_PORT and self._access.protocol == "http" and real.has_jupyter:
            serve("serve jupyter")
        else:
            said = page("502 Bad Gateway", f"No program listens at port {listen_port} of ins-{machine.hash}.")
            serve("serve port", port=listen_port, otherwise=said if self._access.protocol == "http" else "")


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
    taken = _listening((HOST, address.port))
    if taken is None:
        _log.warning("A machine can't be reached at %s any more", access.url.partition("?")[0])
    return taken


def _listening(address: tuple[str, int]) -> socket.socket | None:
    """Listen at an address; None where it can't be had, as it can't below 1024 by an ordinary user."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Or connections that have just ended would keep the port for a minute.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(socket.SOMAXCONN)
    except OSError as error:
        _log.debug("nobody listens at %s:%d: %s", *address, error)
        taken.close()
        return None
    return taken
