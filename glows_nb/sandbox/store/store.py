"""The sandbox's state in SQLite: machines and what can be rented here, the rest in the stores that hang on this one.

What a method has returned from is on disk. What happens to a machine next is decided in `lifecycle`; its time stands
in its row, so that any number of machines need neither threads nor timers and a restart loses nothing.
"""

import json
import random
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from glows_nb.sandbox.catalogue import CATALOGUE, Catalogue
from glows_nb.sandbox.ids import random_hash
from glows_nb.sandbox.machines import lifecycle
from glows_nb.sandbox.machines.addresses import Addresses, named_like_the_service
from glows_nb.sandbox.machines.lifecycle import Access, Hardware, Machine
from glows_nb.sandbox.parameters import Page
from glows_nb.sandbox.settings import DEFAULT_LIMITS, DEFAULT_SWITCHES, Limits, Switches
from glows_nb.sandbox.store import snapshots
from glows_nb.sandbox.store.bills import BillStore
from glows_nb.sandbox.store.database import Database
from glows_nb.sandbox.store.images import ImageStore
from glows_nb.sandbox.store.networks import NetworkStore
from glows_nb.sandbox.store.snapshots import SnapshotStore
from glows_nb.sandbox.store.users import UserStore

_LOOK_AGAIN_SECONDS = 1.0
_COLUMNS = tuple(Machine.__dataclass_fields__)
_INSERT = f"INSERT INTO instances ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"

_UPDATE = """
UPDATE instances SET
    accesses = :accesses, status = :status, changed = :changed, ran_at = :ran_at, held_units = :held_units,
    command_left = :command_left, source = :source, next_status = :next_status, next_at = :next_at
WHERE hash = :hash
"""

_BLOCK = 512
"""Machines in a row of status_blocks, as its triggers have it."""


@dataclass(frozen=True)
class OfferState:
    """What changes about an offer."""

    stock: int
    millicent_per_hour: int


class IdGenerator:
    """Gives out hashes. Ones that are reserved come first, so that a test can have the ids of a sample."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self._database = database
        self._chance = chance
        self._reserved: deque[str] = deque()

    def reserve(self, hashes: Iterable[str]) -> None:
        """Give these out next, in this order."""
        self._reserved.extend(hashes)

    def new(self) -> str:
        """Return a hash that nothing has."""
        while True:
            candidate = self._reserved.popleft() if self._reserved else random_hash(self._chance)
            if self._database.write("INSERT OR IGNORE INTO hashes VALUES (?)", (candidate,)):
                return candidate


class Store:
    """The state of one sandbox, in the file at `path`, or in memory when that is None."""

    def __init__(
        self,
        path: Path | None = None,
        catalogue: Catalogue = CATALOGUE,
        chance: random.Random | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        switches: Switches = DEFAULT_SWITCHES,
        addresses: Addresses = named_like_the_service,
        is_fresh: bool = False,
    ) -> None:
        self.chance = chance or random.Random()  # noqa: S311 - ids and passwords of machines that don't exist
        self._database = Database(path, is_fresh=is_fresh)
        self._addresses = addresses
        self.is_held: Callable[[Machine], bool] = lambda machine: False
        """Is a machine to stay in the queue although there is stock? For scenarios."""
        self.is_released_when_saved: Callable[[Machine], bool] = lambda machine: False
        """Is a machine to be released when its snapshot is there? For scenarios."""
        self.is_saved: Callable[[Machine], bool] = lambda machine: True
        """Is all of a paused machine in its snapshot? It stays paused until then."""
        self.changes = 0
        """How many machines have changed status or come into a network: who follows them knows when to look again."""
        self.users = UserStore(self._database, limits, switches)
        self.ids = IdGenerator(self._database, self.chance)
        self.networks = NetworkStore(self._database)
        self.snapshots = SnapshotStore(self._database)
        self.images = ImageStore(self._database)
        self.bills = BillStore(self._database)
        with self.transaction():
            for offer in catalogue.offers:
                self._database.write(
                    "INSERT OR IGNORE INTO offers VALUES (?, ?, ?)",
                    (offer.resource_id, offer.stock, offer.millicent_per_hour),
                )

    def close(self) -> None:
        """Close the file; the store can't be used after that."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one step: all of it happens, or nothing, and nothing comes between."""
        with self._database.transaction():
            yield

    def latest_time(self) -> float:
        """Return the latest virtual time that is known to have been, 0 if nothing has happened.

        It is kept when the sandbox stops. One that was killed goes on from the last change of a machine.
        """
        row = self._database.row("SELECT MAX(changed) AS latest FROM instances")
        return max(0.0 if row is None else float(row["latest"] or 0.0), self.users.kept_time())

    def offer_states(self) -> Mapping[str, OfferState]:
        """Return stock and price of every offer, by resource id."""
        rows = self._database.rows("SELECT * FROM offers")
        return {row["resource_id"]: OfferState(row["stock"], row["millicent_per_hour"]) for row in rows}

    def add(self, machine: Machine) -> None:
        """Write down a new machine."""
        with self.transaction():
            self._database.write(_INSERT, _row_of(machine))
            self._bill(machine)

    def change(self, before: Machine, after: Machine) -> None:
        """Write down what has become of a machine, and all that goes with it.

        A machine for which no stock is left waits; stock that is given back wakes all who wait for that offer.
        """
        with self.transaction():
            taken = after.held_units - before.held_units
            if taken > 0 and (self.is_held(before) or not self._take(before.resource_id, taken)):
                after = lifecycle.wait_for_stock(before)
            self._database.write(_UPDATE, _row_of(after))
            if taken < 0:
                self._give_back(before.resource_id, -taken, after.changed)
            if after.status != before.status:
                self.changes += 1
                self._go_along(after)

    def enter(self, machine: Machine, status: str, at: float) -> Machine:
        """Let a machine get into a status at virtual time `at`, and return it as it is then."""
        after = lifecycle.enter(machine, status, at, self._open)
        self.change(machine, after)
        return after

    def advance(self, now: float) -> None:
        """Let everything happen that is due by virtual time `now`, in its order and as of its own time."""
        if self._first_due(now) is None:
            return
        with self.transaction():
            while (machine := self._first_due(now)) is not None:
                if machine.status == lifecycle.PAUSED and not self.is_saved(machine):
                    self.change(machine, replace(machine, next_at=now + _LOOK_AGAIN_SECONDS))
                    continue
                if machine.status == lifecycle.PAUSED and self.is_released_when_saved(machine):
                    machine = replace(machine, next_status=lifecycle.CANCELING)
                self.change(machine, lifecycle.follow(machine, self._open))

    def wake(self, at: float) -> None:
        """Let all who wait for stock try again."""
        self._database.write(
            "UPDATE instances SET next_at = ? WHERE next_status IS NOT NULL AND next_at IS NULL", (at,)
        )

    def machine_by_hash(self, hash_: str) -> Machine | None:
        """Return the machine with that id, whoever owns it."""
        row = self._database.row("SELECT * FROM instances WHERE hash = ?", (hash_,))
        return None if row is None else _machine_of(row)

    def machine_by_meta_key(self, meta_key: str, owner: int | None = None) -> Machine | None:
        """Return the newest machine with that key, of anybody or of one user."""
        row = self._database.row(
            "SELECT * FROM instances WHERE meta_key = :key AND (:owner IS NULL OR owner = :owner)"
            " ORDER BY seq DESC LIMIT 1",
            {"key": meta_key, "owner": owner},
        )
        return None if row is None else _machine_of(row)

    def machines_in_status(self, status: str) -> list[Machine]:
        """Return everybody's machines in a status, oldest first."""
        rows = self._database.rows("SELECT * FROM instances WHERE status = ? ORDER BY seq", (status,))
        return [_machine_of(row) for row in rows]

    def machines(
        self, owner: int, page: Page, statuses: Sequence[str] = (), *, ascending: bool = False
    ) -> tuple[int, list[Machine]]:
        """Return how many machines a user has, and one page of them by age; of no statuses means of all.

        A late page costs what the first one does: blocks that come before it are counted, not read.
        """
        values = {"owner": owner, "statuses": json.dumps(list(statuses or lifecycle.STATUS_NAMES))}
        order = "ASC" if ascending else "DESC"
        with self._database.lock:
            blocks = self._database.rows(
                "SELECT block, SUM(count) AS count FROM status_blocks"
                " WHERE owner = :owner AND status IN (SELECT value FROM json_each(:statuses))"
                f" GROUP BY block ORDER BY block {order}",
                values,
            )
            found: list[sqlite3.Row] = []
            skipped = 0
            for block in blocks:
                if skipped + block["count"] > page.offset and len(found) < page.size:
                    first = block["block"] * _BLOCK
                    found += self._database.rows(
                        "SELECT * FROM instances WHERE seq IN ("
                        " SELECT seq FROM instances WHERE owner = :owner"
                        " AND status IN (SELECT value FROM json_each(:statuses)) AND seq BETWEEN :first AND :last"
                        f" ORDER BY seq {order} LIMIT :size OFFSET :offset) ORDER BY seq {order}",
                        values
                        | {
                            "first": first,
                            "last": first + _BLOCK - 1,
                            "size": page.size - len(found),
                            "offset": max(page.offset - skipped, 0),
                        },
                    )
                skipped += block["count"]
        return skipped, [_machine_of(row) for row in found]

    def status_counts(self, owner: int) -> dict[str, int]:
        """Return how many machines a user has in each status that occurs."""
        rows = self._database.rows(
            "SELECT status, SUM(count) AS count FROM status_blocks WHERE owner = ? GROUP BY status", (owner,)
        )
        return {row["status"]: row["count"] for row in rows}

    def live_count(self, owner: int) -> int:
        """Return how many machines of a user count for the quota."""
        counts = self.status_counts(owner)
        return sum(counts.get(status, 0) for status in lifecycle.LIVE_STATUSES)

    def _open(self, machine: Machine) -> tuple[Access, ...]:
        return self._addresses(machine, self.chance)

    def _go_along(self, machine: Machine) -> None:
        """Let networks, snapshots and bills follow a machine that has just got into its status."""
        if machine.status == lifecycle.RUNNING:
            self.networks.machine_runs(machine.hash, machine.changed)
        if machine.status == lifecycle.FINISHED:
            self.networks.machine_ends(machine.hash)
        if machine.status == lifecycle.PAUSED:
            self.snapshots.proceed(machine.hash, snapshots.PENDING, snapshots.SAVING, time.time())
        if machine.status in (lifecycle.RESUMING, lifecycle.CANCELING):
            self.snapshots.proceed(machine.hash, snapshots.SAVING, snapshots.AVAILABLE, time.time())
        self._bill(machine)

    def _bill(self, machine: Machine) -> None:
        """Begin or end to bill a machine that has just got into its status."""
        billed = {lifecycle.RUNNING}
        if self.users.switches().bills_from_order:
            billed |= {lifecycle.SCHED_QUEUED, lifecycle.PENDING}
        if machine.status not in billed:
            self.bills.end(machine.hash, machine.changed)
        elif not self.bills.is_billed(machine.hash):
            rate = machine.millicent_per_hour * machine.units
            self.bills.begin(machine.hash, machine.owner, rate, machine.changed)

    def _first_due(self, now: float) -> Machine | None:
        row = self._database.row("SELECT * FROM instances WHERE next_at <= ? ORDER BY next_at, seq LIMIT 1", (now,))
        return None if row is None else _machine_of(row)

    def _take(self, resource_id: str, units: int) -> bool:
        taken = self._database.write(
            "UPDATE offers SET stock = stock - :units WHERE resource_id = :id AND stock >= :units",
            {"units": units, "id": resource_id},
        )
        return taken == 1

    def _give_back(self, resource_id: str, units: int, at: float) -> None:
        self._database.write("UPDATE offers SET stock = stock + ? WHERE resource_id = ?", (units, resource_id))
        self._database.write(
            "UPDATE instances SET next_at = ? WHERE resource_id = ? AND next_status IS NOT NULL AND next_at IS NULL",
            (at, resource_id),
        )


def _row_of(machine: Machine) -> dict[str, object]:
    row = asdict(machine)
    row["hardware"] = json.dumps(row["hardware"])
    row["accesses"] = json.dumps(row["accesses"])
    return row


def _machine_of(row: sqlite3.Row) -> Machine:
    values = dict(row)
    del values["seq"]
    values["hardware"] = Hardware(**json.loads(values["hardware"]))
    values["accesses"] = tuple(Access(**access) for access in json.loads(values["accesses"]))
    return Machine(**values)
