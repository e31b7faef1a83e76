"""The ledger's SQLite file: tables, transactions, and what can be read from them.

Several notebooks and terminals write it at once, so it has the rollback journal and `synchronous=FULL` (DESIGN, "Local
state"); each transaction has a connection of its own, which threads and forked kernels can't share by mistake.
Amounts are whole millicents, times milliseconds since the epoch. Nothing secret is ever put in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glows_nb.api.credentials.config import data_folder
from glows_nb.api.errors import GlowsError
from glows_nb.ledger.records import Account, MachineRecord, Order, Sighting, SnapshotRecord

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID: Final = 0x474C4C47
VERSION: Final = 2
BUSY_SECONDS: Final = 5.0

TABLES: Final = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, mark TEXT NOT NULL, base_url TEXT NOT NULL, is_sandbox INTEGER NOT NULL,
    UNIQUE (mark, base_url, is_sandbox)
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts, at_ms INTEGER NOT NULL,
    meta_key TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT 'sent', instance_id TEXT, notebook TEXT,
    region TEXT NOT NULL, hardware TEXT NOT NULL, units INTEGER NOT NULL, resource_id TEXT, image_id TEXT,
    snapshot_id TEXT, millicents INTEGER
);
CREATE INDEX orders_by_key ON orders (account_id, meta_key);
CREATE TABLE machines (
    account_id INTEGER NOT NULL REFERENCES accounts, instance_id TEXT NOT NULL, meta_key TEXT NOT NULL,
    remark TEXT NOT NULL, region TEXT NOT NULL, domain INTEGER, category TEXT NOT NULL, gpu TEXT NOT NULL, gpus INTEGER,
    image_id TEXT NOT NULL, image_name TEXT NOT NULL, created_ms INTEGER, order_id INTEGER REFERENCES orders,
    PRIMARY KEY (account_id, instance_id)
);
CREATE TABLE sightings (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, instance_id TEXT NOT NULL, at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL, status TEXT NOT NULL, millicents INTEGER, is_exact INTEGER NOT NULL,
    FOREIGN KEY (account_id, instance_id) REFERENCES machines
);
CREATE INDEX sightings_by_machine ON sightings (account_id, instance_id, id);
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts, at_ms INTEGER NOT NULL, name TEXT NOT NULL,
    instance_id TEXT NOT NULL, snapshot_id TEXT, outcome TEXT NOT NULL DEFAULT 'sent'
);
CREATE TABLE balances (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts, at_ms INTEGER NOT NULL,
    millicents INTEGER NOT NULL
);
"""

JOBS: Final = """
CREATE TABLE jobs (
    account_id INTEGER NOT NULL REFERENCES accounts, instance_id TEXT NOT NULL, name TEXT NOT NULL,
    number INTEGER NOT NULL, created_ms INTEGER NOT NULL, hash TEXT NOT NULL, afterwards TEXT NOT NULL,
    status TEXT NOT NULL, exit_status INTEGER, began_ms INTEGER, ended_ms INTEGER, seconds REAL,
    seen_ms INTEGER NOT NULL, log_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, instance_id, name, number, created_ms)
)
"""
CHANGES: Final = {1: JOBS}
"""What makes a ledger of this version one of the next."""


class LedgerError(GlowsError):
    """The ledger's file can't be used; calls to the service go on without it."""


def ledger_path() -> Path:
    """The user's ledger, in the folder for data."""
    return data_folder() / "ledger.sqlite3"


class Ledger:
    """The journal in one file, which comes into being with the first transaction, readable by its owner alone."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or ledger_path()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside, or nothing; nobody else writes meanwhile.

        Raises:
            LedgerError: the file can't be opened, is none of ours, is damaged, or stays locked.
        """
        # Loaded here, as in `_connected`: most processes that could write never do.
        import sqlite3

        try:
            with closing(self._connected()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"The ledger at {self.path} can't be used: {error}.") from error

    def machines(self, account: Account) -> list[MachineRecord]:
        """Every machine of an account that was started or seen from here, oldest first."""
        sightings: dict[str, list[Sighting]] = {}
        with self.transaction() as db:
            id_ = account_id(db, account)
            for row in db.execute("SELECT * FROM sightings WHERE account_id = ? ORDER BY id", (id_,)):
                seen = Sighting(row["at_ms"], row["until_ms"], row["status"], row["millicents"], bool(row["is_exact"]))
                sightings.setdefault(row["instance_id"], []).append(seen)
            orders = {row["id"]: _order(row) for row in db.execute("SELECT * FROM orders WHERE account_id = ?", (id_,))}
            return [
                MachineRecord(
                    instance_id=row["instance_id"],
                    meta_key=row["meta_key"],
                    remark=row["remark"],
                    region=row["region"],
                    gpu=row["gpu"],
                    gpus=row["gpus"],
                    image_id=row["image_id"],
                    image_name=row["image_name"],
                    created_ms=row["created_ms"],
                    sightings=tuple(sightings[row["instance_id"]]),
                    order=orders.get(row["order_id"]),
                )
                for row in db.execute("SELECT * FROM machines WHERE account_id = ? ORDER BY rowid", (id_,))
            ]

    def started_here(self, account: Account) -> frozenset[str]:
        """The ids of an account's machines that were ordered by this ledger's user on this computer."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT instance_id FROM machines WHERE account_id = ? AND order_id IS NOT NULL",
                (account_id(db, account),),
            )
            return frozenset(row[0] for row in rows)

    def lost_orders(self, account: Account) -> list[Order]:
        """Orders of which nothing more is known: the answer was lost and no machine was seen under the key."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT * FROM orders WHERE account_id = ? AND outcome = 'sent' ORDER BY id", (account_id(db, account),)
            )
            return [_order(row) for row in rows]

    def snapshots(self, account: Account) -> dict[str, SnapshotRecord]:
        """Names and base images of snapshots, by their ids."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT s.snapshot_id, s.name, m.image_id, m.image_name FROM snapshots s"
                " LEFT JOIN machines m ON m.account_id = s.account_id AND m.instance_id = s.instance_id"
                " WHERE s.account_id = ? AND s.snapshot_id IS NOT NULL ORDER BY s.id",
                (account_id(db, account),),
            )
            return {row[0]: SnapshotRecord(row[1], row[2] or "", row[3] or "") for row in rows}

    def images(self, account: Account) -> dict[str, SnapshotRecord]:
        """The base image of each machine, by its id: also that of snapshots that were not taken from here."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT instance_id, image_id, image_name FROM machines WHERE account_id = ?",
                (account_id(db, account),),
            )
            return {row[0]: SnapshotRecord("", row[1], row[2]) for row in rows}

    def verify(self) -> dict[str, int]:
        """Read the whole file and count what is in it: machines, orders and snapshots of all accounts.

        Raises:
            LedgerError: the file is damaged, or can't be used.
        """
        with self.transaction() as db:
            said = [row[0] for row in db.execute("PRAGMA quick_check(1)")]
            if said != ["ok"]:
                raise LedgerError(f"The ledger at {self.path} is damaged: {'; '.join(map(str, said))}.")
            tables = ("machines", "orders", "snapshots")
            return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}  # noqa: S608

    def set_balance(self, account: Account, millicents: int, at_ms: int) -> None:
        """The account held so much at this time: the user says so, the service does not."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO balances (account_id, at_ms, millicents) VALUES (?, ?, ?)",
                (account_id(db, account), at_ms, millicents),
            )

    def balance(self, account: Account) -> tuple[int, int] | None:
        """The newest balance that was entered: its time and its millicents."""
        with self.transaction() as db:
            row = db.execute(
                "SELECT at_ms, millicents FROM balances WHERE account_id = ? ORDER BY id DESC LIMIT 1",
                (account_id(db, account),),
            ).fetchone()
            return None if row is None else (row["at_ms"], row["millicents"])

    def _connected(self) -> sqlite3.Connection:
        import sqlite3

        from glows_nb.ledger.sqlite_connection import Connection

        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Made before SQLite does, which would let the umask decide who may read it; its journal gets the same mode.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, factory=Connection)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION or (
            not version and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        ):
            raise LedgerError(
                f"The ledger at {self.path} is of version {version}, which this version of glows_nb can't read; "
                "move it away to begin a new one."
            )
        if not version:
            for statement in TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for before in range(version or 1, VERSION):
            connection.execute(CHANGES[before])
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def account_id(db: sqlite3.Connection, account: Account) -> int:
    """The number of an account in the file, which it gets when it is first asked for."""
    key = (account.mark, account.base_url, account.is_sandbox)
    db.execute("INSERT OR IGNORE INTO accounts (mark, base_url, is_sandbox) VALUES (?, ?, ?)", key)
    row = db.execute("SELECT id FROM accounts WHERE (mark, base_url, is_sandbox) = (?, ?, ?)", key).fetchone()
    number: int = row["id"]
    return number


def _order(row: sqlite3.Row) -> Order:
    return Order(
        order_id=row["id"],
        at_ms=row["at_ms"],
        meta_key=row["meta_key"],
        outcome=row["outcome"],
        instance_id=row["instance_id"],
        notebook=row["notebook"],
        region=row["region"],
        hardware=row["hardware"],
        millicents=row["millicents"],
    )
