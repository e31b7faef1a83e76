"""The ledger's file under several processes at once, and after one of them was killed.

The kill shows what a killed process leaves; whether a write outlives a power cut rests on `synchronous=FULL`, which is
checked by its setting alone.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from glows_nb.ledger.database import Ledger, LedgerError
from glows_nb.ledger.recorder import Recorder
from glows_nb.ledger.records import Account

LOOKS, MACHINES = 500, 10
"""Each of two processes: 10,000 events in all."""
WRITER = """
import sys
from pathlib import Path
from glows_nb.api.models.instances import Instance
from glows_nb.ledger.database import Ledger
from glows_nb.ledger.recorder import Recorder
from glows_nb.ledger.records import Account

path, name, count, machines_in_list = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
moment = 1_000_000.0
recorder = Recorder(Ledger(path), Account("mark", "https://service.example", False), clock=lambda: moment)
print("begin", flush=True)
for number in range(count):
    moment += 1.0
    status = ("Running", "Pausing", "Paused", "Resuming")[number % 4]
    fields = {"status": status, "priceCent": 49, "metaKey": name}
    machines = [Instance.model_validate({"instanceID": f"ins-{name}-{n}", **fields}) for n in range(machines_in_list)]
    recorder._see(machines, None)
    if number % 100 == 0:
        print(number, flush=True)
"""


def writer(path: Path, name: str, looks: int, machines: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", WRITER, str(path), name, str(looks), str(machines)], stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def account() -> Account:
    return Account("mark", "https://service.example", is_sandbox=False)


def test_two_processes_that_write_ten_thousand_events_lose_none(ledger: Ledger, account: Account) -> None:
    writers = [writer(ledger.path, name, LOOKS, MACHINES) for name in ("one", "two")]
    assert [process.communicate(timeout=240)[0].splitlines()[0] for process in writers] == ["begin", "begin"]
    assert [process.returncode for process in writers] == [0, 0]
    records = {record.instance_id: record for record in ledger.machines(account)}
    assert set(records) == {f"ins-{name}-{n}" for name in ("one", "two") for n in range(MACHINES)}
    for record in records.values():
        assert [sighting.at_ms for sighting in record.sightings] == [1_000_001_000 + 1000 * n for n in range(LOOKS)]


def test_killed_writer_leaves_all_that_it_had_written_and_others_go_on(ledger: Ledger, account: Account) -> None:
    process = writer(ledger.path, "one", 1_000_000, 1)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "300":
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    assert process.wait(20) == -signal.SIGKILL
    (record,) = ledger.machines(account)
    assert len(record.sightings) >= 301
    with closing(sqlite3.connect(ledger.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    ledger.set_balance(account, 5, 7)
    assert ledger.balance(account) == (7, 5)


def test_journal_is_rolled_back_and_fully_synchronous(ledger: Ledger) -> None:
    with ledger.transaction() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2, "FULL"


def test_transaction_that_fails_leaves_nothing(ledger: Ledger, account: Account) -> None:
    def fail() -> None:
        with ledger.transaction() as db:
            db.execute("INSERT INTO accounts (mark, base_url, is_sandbox) VALUES ('x', 'y', 0)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with ledger.transaction() as db:
        assert db.execute("SELECT count(*) FROM accounts").fetchone()[0] == 0


def test_accounts_are_apart_by_mark_address_and_sandbox(ledger: Ledger) -> None:
    accounts = [
        Account(mark, url, is_sandbox) for mark in "ab" for url in ("https://x", "https://y") for is_sandbox in (0, 1)
    ]
    for number, account in enumerate(accounts):
        ledger.set_balance(account, number, 0)
    assert [ledger.balance(account) for account in accounts] == [(0, number) for number in range(8)]


def test_file_that_is_no_ledger_is_refused_and_left_as_it_is(tmp_path: Path, account: Account) -> None:
    path = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE of_another_program (a)")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"other\.sqlite3"):
        Ledger(path).machines(account)
    assert path.read_bytes() == before


def test_machine_that_does_not_change_is_written_down_every_ten_seconds_and_no_oftener(
    ledger: Ledger, account: Account
) -> None:
    from glows_nb.api.models.instances import Instance

    moment = 0.0
    recorder = Recorder(ledger, account, clock=lambda: moment)
    machine = Instance.model_validate({"instanceID": "ins-1", "status": "Running", "priceCent": 49})
    written = []
    for second in range(31):
        moment = float(second)
        recorder._see([machine], None)
        (record,) = ledger.machines(account)
        written.append(record.last.until_ms)
    assert sorted(set(written)) == [0, 10_000, 20_000, 30_000]
    moment = 34.5
    recorder._see([machine.model_copy(update={"status": "Canceling"})], None)
    (record,) = ledger.machines(account)
    assert [(seen.at_ms, seen.until_ms) for seen in record.sightings] == [(0, 30_000), (34_500, 34_500)]
