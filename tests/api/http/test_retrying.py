"""How long is waited, how often again, and the bounds of both, to the second and to the repetition."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.credentials.config import resolve
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.errors import RateLimited, TransportError
from glows_nb.api.http.exchange import exchange
from glows_nb.api.http.reply import Reply
from glows_nb.api.http.retrying import (
    LONGEST_PAUSE,
    CoolDown,
    RetryPolicy,
    RetryQuota,
    pause_before_retry,
    read_retry_after,
)
from glows_nb.api.http.session import Session
from glows_nb.api.steps import Pause

LOST = TransportError("reset")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def longest_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high if low == 0 else -1.0)


@pytest.mark.usefixtures("longest_chance")
@pytest.mark.parametrize(("attempt", "seconds"), [(0, 0.5), (1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (50, 60.0)])
def test_pauses_double_up_to_a_minute(attempt: int, seconds: float) -> None:
    assert pause_before_retry(RetryPolicy(), attempt, LOST) == seconds


@pytest.mark.usefixtures("longest_chance")
@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 0.5), (0.0, 0.5), (0.4, 0.5), (0.6, 0.6), (59.0, 59.0), (60.0, 60.0), (60.5, None)]
)
def test_a_pause_that_was_asked_for_is_kept_up_to_a_minute_and_then_said(
    asked: float | None, pause: float | None
) -> None:
    assert LONGEST_PAUSE == 60
    assert pause_before_retry(RetryPolicy(), 0, RateLimited("429", retry_after=asked)) == pause


@given(st.integers(0, 12), st.floats(0, 10))
def test_chance_keeps_within_its_bounds(attempt: int, backoff: float) -> None:
    pause = pause_before_retry(RetryPolicy(backoff=backoff), attempt, LOST)
    assert pause is not None
    assert 0 <= pause <= min(backoff * 2**attempt, LONGEST_PAUSE)


def test_the_usual_policy_is_three_repetitions_from_half_a_second_within_two_minutes() -> None:
    assert RetryPolicy() == (3, 0.5, 120.0)


@pytest.mark.parametrize(("asked", "remaining"), [(5.0, 5.0), (60.0, 60.0), (61.0, 60.0), (1e12, 60.0), (-5.0, 0.0)])
def test_a_cool_down_lasts_as_long_as_asked_and_a_minute_at_most(asked: float, remaining: float) -> None:
    cool_down = CoolDown(Clock())
    assert cool_down.remaining == 0
    cool_down.start(asked)
    assert cool_down.remaining == remaining


def test_a_shorter_cool_down_does_not_end_a_longer_one_and_time_does() -> None:
    clock = Clock()
    cool_down = CoolDown(clock)
    cool_down.start(10)
    cool_down.start(2)
    clock.now += 4
    assert cool_down.remaining == 6
    clock.now += 7
    assert cool_down.remaining == 0


def test_the_purse_holds_ten_and_a_call_that_finds_it_empty_sends_nothing() -> None:
    quota = RetryQuota(Clock())
    assert [quota.take() for _ in range(11)] == [True] * 10 + [False]


def test_the_purse_fills_by_a_tenth_a_second_and_a_twentieth_a_success_up_to_ten() -> None:
    clock = Clock()
    quota = RetryQuota(clock)
    while quota.take():
        pass
    clock.now += 9.5
    assert not quota.take()
    clock.now += 0.6
    assert quota.take()
    assert not quota.take()
    for _ in range(18):
        quota.succeed()
    assert not quota.take()
    for _ in range(3):
        quota.succeed()
    assert quota.take()
    clock.now += 10_000
    assert sum(quota.take() for _ in range(20)) == 10


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("2.5", 2.5),
        ("-3", 0.0),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("Thu, 26 Nov 2026 12:00:30 GMT", 30.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
        ("Thu, 26 Nov 2026 12:00:30", 30.0),
    ],
)
def test_a_header_gives_seconds_from_now_or_nothing(header: str, seconds: float | None) -> None:
    noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert read_retry_after(header, lambda: noon) == seconds


def session(clock: Any = lambda: 0.0, **policy: Any) -> Session:
    connection = resolve(Token("token"), "http://127.0.0.1:9")
    return Session(connection, RetryPolicy(**policy), clock, RetryQuota(clock), CoolDown(clock))


def limited(retry_after: str = "") -> Reply:
    return Reply(429, "text/plain", retry_after, "", b"")


def test_a_429_keeps_all_calls_of_a_client_away_for_as_long_as_it_asked() -> None:
    from glows_nb.api.operations.instances import count_instances

    now = {"is": 100.0}
    shared = session(lambda: now["is"], backoff=0)
    first, second = exchange(count_instances(), shared), exchange(count_instances(), shared)
    next(first)
    assert first.send(limited("7")) == Pause(7.0)
    assert next(second) == Pause(7.0)
    now["is"] += 7
    assert not isinstance(second.send(None), Pause)


def test_a_call_ends_within_its_time_budget_whatever_its_count_of_retries() -> None:
    from glows_nb.api.operations.instances import count_instances

    now = {"is": 0.0}
    steps = exchange(count_instances(), session(lambda: now["is"], max_retries=1000, backoff=0, time_budget=30))
    with pytest.raises(glows.RateLimited):
        _play_limited(steps, now)
    assert now["is"] <= 30


def _play_limited(steps: Any, now: dict[str, float]) -> None:
    step = next(steps)
    while True:
        if isinstance(step, Pause):
            now["is"] += step.seconds
            step = steps.send(None)
        else:
            step = steps.send(limited("4"))


def test_the_purse_of_repetitions_fills_again_with_time_and_success() -> None:
    now = {"is": 0.0}
    quota = RetryQuota(lambda: now["is"])
    spent = sum(quota.take() for _ in range(100))
    assert spent == RetryQuota.CAPACITY
    now["is"] += 10
    assert quota.take()
    assert not quota.take()
    for _ in range(21):
        quota.succeed()
    assert quota.take()
