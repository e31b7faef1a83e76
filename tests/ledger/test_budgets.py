"""The user's budget: kept for an account, in one step; and how it stands by what the ledger knows."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import note_on
from glows_nb.ledger.budgets import Chosen, checked, choose, chosen_for, how_it_stands
from glows_nb.ledger.database import Ledger, LedgerError
from glows_nb.ledger.recorder import Recorder
from glows_nb.ledger.records import Account
from glows_nb.money import Cost, Rate, millicents
from tests.api.fake_service import instance_row

NOON = int(datetime.fromisoformat("2026-03-01T12:00+08:00").timestamp() * 1000)
HOUR = 3_600_000
TWENTY = Chosen(2_000_000, "day", "Asia/Taipei")


def files() -> list[Path]:
    folder = Path(os.environ["XDG_DATA_HOME"]) / "glows-nb" / "budgets"
    return list(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("credits", [None, 0, 0.0, "0", "0.00", Decimal(0)])
def test_nothing_and_zero_are_no_budget(credits: Any) -> None:
    assert checked(credits, "day", None) is None


@pytest.mark.parametrize(
    ("credits", "per", "tz", "field"),
    [
        (-1, "day", None, "credits"),
        (0.000001, "day", None, "credits"),
        ("twenty", "day", None, "credits"),
        (True, "day", None, "credits"),
        (float("nan"), "day", None, "credits"),
        (float("inf"), "day", None, "credits"),
        ("1e14", "day", None, "credits"),
        (20, "year", None, "per"),
        (20, None, None, "per"),
        (20, "day", "Taipei", "tz"),
        (20, "day", 8, "tz"),
    ],
)
def test_what_is_no_budget_is_refused(credits: Any, per: Any, tz: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked(credits, per, tz)
    assert refused.value.field == field


@given(whole=st.integers(min_value=1, max_value=10**15))
def test_a_budget_is_exact(whole: int) -> None:
    assert checked(Decimal(whole) / 100_000, "month", None) == Chosen(whole, "month", None)
    assert millicents(Cost.from_millicents(whole).credits) == whole


def test_a_budget_is_kept_for_its_account_alone_and_by_its_owner_alone(account: Account) -> None:
    assert chosen_for(account) is None
    choose(account, TWENTY)
    choose(account, TWENTY._replace(per="week", tz=None))
    assert chosen_for(account) == Chosen(2_000_000, "week", None)
    for other in (
        account._replace(mark="other"),
        account._replace(is_sandbox=True),
        account._replace(base_url="https://x.example"),
    ):
        assert chosen_for(other) is None
    (file,) = files()
    assert file.stat().st_mode & 0o777 == 0o600
    assert account.base_url not in file.read_text()
    choose(account, None)
    choose(account, None)
    assert (chosen_for(account), files()) == (None, [])


def test_a_budget_that_can_not_be_written_stays_what_it_was(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(account, TWENTY)

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(LedgerError, match="can't be written: No space left on device"):
        choose(account, TWENTY._replace(millicents=1))
    assert chosen_for(account) == TWENTY
    assert len(files()) == 1, "nothing unfinished lies beside it"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "20", '{"millicents": 5}', "[" * 100_000, "\udcff"),
        *(
            f'{{"millicents": {amount}, "per": {per}, "tz": {tz}}}'
            for amount, per, tz in (
                ("0", '"day"', "null"),
                ("-5", '"day"', "null"),
                ("true", '"day"', "null"),
                ("5.5", '"day"', "null"),
                ('"5"', '"day"', "null"),
                ("1e99", '"day"', "null"),
                ("5", '"year"', "null"),
                ("5", "[]", "null"),
                ("5", '"day"', "5"),
                ("5", '"day"', '"Nowhere"'),
            )
        ),
    ],
)
def test_a_budget_that_can_not_be_read_is_never_none_and_is_set_anew(text: str, account: Account) -> None:
    choose(account, TWENTY)
    files()[0].write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(LedgerError, match=r"can't be read: .*; glows.set_budget\(…\) writes it anew"):
        chosen_for(account)
    choose(account, TWENTY)
    assert chosen_for(account) == TWENTY


class Watched:
    """A ledger that sees one machine run from a time on, and what the service lists then."""

    def __init__(self, ledger: Ledger, account: Account) -> None:
        self.now_ms = NOON
        self.recorder = Recorder(ledger, account, clock=lambda: self.now_ms / 1000)
        self.listed: list[Instance] = []

    def see(self, status: str = "Running", number: int = 1, **fields: Any) -> None:
        now = datetime.fromtimestamp(self.now_ms / 1000, UTC).isoformat()
        row = instance_row(f"key-{number}", number, status, remark=f"m{number}", createTime=now, **fields)
        machine = Instance.model_validate(row)
        self.listed = [each for each in self.listed if each.instance_id != machine.instance_id] + [machine]
        self.recorder._see([machine], None)

    def stands(self, chosen: Chosen = TWENTY) -> Any:
        return how_it_stands(self.recorder.ledger, self.recorder.account, chosen, self.listed, self.now_ms)


@pytest.fixture
def watched(ledger: Ledger, account: Account) -> Watched:
    return Watched(ledger, account)


def test_nothing_seen_is_nothing_spent(watched: Watched) -> None:
    budget = watched.stands()
    assert (budget.spent, budget.rate, budget.is_reached, budget.left) == (Cost(), Rate(0), False, 20)
    assert str(budget) == "0.000 Credits of 20.000 Credits per day spent since 2026-03-01 00:00 CST; nothing runs"


def test_what_ran_since_midnight_there_is_spent_and_what_runs_is_named(watched: Watched) -> None:
    watched.now_ms = NOON - 13 * HOUR  # 23:00 of the day before
    for _ in range(14 * 60 + 1):
        watched.see(priceCent=50)
        watched.now_ms += 60_000
    watched.now_ms -= 60_000
    budget = watched.stands()
    assert budget.now.isoformat() == "2026-03-01T13:00:00+08:00"
    assert budget.spent == Cost.from_millicents(13 * 50_000)
    assert budget.rate == Rate(50_000)
    assert budget.machines == ("m1 (ins-00000001) at 0.500 Credits/h",)
    assert str(budget).endswith("with 1 machine at 0.500 Credits/h it lasts until its end on 2026-03-02 00:00 CST")
    in_utc = watched.stands(TWENTY._replace(tz="UTC"))
    assert in_utc.spent == Cost.from_millicents(5 * 50_000), "a day in UTC begins at eight in the morning"
    assert watched.stands(TWENTY._replace(per="month")).spent == Cost.from_millicents(13 * 50_000)
    assert watched.stands(TWENTY._replace(per="week")).spent == Cost.from_millicents(14 * 50_000)


def test_what_has_ended_is_spent_and_runs_no_more(watched: Watched) -> None:
    watched.see(priceCent=50)
    watched.now_ms += 60_000
    watched.see("Finished", priceCent=50)
    budget = watched.stands()
    assert (budget.spent, budget.rate, budget.machines) == (Rate(50_000).over(60), Rate(0), ())


def test_a_machine_whose_price_nobody_tells_is_unknown_and_never_zero(watched: Watched) -> None:
    watched.see("Pending", number=2, priceCent=0)
    budget = watched.stands()
    assert (budget.rate, budget.unknown) == (None, ("ins-00000002",))
    assert budget.is_passed_by(Rate(1))
    watched.see(priceCent=50)
    watched.now_ms += 50 * HOUR
    watched.listed = []
    budget = watched.stands()
    assert budget.spent is None
    assert str(budget) == (
        "at least 0.000 Credits of 20.000 Credits per day spent since 2026-03-03 00:00 CST; "
        "what ins-00000002, ins-00000001 cost can't be known"
    )


def test_a_row_that_can_not_be_read_is_unknown(watched: Watched) -> None:
    watched.see(priceCent=50)
    watched.now_ms += 60_000
    note_on(watched.listed[0], _unread=("status",))
    budget = watched.stands()
    assert (budget.spent, budget.rate, budget.unknown) == (None, None, ("ins-00000001",))
    assert budget.is_passed_by(Rate(1))


def test_a_ledger_that_can_not_be_used_is_said_with_what_it_means(account: Account, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_text("no database, but long enough to be taken for one" * 100)
    with pytest.raises(LedgerError, match=r"not known what of the budget of 20\.000 Credits per day is spent; glows"):
        how_it_stands(Ledger(tmp_path / "ledger.sqlite3"), account, TWENTY, [], NOON)
