"""What the ledger knows of jobs on machines: how each was when it was last told of, and how far its log was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from glows_nb.ledger.database import Ledger, account_id
from glows_nb.ledger.records import Account
from glows_nb.money import Rate

if TYPE_CHECKING:
    import sqlite3

GOING: Final = frozenset({"queued", "running"})
LOST_WITH_MACHINE: Final = "lost with the machine"


class JobRecord(NamedTuple):
    """One run of a job; times are milliseconds since the epoch, by the machine's clock but for `seen_ms`.

    Attributes:
        seconds: how long it ran, or had run when it was seen; None where it did not, or nobody knows until when.
        hash: of its text, without the values of variables; "" where it was started elsewhere.
        then: what was asked for after it; "" for nothing.
        log_at: how many bytes of its log were shown here.
        command: the beginning of what is run, which the ledger does not keep.
    """

    instance_id: str
    name: str
    number: int
    created_ms: int
    status: str
    exit_status: int | None
    began_ms: int | None
    ended_ms: int | None
    seconds: float | None
    seen_ms: int
    hash: str = ""
    then: str = ""
    log_at: int = 0
    command: str = ""

    @property
    def is_lost(self) -> bool:
        """Was its machine gone before it was known to be over?"""
        return self.status == LOST_WITH_MACHINE

    def lost_with_machine(self) -> JobRecord:
        """The same, where its machine has ended."""
        return self._replace(status=LOST_WITH_MACHINE, seconds=None) if self.status in GOING else self


class JobRow(NamedTuple):
    """A job in a table: `rate` is what its machine costs, None where that is unknown; the rest as in a record."""

    machine: str
    instance_id: str
    name: str
    status: str
    exit_status: int | None
    began_ms: int | None
    seconds: float | None
    rate: Rate | None
    command: str


def note_job(ledger: Ledger, account: Account, job: JobRecord) -> None:
    """Write down how a job is; what is known of its text stays where this one does not know it.

    Raises:
        LedgerError: the ledger can't be used.
    """
    with ledger.transaction() as db:
        db.execute(
            "INSERT INTO jobs (account_id, instance_id, name, number, created_ms, hash, afterwards, status,"
            " exit_status, began_ms, ended_ms, seconds, seen_ms, log_at) VALUES (:account_id, :instance_id, :name,"
            " :number, :created_ms, :hash, :then, :status, :exit_status, :began_ms, :ended_ms, :seconds, :seen_ms,"
            " :log_at) ON CONFLICT DO UPDATE SET status = excluded.status, exit_status = excluded.exit_status,"
            " began_ms = excluded.began_ms, ended_ms = excluded.ended_ms, seconds = excluded.seconds,"
            " seen_ms = excluded.seen_ms, log_at = max(log_at, excluded.log_at),"
            " hash = CASE WHEN excluded.hash = '' THEN hash ELSE excluded.hash END",
            {**job._asdict(), "account_id": account_id(db, account)},
        )


def note_lost(ledger: Ledger, account: Account, jobs: Sequence[JobRecord]) -> None:
    """Write down that the machines of these have ended.

    Raises:
        LedgerError: the ledger can't be used.
    """
    for job in jobs:
        note_job(ledger, account, job)


def jobs_of(ledger: Ledger, account: Account) -> list[JobRecord]:
    """Every run of a job that was started or seen from here, in the order in which they were first seen.

    Raises:
        LedgerError: the ledger can't be used.
    """
    with ledger.transaction() as db:
        rows = db.execute("SELECT * FROM jobs WHERE account_id = ? ORDER BY rowid", (account_id(db, account),))
        return [_record(row) for row in rows]


def _record(row: sqlite3.Row) -> JobRecord:
    return JobRecord(
        instance_id=row["instance_id"],
        name=row["name"],
        number=row["number"],
        created_ms=row["created_ms"],
        status=row["status"],
        exit_status=row["exit_status"],
        began_ms=row["began_ms"],
        ended_ms=row["ended_ms"],
        seconds=row["seconds"],
        seen_ms=row["seen_ms"],
        hash=row["hash"],
        then=row["afterwards"],
        log_at=row["log_at"],
    )


def names_of_jobs(ledger: Ledger, mark: str) -> list[str]:
    """The names of an account's jobs, the newest first; none where there is no ledger yet.

    Raises:
        LedgerError: the ledger can't be used.
    """
    if not ledger.path.exists():
        return []
    with ledger.transaction() as db:
        rows = db.execute(
            "SELECT j.name FROM jobs j JOIN accounts a ON a.id = j.account_id WHERE a.mark = ?"
            " GROUP BY j.name ORDER BY max(j.created_ms) DESC",
            (mark,),
        )
        return [row["name"] for row in rows]
