"""Jobs in the ledger, and a ledger that was made before there were any."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from glows_nb.ledger.database import APPLICATION_ID, TABLES, Ledger, LedgerError
from glows_nb.ledger.jobs import JobRecord, jobs_of, names_of_jobs, note_job
from glows_nb.ledger.records import Account

JOB = JobRecord("ins-1", "train", 1, 1_000, "running", None, 1_100, None, 2.5, 3_000, hash="abc", log_at=70)


def test_job_is_kept_and_what_is_known_of_it_stays(ledger: Ledger, account: Account) -> None:
    assert names_of_jobs(ledger, account.mark) == []
    note_job(ledger, account, JOB)
    note_job(ledger, account, JOB._replace(status="done", exit_status=0, ended_ms=4_000, hash="", log_at=50))
    assert jobs_of(ledger, account) == [JOB._replace(status="done", exit_status=0, ended_ms=4_000)]
    note_job(ledger, account, JOB._replace(number=2, created_ms=9_000))
    note_job(ledger, account, JOB._replace(name="eval", created_ms=5_000))
    assert [job.number for job in jobs_of(ledger, account)] == [1, 2, 1]
    assert names_of_jobs(ledger, account.mark) == ["train", "eval"]
    assert jobs_of(ledger, account._replace(is_sandbox=True)) == []


def test_ledger_of_before_keeps_all_and_has_jobs(ledger: Ledger, account: Account) -> None:
    ledger.path.parent.mkdir()
    with closing(sqlite3.connect(ledger.path)) as db:
        for statement in TABLES.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO accounts (mark, base_url, is_sandbox) VALUES (?, ?, ?)", account)
        db.execute("INSERT INTO balances (account_id, at_ms, millicents) VALUES (1, 7, 5)")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    note_job(ledger, account, JOB)
    assert ledger.balance(account) == (7, 5)
    assert jobs_of(ledger, account) == [JOB]


def test_ledger_of_a_later_version_is_left_alone(ledger: Ledger, account: Account) -> None:
    note_job(ledger, account, JOB)
    with closing(sqlite3.connect(ledger.path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="is of version 99"):
        jobs_of(ledger, account)
