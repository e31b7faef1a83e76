"""Networks and their endpoints in the database."""

import json
import sys
from collections.abc import Collection
from dataclasses import dataclass

from glows_nb.sandbox.parameters import Page
from glows_nb.sandbox.store.database import Database

MESH = 0
NAT4 = 6

CONNECTING = 1
CONNECTED = 2
"""The sample's 2 stands beside "Connected"; 1 is inferred (FACTS 6)."""
STATUS_NAMES = {CONNECTING: "Connecting", CONNECTED: "Connected"}

CONNECTING_SECONDS = 10.0
"""Invented."""

_OWN_PREFIX = "127.77"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A user's mesh network (type 0), or public IP (type 6)."""

    seq: int = 0
    """0 until it is added."""
    hash: str
    owner: int
    name: str
    region: str
    domain: int
    type: int
    created: float


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A machine's place in a network."""

    hash: str
    network: str
    machine: str
    place: int
    """1 for the first machine of the network, and so on; a place that was left is taken again."""
    cidr: str
    mac: str
    created: float
    connects_at: float | None
    """None as long as its machine has not run."""

    def status(self, now: float) -> int:
        """Return the number of the status that it has at virtual time `now`."""
        return CONNECTED if self.connects_at is not None and self.connects_at <= now else CONNECTING


class NetworkStore:
    """All SQL about networks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prefix, self._first = "192.168", 0

    def reach_really(self, first: int) -> None:
        """Give machines addresses of a mesh at which they really reach each other, and nobody else does.

        Each has one of its own, 127.77.N.K, where the system has all of 127.0.0.0/8, as Linux does; elsewhere it is
        127.0.0.1 for all, and only their ports tell them apart.

        Args:
            first: from which N on, so that two sandboxes of one computer keep out of each other's way.
        """
        self._prefix, self._first = _OWN_PREFIX if sys.platform == "linux" else "", first

    def add(self, network: Network) -> None:
        """Write down a new network."""
        self._database.write(
            "INSERT INTO networks (hash, owner, name, region, domain, type, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (network.hash, network.owner, network.name, network.region, network.domain, network.type, network.created),
        )

    def network(self, hash_: str) -> Network | None:
        """Return the network with that id, whoever owns it."""
        row = self._database.row("SELECT * FROM networks WHERE hash = ?", (hash_,))
        return None if row is None else Network(**dict(row))

    def has_name(self, owner: int, name: str) -> bool:
        """Has the user a network of that name, in whatever region?"""
        return self._database.row("SELECT 1 FROM networks WHERE owner = ? AND name = ?", (owner, name)) is not None

    def count(self, owner: int, type_: int) -> int:
        """Return how many networks of a type a user has."""
        return self._database.number("SELECT COUNT(*) FROM networks WHERE owner = ? AND type = ?", (owner, type_))

    def networks(self, owner: int, type_: int, domain: int, page: Page) -> tuple[int, list[Network]]:
        """Return how many networks a user has of a type in a domain, and one page of them, newest first."""
        where = "FROM networks WHERE owner = :owner AND type = :type AND domain = :domain"
        values = {"owner": owner, "type": type_, "domain": domain, "size": page.size, "offset": page.offset}
        total = self._database.number(f"SELECT COUNT(*) {where}", values)
        rows = self._database.rows(f"SELECT * {where} ORDER BY seq DESC LIMIT :size OFFSET :offset", values)
        return total, [Network(**dict(row)) for row in rows]

    def attach(self, network: Network, machine: str, hash_: str, *, created: float, runs_since: float | None) -> str:
        """Give a machine the first free place in a network; return the endpoint's hash.

        It connects a little after the machine has begun to run, which is now or later.
        """
        place = self._free_place(network.hash)
        # The console's addresses are 192.168.<n>.<k>/24 from .1; a public IP is one of the range for documentation.
        number = (self._first + network.seq) % 254 + 1
        cidr = f"203.0.113.{number}/32"
        if network.type == MESH:
            cidr = f"{self._prefix}.{number}.{place}/24" if self._prefix else "127.0.0.1/32"
        mac = f"02:00:{number:02x}:00:{place // 256 % 256:02x}:{place % 256:02x}"
        connects_at = None if runs_since is None else runs_since + CONNECTING_SECONDS
        self._database.write(
            "INSERT INTO endpoints (hash, network, machine, place, cidr, mac, created, connects_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (hash_, network.hash, machine, place, cidr, mac, created, connects_at),
        )
        return hash_

    def machine_runs(self, machine: str, at: float) -> None:
        """Let the endpoints of a machine connect, which runs since `at`."""
        self._database.write(
            "UPDATE endpoints SET connects_at = ? WHERE machine = ? AND connects_at IS NULL",
            (at + CONNECTING_SECONDS, machine),
        )

    def machine_ends(self, machine: str) -> None:
        """Take a machine out of its networks."""
        self._database.write("DELETE FROM endpoints WHERE machine = ?", (machine,))

    def machines_in(self, network: str) -> set[str]:
        """Return the hashes of all machines in a network."""
        rows = self._database.rows("SELECT machine FROM endpoints WHERE network = ?", (network,))
        return {row["machine"] for row in rows}

    def endpoints(self, network: str, page: Page) -> tuple[int, list[Endpoint]]:
        """Return how many endpoints a network has, and one page of them, newest first."""
        total = self._database.number("SELECT COUNT(*) FROM endpoints WHERE network = ?", (network,))
        rows = self._database.rows(
            f"SELECT {_ENDPOINT} FROM endpoints WHERE network = ? ORDER BY seq DESC LIMIT ? OFFSET ?",
            (network, page.size, page.offset),
        )
        return total, [Endpoint(**dict(row)) for row in rows]

    def endpoints_of(self, machines: Collection[str]) -> dict[str, list[Endpoint]]:
        """Return the endpoints of several machines, oldest first, by machine."""
        found: dict[str, list[Endpoint]] = {machine: [] for machine in machines}
        rows = self._database.rows(
            f"SELECT {_ENDPOINT} FROM endpoints WHERE machine IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (json.dumps(list(machines)),),
        )
        for row in rows:
            found[row["machine"]].append(Endpoint(**dict(row)))
        return found

    def meshes_of(self, machines: Collection[str]) -> dict[str, list[tuple[str, float]]]:
        """Return the addresses of machines at which nobody else is, and from which virtual time on they have them."""
        if not self._prefix.startswith(_OWN_PREFIX):
            return {}
        return {
            machine: [
                (endpoint.cidr.partition("/")[0], endpoint.connects_at)
                for endpoint in endpoints
                if endpoint.cidr.startswith(_OWN_PREFIX) and endpoint.connects_at is not None
            ]
            for machine, endpoints in self.endpoints_of(machines).items()
        }

    def _free_place(self, network: str) -> int:
        taken = {row[0] for row in self._database.rows("SELECT place FROM endpoints WHERE network = ?", (network,))}
        return next(place for place in range(1, len(taken) + 2) if place not in taken)


_ENDPOINT = "hash, network, machine, place, cidr, mac, created, connects_at"
