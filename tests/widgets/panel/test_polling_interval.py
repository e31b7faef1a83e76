"""The pace of live panels in virtual time: how many readings ten minutes take, and when they come at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from glows_nb.widgets.panel.polling_interval import (
    LONGEST,
    LONGEST_WHILE_PASSING,
    SHORTEST,
    SHORTEST_AFTER_TOO_MANY,
    Outcome,
    Pace,
)

TEN_MINUTES = 600.0


def readings(outcomes: Iterable[Outcome], seconds: float = TEN_MINUTES) -> list[float]:
    """When a panel reads, in seconds from the first reading, if its readings come to these outcomes."""
    pace, moment, moments = Pace(), 0.0, []
    for outcome in outcomes:
        moments.append(moment)
        pause = pace.after(outcome)
        if pause is None or moment + pause > seconds:
            return moments
        moment += pause
    raise AssertionError("more outcomes are needed")


def then(first: Outcome, rest: Outcome, count: int = 1000) -> list[Outcome]:
    return [first, *[rest] * count]


def test_ten_minutes_without_a_change_take_few_readings() -> None:
    moments = readings(then(Outcome.CHANGED, Outcome.SAME))
    assert len(moments) <= 20
    assert moments[1] == SHORTEST
    assert max(after - before for before, after in itertools.pairwise(moments)) == LONGEST


def test_pauses_only_grow_while_nothing_changes() -> None:
    moments = readings(then(Outcome.CHANGED, Outcome.SAME))
    pauses = [after - before for before, after in itertools.pairwise(moments)]
    assert pauses == sorted(pauses)


def test_what_passes_by_itself_is_watched_more_closely_and_still_within_forty_readings() -> None:
    moments = readings(then(Outcome.CHANGED, Outcome.PASSING))
    assert 30 <= len(moments) <= 40
    assert moments[-1] - moments[-2] == pytest.approx(LONGEST_WHILE_PASSING)


def test_change_makes_the_next_pause_the_shortest() -> None:
    pace = Pace()
    for _ in range(9):
        pace.after(Outcome.SAME)
    assert pace.pause is not None
    assert pace.pause > 10 * SHORTEST
    assert pace.after(Outcome.CHANGED) == SHORTEST


def test_action_makes_the_next_pause_the_shortest() -> None:
    pace = Pace()
    for _ in range(9):
        pace.after(Outcome.SAME)
    pace.hasten()
    assert pace.pause == SHORTEST


def test_outage_begins_closely_watched_then_rarely_and_ends_closely_watched() -> None:
    pace = Pace()
    for _ in range(20):
        pace.after(Outcome.SAME)
    assert pace.pause == LONGEST
    assert pace.after(Outcome.UNREADABLE) == SHORTEST
    pauses = [pace.after(Outcome.UNREADABLE) for _ in range(20)]
    assert pauses == sorted(pauses, key=lambda pause: pause or 0.0)
    assert pauses[-1] == LONGEST
    assert pace.after(Outcome.SAME) == SHORTEST


def test_service_that_wants_fewer_requests_gets_fewer() -> None:
    pace = Pace()
    pauses = [pace.after(Outcome.TOO_MANY) for _ in range(10)]
    assert pauses[0] == SHORTEST_AFTER_TOO_MANY
    assert pauses == sorted(pauses, key=lambda pause: pause or 0.0)
    assert pauses[-1] == pace.after(Outcome.SAME) == LONGEST, "that it answers again is no reason to hurry"
    assert pace.after(Outcome.CHANGED) == SHORTEST


def test_refused_token_ends_the_asking_until_somebody_wants_it() -> None:
    pace = Pace()
    assert pace.after(Outcome.REFUSED) is None
    pace.hasten()
    assert pace.pause == SHORTEST
    assert pace.after(Outcome.REFUSED) is None
    assert pace.after(Outcome.SAME) == SHORTEST
