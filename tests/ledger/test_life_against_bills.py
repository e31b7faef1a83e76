"""A random life of 200 machines on the sandbox: the ledger's costs are those of the sandbox's own bills."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.ledger.accounting import cost_by_day, cost_since
from glows_nb.ledger.database import Ledger
from glows_nb.ledger.recorder import Recorder
from glows_nb.ledger.records import Account
from glows_nb.money import Cost

MACHINES = 200
AT_ONCE = 40
ALIVE = ("SchedQueued", "Pending", "Running", "Pausing", "Paused", "Resuming", "Canceling")


class Life:
    """Machines that are started, snapshotted and released by chance, in steps of up to a second of a stopped clock."""

    def __init__(self, sandbox: glows.Sandbox, client: glows.Client, seed: int) -> None:
        self.admin, self.client = sandbox.admin, client
        self.chance = random.Random(seed)  # noqa: S311 - a test's life, no secret
        self.image = client.images.default().image_id
        self.specs = [spec for spec in client.specs.all(from_image_id=self.image) if "container" in spec.categories]
        self.until: dict[str, float] = {}
        self.started = 0
        self.snapshots_left = 15

    def run(self) -> None:
        while self.started < MACHINES or self.until:
            for _ in range(4):
                if self.started < MACHINES and len(self.until) < AT_ONCE:
                    self.start()
            now = self.admin.clock(advance=self.chance.uniform(0.5, 1.0))["now"]
            self.look(now)

    def start(self) -> None:
        spec = self.chance.choice(self.specs)
        request = glows.CreateInstance.from_spec(
            spec,
            from_image_id=self.image,
            custom_meta_key=f"life-{self.started}",
            unit_qty=self.chance.choice((1, 1, 1, 2)),
        )
        try:
            machine = self.client.instances.create(request)
        except glows.NoResourceAvailable:
            return
        self.started += 1
        self.until[machine.instance_id] = self.chance.uniform(0, 130)

    def look(self, now: float) -> None:
        machines = {machine.instance_id: machine for machine in self.client.instances.all(ALIVE)}
        for id_ in list(self.until):
            self.until[id_] -= 1
            if machines[id_].status != "Running":
                if machines[id_].status == "Canceling":
                    del self.until[id_]
                continue
            if self.snapshots_left and self.chance.random() < 0.02:
                self.snapshots_left -= 1
                self.client.snapshots.create(id_, "by chance")
            elif self.until[id_] <= 0:
                self.client.instances.cancel(id_)
            else:
                continue
            self.client.instances.get(id_)


@pytest.fixture
def kept(sandbox: glows.Sandbox, tmp_path: Path) -> Iterator[tuple[glows.Client, Recorder]]:
    sandbox.admin.clock(is_paused=True)
    with sandbox.client(backoff=0) as client:
        account = Account(client.account_mark, client.base_url, client.is_sandbox)
        ledger = Ledger(tmp_path / "ledger.sqlite3")
        recorder = Recorder(ledger, account, clock=lambda: float(sandbox.admin.clock()["now"]))
        client.observers.add(recorder)
        yield client, recorder


@pytest.mark.parametrize("bills_from_order", [False, True], ids=["from Running", "from the order"])
def test_ledger_holds_the_bills_between_its_two_amounts(
    sandbox: glows.Sandbox, kept: tuple[glows.Client, Recorder], bills_from_order: bool
) -> None:
    """FACTS 4.4 has both ways of billing; what is said of costs is true of either, within a second for each change."""
    client, recorder = kept
    sandbox.admin.switches(bills_from_order=bills_from_order)
    assert sandbox.admin.bills() == []
    sandbox.admin.limits("researcher", instances=MACHINES, snapshots=100)
    Life(sandbox, client, seed=6).run()

    bills = {bill["instance_id"]: bill for bill in sandbox.admin.bills()}
    now_ms = recorder.now_ms()
    records = {record.instance_id: record for record in recorder.ledger.machines(recorder.account)}
    assert len(records) == MACHINES
    assert all(record.is_from_here for record in records.values())
    assert sum(len(bill["periods"]) for bill in bills.values()) > len(bills) > 150

    allowed_in_all = Fraction(0)
    for id_, record in records.items():
        bill = bills.get(id_)
        whole, least = cost_since([record], 0, now_ms)
        days = [day.cost for day in cost_by_day(record, now_ms)]
        if bill is None:
            assert least == Cost()
            continue
        assert whole is not None
        assert sum((cost for cost in days if cost is not None), Cost()) == whole
        changes = 2 * len(bill["periods"])
        allowed = Fraction(bill["millicent_per_hour"] * changes, 3600)
        allowed_in_all += allowed
        near = whole if bills_from_order else least
        assert abs(Fraction(near.millicent_seconds, 3600) - bill["millicents"]) <= allowed + 1, id_
        assert Fraction(least.millicent_seconds, 3600) <= bill["millicents"] + 1
        assert Fraction(whole.millicent_seconds, 3600) >= bill["millicents"] - 1
    total, least_of_all = cost_since(records.values(), 0, now_ms)
    assert total is not None
    billed = sum(bill["millicents"] for bill in bills.values())
    assert billed > 0
    near = total if bills_from_order else least_of_all
    assert abs(Fraction(near.millicent_seconds, 3600) - billed) <= allowed_in_all + len(bills)
