"""The sandbox's state in SQLite: all of its SQL is here, and nothing of HTTP or JSON on the wire.

One connection, one lock; a file belongs to one sandbox at a time. What a method has returned from is on disk. What
happens to a machine next is decided in `lifecycle`; its time stands in its row, so that any number of machines
need neither threads nor timers and a restart loses nothing.
"""

import json
import random
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from glows_nb.sandbox import lifecycle
from glows_nb.sandbox.catalogue import CATALOGUE, Catalogue
from glows_nb.sandbox.lifecycle import Access, Hardware, Machine
from glows_nb.sandbox.parameters import Page
from glows_nb.sandbox.tokens import User

_SCHEMA_VERSION = 1
_FIRST_UID = 10001  # as in the contract's sample name of a submitted image

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS users (uid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS offers (
    resource_id TEXT PRIMARY KEY,
    stock INTEGER NOT NULL CHECK (stock >= 0),
    millicent_per_hour INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS instances (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    meta_key TEXT NOT NULL UNIQUE,
    resource_id TEXT NOT NULL,
    units INTEGER NOT NULL,
    millicent_per_hour INTEGER NOT NULL,
    hardware TEXT NOT NULL,
    region TEXT NOT NULL,
    domain INTEGER NOT NULL,
    category TEXT NOT NULL,
    image_id TEXT NOT NULL,
    image_name TEXT NOT NULL,
    remark TEXT NOT NULL,
    cmd TEXT NOT NULL,
    envs TEXT NOT NULL,
    ssh_user TEXT NOT NULL,
    password TEXT NOT NULL,
    accesses TEXT NOT NULL,
    created REAL NOT NULL,
    status TEXT NOT NULL,
    changed REAL NOT NULL,
    ran_at REAL,
    held_units INTEGER NOT NULL,
    next_status TEXT,
    next_at REAL
);
-- Rows are only ever added, so the order of seq is the order of creation.
CREATE INDEX IF NOT EXISTS by_owner ON instances (owner, seq, status);
CREATE INDEX IF NOT EXISTS due ON instances (next_at, seq) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS waiting ON instances (resource_id) WHERE next_status IS NOT NULL AND next_at IS NULL;
-- Kept by triggers, because counting a user's rows for every list would cost more than the list.
CREATE TABLE IF NOT EXISTS status_counts (
    owner INTEGER NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (owner, status)
);
CREATE TRIGGER IF NOT EXISTS count_new AFTER INSERT ON instances BEGIN
    INSERT OR IGNORE INTO status_counts (owner, status) VALUES (new.owner, new.status);
    UPDATE status_counts SET count = count + 1 WHERE owner = new.owner AND status = new.status;
END;
CREATE TRIGGER IF NOT EXISTS count_changed AFTER UPDATE OF status ON instances BEGIN
    UPDATE status_counts SET count = count - 1 WHERE owner = old.owner AND status = old.status;
    INSERT OR IGNORE INTO status_counts (owner, status) VALUES (new.owner, new.status);
    UPDATE status_counts SET count = count + 1 WHERE owner = new.owner AND status = new.status;
END;
"""

_INSERT = """
INSERT INTO instances (
    hash, owner, meta_key, resource_id, units, millicent_per_hour, hardware, region, domain, category, image_id,
    image_name, remark, cmd, envs, ssh_user, password, accesses, created, status, changed, ran_at, held_units,
    next_status, next_at
) VALUES (
    :hash, :owner, :meta_key, :resource_id, :units, :millicent_per_hour, :hardware, :region, :domain, :category,
    :image_id, :image_name, :remark, :cmd, :envs, :ssh_user, :password, :accesses, :created, :status, :changed,
    :ran_at, :held_units, :next_status, :next_at
)
"""

_UPDATE = """
UPDATE instances SET
    accesses = :accesses, status = :status, changed = :changed, ran_at = :ran_at, held_units = :held_units,
    next_status = :next_status, next_at = :next_at
WHERE hash = :hash
"""

# The inner select runs over an index alone: skipping to a late page reads no rows.
_PAGES = {
    ascending: f"""
        SELECT * FROM instances WHERE seq IN (
            SELECT seq FROM instances
            WHERE owner = :owner AND (:all OR status IN (SELECT value FROM json_each(:statuses)))
            ORDER BY seq {order} LIMIT :size OFFSET :offset
        ) ORDER BY seq {order}
    """  # noqa: S608 - `order` is one of the two words below
    for ascending, order in ((True, "ASC"), (False, "DESC"))
}


class StoreError(Exception):
    """The file can't be used: another sandbox has it open, or it isn't a sandbox's."""


@dataclass(frozen=True)
class OfferState:
    """What changes about an offer."""

    stock: int
    millicent_per_hour: int


class Store:
    """The state of one sandbox, in the file at `path`, or in memory when that is None."""

    def __init__(
        self, path: Path | None = None, catalogue: Catalogue = CATALOGUE, chance: random.Random | None = None
    ) -> None:
        self.chance = chance or random.Random()  # noqa: S311 - ids and passwords of machines that don't exist
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path or ":memory:", timeout=1, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreError(f"{path} can't be opened: {error}") from error
        self._db.row_factory = sqlite3.Row
        try:
            self._prepare(catalogue)
        except (sqlite3.Error, StoreError) as error:
            self._db.close()
            raise StoreError(f"{path} can't be used, or another sandbox is using it: {error}") from error

    def close(self) -> None:
        """Close the file; the store can't be used after that."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one step: all of it happens, or nothing, and nothing comes between."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def secret(self) -> str:
        """Return the secret that tokens are signed with; it stays the same as long as the file."""
        with self._lock:
            row = self._db.execute("SELECT value FROM settings WHERE name = 'jwt_secret'").fetchone()
            return str(row["value"])

    def user(self, name: str) -> User:
        """Return the user of that name, who comes into being by being asked for."""
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO users (name) VALUES (?)", (name,))
            row = self._db.execute("SELECT uid FROM users WHERE name = ?", (name,)).fetchone()
            return User(uid=row["uid"], name=name)

    def latest_change(self) -> float:
        """Return the latest virtual time at which anything has happened, 0 if nothing has."""
        with self._lock:
            row = self._db.execute("SELECT MAX(changed) AS latest FROM instances").fetchone()
            return float(row["latest"] or 0.0)

    def offer_states(self) -> Mapping[str, OfferState]:
        """Return stock and price of every offer, by resource id."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM offers").fetchall()
        return {row["resource_id"]: OfferState(row["stock"], row["millicent_per_hour"]) for row in rows}

    def add(self, machine: Machine) -> None:
        """Write down a new machine."""
        with self._lock:
            self._db.execute(_INSERT, _row_of(machine))

    def change(self, before: Machine, after: Machine) -> None:
        """Write down what has become of a machine, and take or give back stock accordingly.

        A machine for which no stock is left waits; stock that is given back wakes all who wait for that offer.
        """
        with self._lock:
            taken = after.held_units - before.held_units
            if taken > 0 and not self._take(before.resource_id, taken):
                after = lifecycle.wait_for_stock(before)
            self._db.execute(_UPDATE, _row_of(after))
            if taken < 0:
                self._give_back(before.resource_id, -taken, after.changed)

    def advance(self, now: float) -> None:
        """Let everything happen that is due by virtual time `now`, in its order and as of its own time."""
        with self._lock:
            if self._first_due(now) is None:
                return
            with self.transaction():
                while (machine := self._first_due(now)) is not None:
                    self.change(machine, lifecycle.follow(machine, self.chance))

    def new_hash(self) -> str:
        """Return the characters of an id that no machine has."""
        while True:
            candidate = lifecycle.new_hash(self.chance)
            if self.machine_by_hash(candidate) is None:
                return candidate

    def machine_by_hash(self, hash_: str) -> Machine | None:
        """Return the machine with that id, whoever owns it."""
        with self._lock:
            row = self._db.execute("SELECT * FROM instances WHERE hash = ?", (hash_,)).fetchone()
        return None if row is None else _machine_of(row)

    def machine_by_meta_key(self, meta_key: str) -> Machine | None:
        """Return the machine with that key, whoever owns it."""
        with self._lock:
            row = self._db.execute("SELECT * FROM instances WHERE meta_key = ?", (meta_key,)).fetchone()
        return None if row is None else _machine_of(row)

    def machines(
        self, owner: int, page: Page, statuses: Sequence[str] = (), *, ascending: bool = False
    ) -> tuple[int, list[Machine]]:
        """Return how many machines a user has, and one page of them by age; of no statuses means of all."""
        values = {
            "owner": owner,
            "all": not statuses,
            "statuses": json.dumps(statuses),
            "size": page.size,
            "offset": page.offset,
        }
        with self._lock:
            counts = self.status_counts(owner)
            rows = self._db.execute(_PAGES[ascending], values).fetchall()
        total = sum(count for status, count in counts.items() if not statuses or status in statuses)
        return total, [_machine_of(row) for row in rows]

    def status_counts(self, owner: int) -> dict[str, int]:
        """Return how many machines a user has in each status that occurs."""
        with self._lock:
            rows = self._db.execute(
                "SELECT status, count FROM status_counts WHERE owner = ? AND count > 0", (owner,)
            ).fetchall()
        return {row["status"]: row["count"] for row in rows}

    def live_count(self, owner: int) -> int:
        """Return how many machines of a user count for the quota."""
        counts = self.status_counts(owner)
        return sum(counts.get(status, 0) for status in lifecycle.LIVE_STATUSES)

    def _prepare(self, catalogue: Catalogue) -> None:
        # Exclusive: two sandboxes on one file would move each other's machines. WAL through one connection is
        # safe in every version of SQLite (DESIGN, "Local state").
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _SCHEMA_VERSION):
            raise StoreError(f"the file is of version {version}, this sandbox reads {_SCHEMA_VERSION}")
        self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
        with self.transaction():
            self._db.execute("INSERT OR IGNORE INTO settings VALUES ('jwt_secret', ?)", (secrets.token_urlsafe(48),))
            # A row that makes numbering start where it should; nobody can be called "".
            self._db.execute("INSERT OR IGNORE INTO users VALUES (?, '')", (_FIRST_UID - 1,))
            self._db.executemany(
                "INSERT OR IGNORE INTO offers VALUES (?, ?, ?)",
                [(offer.resource_id, offer.stock, offer.millicent_per_hour) for offer in catalogue.offers],
            )

    def _first_due(self, now: float) -> Machine | None:
        row = self._db.execute(
            "SELECT * FROM instances WHERE next_at <= ? ORDER BY next_at, seq LIMIT 1", (now,)
        ).fetchone()
        return None if row is None else _machine_of(row)

    def _take(self, resource_id: str, units: int) -> bool:
        taken = self._db.execute(
            "UPDATE offers SET stock = stock - :units WHERE resource_id = :id AND stock >= :units",
            {"units": units, "id": resource_id},
        )
        return taken.rowcount == 1

    def _give_back(self, resource_id: str, units: int, at: float) -> None:
        self._db.execute("UPDATE offers SET stock = stock + ? WHERE resource_id = ?", (units, resource_id))
        self._db.execute(
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
