"""What would pass the budget is rented only by a word of its own; where it is used up, nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.api.errors import BudgetReached, TransportError
from glows_nb.api.lifecycle import creating, unparking
from glows_nb.api.lifecycle.budget import Budget
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.lifecycle.planning import plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.observing import Observers
from glows_nb.money import Cost, Rate
from tests.api.fake_account import HARDWARE, KEY
from tests.api.fake_account import Account as FakeAccount
from tests.api.fake_service import FakeService, instance_row, spec_row
from tests.api.lifecycle.asked import ASKED, MARK

TAIPEI = ZoneInfo("Asia/Taipei")
BERLIN = ZoneInfo("Europe/Berlin")
CREDIT = Cost.from_millicents(100_000)


def credits(number: int) -> Cost:
    return Cost.from_millicents(number * 100_000)


THREE = credits(3)


def budget(spent: Cost | None = THREE, **fields: Any) -> Budget:
    """20 Credits a day in Taipei, at noon: 3 are spent, and something runs at 0.5 an hour."""
    usual: dict[str, Any] = {
        "limit": credits(20),
        "per": "day",
        "begins": datetime(2026, 3, 1, tzinfo=TAIPEI),
        "ends": datetime(2026, 3, 2, tzinfo=TAIPEI),
        "now": datetime(2026, 3, 1, 12, tzinfo=TAIPEI),
        "spent": spent,
        "spent_at_least": credits(0) if spent is None else spent,
        "rate": Rate(50_000),
        "machines": ("old (ins-9) at 0.500 Credits/h",),
    }
    return Budget(**(usual | fields))


class Service(FakeService):
    """Offers at 0.490 in TW-03 and 2.000 in TW-04, and whoever tells how the budget stands."""

    def __init__(self, stands: Budget) -> None:
        super().__init__(specs=[spec_row(), spec_row("TW-04", millicents=200_000, resource_id="dear")])
        self.stands = stands
        self.told: list[Sequence[Instance]] = []
        self.budget = self.tell

    def tell(self, listed: Sequence[Instance]) -> Budget:
        self.told.append(listed)
        return self.stands

    def launch(self, *, over_budget: bool = False, **fields: Any) -> Instance:
        return self.play(creating.launch(checked_launch(MARK, **(ASKED | fields)), over_budget=over_budget))


def test_the_question_has_what_is_spent_what_runs_and_what_this_one_takes() -> None:
    said = budget().with_more(Rate(200_000))
    assert said == (
        "The budget of 20.000 Credits per day would be passed by 13.000 Credits: 3.000 Credits spent, "
        "6.000 Credits for what runs and 24.000 Credits for this machine until 2026-03-02 00:00 CST; "
        "the money lasts until 2026-03-01 18:48 CST."
    )
    assert budget().with_more(Rate(49_000)) == (
        "Within the budget of 20.000 Credits per day: 3.000 Credits spent, 6.000 Credits for what runs and "
        "5.880 Credits for this machine until 2026-03-02 00:00 CST."
    )
    unknown = budget(None, unknown=("ins-7", "ins-8")).with_more(Rate(1))
    assert unknown == (
        "Whether the budget of 20.000 Credits per day would be passed is not known: at least 0.000 Credits are spent, "
        "and what ins-7, ins-8 cost can't be known."
    )


def test_to_the_last_millicent_it_is_within_the_budget() -> None:
    # 3 + 12 hours of 0.5 leave 11 Credits for 12 hours of this one.
    assert not budget(credits(8)).is_passed_by(Rate(50_000))
    assert budget(credits(8)).is_passed_by(Rate(50_001))
    assert budget(credits(8) + Cost(1)).is_passed_by(Rate(50_000))
    assert budget(credits(8)).lasts_with(Rate(50_000)) is None


def test_a_day_of_23_hours_takes_an_hour_less_and_lasts_by_the_second() -> None:
    night = {
        "begins": datetime(2026, 3, 29, tzinfo=BERLIN),
        "ends": datetime(2026, 3, 30, tzinfo=BERLIN),
        "now": datetime(2026, 3, 29, tzinfo=BERLIN),
        "rate": Rate(0),
    }
    stands = budget(Cost(), **night)
    assert not stands.is_passed_by(Rate(86_956)), "20 Credits for 23 hours"
    assert stands.is_passed_by(Rate(86_957))
    assert str(stands.lasts_with(Rate(500_000))) == "2026-03-29 05:00:00+02:00", "four hours, of which one is skipped"


def test_what_is_spent_beyond_it_lasts_until_now() -> None:
    stands = budget(credits(25))
    assert stands.lasts_until == stands.now
    assert (stands.left, stands.is_reached) == (-5, True)


def test_what_is_certainly_spent_uses_it_up_though_not_all_is_known() -> None:
    assert budget(None, spent_at_least=credits(20)).is_reached
    assert not budget(None, spent_at_least=credits(19)).is_reached


@given(
    spent=st.integers(min_value=0, max_value=30 * CREDIT.millicent_seconds),
    rate=st.integers(min_value=0, max_value=10**6),
    more=st.integers(min_value=1, max_value=10**6),
)
def test_it_lasts_until_the_last_second_that_can_be_paid(spent: int, rate: int, more: int) -> None:
    stands = budget(Cost(spent), rate=Rate(rate))
    until, both = stands.lasts_with(Rate(more)), Rate(rate + more)
    assert (until is None) == (not stands.is_passed_by(Rate(more)))
    if until is not None and not stands.is_reached:
        seconds = int((until - stands.now).total_seconds())
        assert Cost(spent) + both.over(seconds) <= stands.limit < Cost(spent) + both.over(seconds + 1)


def test_what_would_pass_it_is_not_rented_without_a_word_of_its_own() -> None:
    service = Service(budget())
    with pytest.raises(BudgetReached, match=r"would be passed by 13\.000 .*; over_budget=True .* rents all") as refused:
        service.launch(region_name="TW-04")
    assert service.creates() == 0
    assert refused.value.budget == service.stands
    assert service.launch(region_name="TW-04", over_budget=True).region_name == "TW-04"
    assert service.creates() == 1


def test_what_fits_is_rented_and_regions_that_would_pass_it_are_not_tried() -> None:
    service = Service(budget())
    service.faults = ["code 215"]
    with pytest.raises(Exception, match="code 215"):
        service.launch(regions=["TW-04"])
    assert service.creates() == 1
    service.faults = ["code 215"]
    assert service.launch(regions=["TW-04"], over_budget=True).region_name == "TW-04"


def test_where_it_is_used_up_nothing_is_rented_by_any_word_and_what_runs_is_named() -> None:
    service = Service(budget(credits(20)))
    for word in (False, True):
        with pytest.raises(BudgetReached) as refused:
            service.launch(over_budget=word)
    assert str(refused.value) == (
        "Nothing was rented: the budget of 20.000 Credits per day is used up, 20.000 Credits spent, and the next day "
        "begins on 2026-03-02 00:00 CST; wait till then, or allow more by glows.set_budget(…) (in a command: budget). "
        "What runs is left, and costs: old (ins-9) at 0.500 Credits/h."
    )
    with pytest.raises(BudgetReached, match="is used up"):
        service.play(creating.create_alone(checked_launch(MARK, **ASKED).template))
    assert service.creates() == 0


def test_a_raw_create_is_sent_while_it_is_not_used_up() -> None:
    service = Service(budget())
    assert service.play(creating.create_alone(checked_launch(MARK, **ASKED).template)).instance_id
    assert service.creates() == 1


def test_what_is_not_known_takes_the_word_too() -> None:
    service = Service(budget(None, unknown=("ins-7",)))
    with pytest.raises(BudgetReached, match=r"whether the budget .* what ins-7 costs can't be known; over_budget=True"):
        service.launch()
    assert service.launch(over_budget=True).meta_key


def test_a_machine_that_is_there_is_taken_whatever_the_budget_says() -> None:
    service = Service(budget(credits(25)))
    key = checked_launch(MARK, **ASKED).key
    service.machines[key] = instance_row(key, 1, "Running")
    assert service.launch().instance_id == "ins-00000001"
    assert service.told == [], "nothing is rented, so nobody was asked"


def test_a_plan_that_fitted_is_held_against_the_budget_again_when_it_is_carried_out() -> None:
    service = Service(budget())
    wanted = checked_launch(MARK, **ASKED)
    planned = service.play(plan(wanted))
    assert (planned.is_over_budget, "Within the budget" in str(planned)) == (False, True)
    service.stands = budget(credits(19))
    with pytest.raises(BudgetReached):
        service.play(creating.launch_planned(wanted, planned))
    assert service.creates() == 0
    assert service.play(creating.launch_planned(wanted, planned, over_budget=True)).meta_key == planned.meta_key


def test_without_a_budget_there_is_not_one_request_more() -> None:
    without, within = FakeService(), Service(budget())
    for service in (without, within):
        service.play(creating.launch(checked_launch(MARK, **ASKED)))
    assert sorted(name for name, _ in within.asked) == sorted([*(name for name, _ in without.asked), "list instances"])


def test_a_service_that_does_not_tell_what_runs_rents_nothing() -> None:
    service = Service(budget())

    def fail(params: dict[str, str], body: Any) -> dict[str, Any]:
        raise TransportError("reset")

    service._list_instances = fail  # type: ignore[method-assign]
    with pytest.raises(TransportError):
        service.launch()
    assert service.creates() == 0


@pytest.mark.parametrize("way", ["unpark", "plan"])
def test_unpark_is_held_to_it_too(way: str) -> None:
    account = FakeAccount(specs=[spec_row()])
    account.machines[KEY] = instance_row(
        KEY, 7, "Finished", hardware=HARDWARE, regionName="TW-03", priceCent=49, envs="", accesses=[]
    )
    account.snapshots = [{"snapshot_id": "snap-1", "instance_id": "ins-00000007", "status": 3}]
    account.budget = lambda listed: budget(credits(18))

    def again(over_budget: bool) -> Instance:
        if way == "unpark":
            return account.play(unparking.unpark("train", MARK, over_budget=over_budget))
        planned, wanted = account.play(unparking.plan_unpark("train", MARK))
        assert wanted is not None
        assert "would be passed by 9.8" in str(planned)
        return account.play(unparking.launch_planned(wanted, planned, over_budget=over_budget))

    with pytest.raises(BudgetReached, match="would be passed"):
        again(False)
    assert account.creates() == 0
    assert again(True).meta_key == f"{KEY}.2"


def test_who_keeps_the_budget_and_can_not_read_it_is_heard() -> None:
    class Broken:
        def __call__(self, event: object) -> None: ...

        def budget(self) -> None:
            raise TransportError("unreadable")

    observers = Observers()
    assert observers.ask_budget() is None
    observers.add(lambda event: None)
    assert observers.ask_budget() is None
    observers.add(Broken())
    with pytest.raises(TransportError, match="unreadable"):
        observers.ask_budget()
