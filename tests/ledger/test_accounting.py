"""What machines have cost, from when they were seen in which status: exact, by the second, and open about gaps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.ledger.accounting import cost_by_day, cost_since
from glows_nb.ledger.records import MachineRecord, Order, Sighting
from glows_nb.money import Cost, Rate

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
MINUTE = 60_000
RTX_4090 = 49_000


def machine(*sightings: Sighting, created_ms: int | None = NOON) -> MachineRecord:
    order = Order(1, NOON, "train", "started", "ins-1", None, "TW-03", "RTX", RTX_4090)
    return MachineRecord("ins-1", "train", "", "TW-03", "RTX", 1, "img-1", "Base", created_ms, sightings, order)


def seen(
    status: str, from_ms: int, to_ms: int | None = None, price: int | None = RTX_4090, is_exact: bool = True
) -> Sighting:
    return Sighting(NOON + from_ms, NOON + (from_ms if to_ms is None else to_ms), status, price, is_exact)


WATCHED = (
    seen("Pending", 0, 59_000, price=None),
    seen("Running", 60_000, 60_000 + HOUR),
    seen("Canceling", 61_000 + HOUR, 80_000 + HOUR),
    seen("Finished", 81_000 + HOUR),
)


def test_machine_that_was_watched_costs_at_most_its_time_since_the_order_and_at_least_that_of_running() -> None:
    (day,) = cost_by_day(machine(*WATCHED), NOON + 9 * HOUR)
    assert (day.seconds, day.cost) == (3661, Rate(RTX_4090).over(3661))
    assert day.at_least == Rate(RTX_4090).over(3600)
    assert not day.is_estimate
    assert day.day.isoformat() == "2026-03-01"


def test_ten_minutes_cost_what_the_console_shows() -> None:
    # FACTS 4.4: price 0.390, 10 minutes, cost 0.065.
    (day,) = cost_by_day(machine(seen("Running", 0, 600_000, 39_000), seen("Finished", 600_000)), NOON + HOUR)
    assert day.cost is not None
    assert float(day.cost.credits) == 0.065


def test_machine_that_never_ran_costs_at_most_its_time_in_the_queue() -> None:
    queued = machine(
        seen("SchedQueued", 0, 9_000, None), seen("Canceling", 10_000, price=None), seen("Finished", 20_000, price=None)
    )
    (day,) = cost_by_day(queued, NOON + HOUR)
    assert (day.seconds, day.cost, day.at_least) == (10, Rate(RTX_4090).over(10), Cost())
    assert day.is_estimate
    unpriced = queued._replace(order=None)
    assert cost_by_day(unpriced, NOON + HOUR) == []
    assert cost_by_day(machine(seen("Finished", 50 * HOUR, price=None)), NOON + 60 * HOUR) == []


def test_snapshot_in_between_is_not_paid() -> None:
    (day,) = cost_by_day(
        machine(
            seen("Running", 0, 100_000),
            seen("Pausing", 100_000, 139_000),
            seen("Running", 140_000, 200_000),
            seen("Canceling", 200_000),
        ),
        NOON + HOUR,
    )
    assert day.seconds == 100 + 61


def test_running_machine_counts_until_now_and_is_an_estimate() -> None:
    (day,) = cost_by_day(machine(seen("Running", 0, HOUR - 10_000)), NOON + HOUR)
    assert (day.seconds, day.is_estimate) == (3600, True)
    assert day.at_least == Rate(RTX_4090).over(3590)


def test_what_runs_while_the_service_can_not_be_read_is_unknown_and_never_zero() -> None:
    (day,) = cost_by_day(machine(seen("Running", 0, HOUR)), NOON + HOUR + 10_000, is_read=False)
    assert (day.seconds, day.cost) == (None, None)
    assert day.at_least == Rate(RTX_4090).over(3600)


def test_running_machine_that_the_service_lists_no_more_is_unknown_from_then_on() -> None:
    (day,) = cost_by_day(machine(seen("Running", 0, HOUR)), NOON + 14 * HOUR)
    assert (day.cost, day.at_least) == (None, Rate(RTX_4090).over(3600))
    (later,) = cost_by_day(machine(seen("Running", 0, HOUR)), NOON + 60 * HOUR, since_ms=NOON + 50 * HOUR)
    assert (later.cost, later.at_least, later.day.isoformat()) == (None, Cost(), "2026-03-03")


def test_gap_before_the_end_is_paid_in_full_and_marked() -> None:
    (day,) = cost_by_day(machine(seen("Running", 0, MINUTE), seen("Finished", 2 * HOUR)), NOON + 3 * HOUR)
    assert (day.seconds, day.at_least, day.is_estimate) == (7200, Rate(RTX_4090).over(60), True)


def test_gap_before_the_first_running_counts_from_the_order() -> None:
    (day,) = cost_by_day(
        machine(
            seen("Pending", 0, 20_000, None), seen("Running", HOUR, HOUR + 10_000), seen("Canceling", HOUR + 10_000)
        ),
        NOON + 2 * HOUR,
    )
    assert (day.seconds, day.is_estimate) == (3610, True)
    assert day.at_least == Rate(RTX_4090).over(10)


def test_machine_that_was_first_seen_running_counts_from_its_creation() -> None:
    (day,) = cost_by_day(machine(seen("Running", 2 * HOUR, 2 * HOUR), seen("Canceling", 2 * HOUR)), NOON + 3 * HOUR)
    assert (day.seconds, day.at_least, day.is_estimate) == (7200, Cost(), True)


@pytest.mark.parametrize(
    "sightings",
    [
        (seen("Finished", 50 * HOUR),),
        (seen("Paused", 0, 20_000), seen("Finished", 50 * HOUR)),
        (seen("SchedQueued", 0, 0, None), seen("Finished", 50 * HOUR)),
        (seen("Unavail", 0, 20_000),),
        (seen("Running", 0, 20_000, None), seen("Finished", 20_000)),
        (seen("Teleporting", 0, 20_000), seen("Finished", 20_000)),
    ],
)
def test_what_nobody_saw_or_can_price_is_unknown(sightings: tuple[Sighting, ...]) -> None:
    days = cost_by_day(machine(*sightings), NOON + 50 * HOUR)
    assert days
    assert None in {day.cost for day in days}
    assert cost_since([machine(*sightings)], 0, NOON + 50 * HOUR) == (None, Cost())


def test_new_price_holds_from_when_it_was_seen() -> None:
    (day,) = cost_by_day(
        machine(
            seen("Running", 0, 99_000, 36_000), seen("Running", 100_000, 200_000, 72_000), seen("Canceling", 200_000)
        ),
        NOON + HOUR,
    )
    assert day.cost == Rate(36_000).over(100) + Rate(72_000).over(100)
    assert day.at_least == day.cost


def test_price_in_cents_alone_is_an_estimate() -> None:
    (day,) = cost_by_day(machine(seen("Running", 0, MINUTE, is_exact=False), seen("Canceling", MINUTE)), NOON + HOUR)
    assert day.is_estimate


moments = st.lists(st.integers(0, 400_000_000), min_size=2, max_size=12, unique=True).map(sorted)


@given(moments, st.integers(1, 10**8))
def test_days_add_up_to_the_whole_to_the_millicent_second(times: list[int], price: int) -> None:
    words = ["Running", "Paused"] * 6
    sightings = [seen(word, at, at, price) for word, at in zip(words, times, strict=False)]
    life = machine(*sightings, seen("Finished", times[-1] + 1), created_ms=NOON + times[0])
    days = cost_by_day(life, NOON + 500_000_000)
    whole, least = cost_since([life], 0, NOON + 500_000_000)
    if all(day.cost is not None for day in days):
        assert sum((day.cost for day in days if day.cost is not None), Cost()) == whole
    else:
        assert whole is None
    assert sum((day.at_least for day in days), Cost()) == least
    assert [day.day for day in days] == sorted({day.day for day in days})


@given(st.integers(0, 7_300_000))
def test_cost_before_and_after_a_moment_are_the_whole(cut: int) -> None:
    life = machine(seen("Running", 0, 2 * HOUR), seen("Canceling", 2 * HOUR))
    whole, _ = cost_since([life], NOON, NOON + 3 * HOUR)
    after, _ = cost_since([life], NOON + cut, NOON + 3 * HOUR)
    days = cost_by_day(life, NOON + 3 * HOUR, since_ms=NOON + cut)
    assert sum((day.cost for day in days if day.cost is not None), Cost()) == after
    assert whole == Rate(RTX_4090).over(7200)
    assert after == Rate(RTX_4090).over(7200 - min(cut // 1000, 7200))
