"""Prices: exact inside, Credits outside."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb import money
from glows_nb.money import Cost, ExchangeRate, Rate, exact_amount
from glows_nb.money import millicents as millicents_of

millicents = st.integers(min_value=0, max_value=10**9)


@pytest.mark.parametrize(
    ("millicents_per_hour", "per_hour", "per_day", "per_month"),
    [
        (49_000, "0.49", "11.76", "352.8"),
        (55_000, "0.55", "13.2", "396"),
        (2_368_000, "23.68", "568.32", "17049.6"),
        (1, "0.00001", "0.00024", "0.0072"),
        (0, "0", "0", "0"),
    ],
)
def test_prices_of_the_service_are_these_many_credits(
    millicents_per_hour: int, per_hour: str, per_day: str, per_month: str
) -> None:
    rate = Rate(millicents_per_hour)
    assert rate.per_hour == Decimal(per_hour)
    assert rate.per_day == Decimal(per_day)
    assert rate.per_month == Decimal(per_month)


def test_unit_of_eight_gpus_costs_eight_times_the_single_one() -> None:
    assert Rate(296_000) * 8 == Rate(2_368_000)


def test_cents_and_millicents_are_the_same_price() -> None:
    assert Rate.from_cents(49) == Rate(49_000)
    assert Rate.from_cents(65).per_hour == Decimal("0.65")


@pytest.mark.parametrize(
    ("credits_per_hour", "millicents_per_hour"),
    [(0.49, 49_000), ("0.49", 49_000), (Decimal("23.68"), 2_368_000), (0.1 + 0.2, 30_000), (3, 300_000)],
)
def test_credits_become_whole_millicents(credits_per_hour: float | str | Decimal, millicents_per_hour: int) -> None:
    assert Rate.from_credits(credits_per_hour) == Rate(millicents_per_hour)


@given(millicents)
def test_rate_comes_back_from_its_credits_as_a_float(millicents_per_hour: int) -> None:
    rate = Rate(millicents_per_hour)
    assert Rate.from_credits(float(rate.per_hour)) == rate


@given(st.lists(millicents, max_size=200))
def test_sum_of_rates_has_no_drift(prices: list[int]) -> None:
    total = sum((Rate(price) for price in prices), Rate(0))
    assert total == Rate(sum(prices))
    assert total.per_hour * 100_000 == sum(prices)
    assert sum((Rate(price).per_hour for price in prices), Decimal(0)) == total.per_hour


@given(millicents, st.integers(min_value=0, max_value=1000))
def test_units_multiply_as_often_as_they_are_added(millicents_per_hour: int, units: int) -> None:
    rate = Rate(millicents_per_hour)
    assert rate * units == sum((rate for _ in range(units)), Rate(0))


@given(millicents, st.integers(min_value=0, max_value=10_000))
def test_whole_hours_cost_that_many_hourly_prices(millicents_per_hour: int, hours: int) -> None:
    rate = Rate(millicents_per_hour)
    assert rate.cost(timedelta(hours=hours)) == rate.per_hour * hours


def test_cost_is_by_the_second() -> None:
    rate = Rate(36_000)
    assert rate.cost(timedelta(seconds=1)) == Decimal("0.0001")
    assert rate.cost(timedelta(seconds=1.999)) == Decimal("0.0001")
    assert rate.cost(timedelta(seconds=2)) == Decimal("0.0002")
    assert rate.cost(timedelta(0)) == 0


def test_a_day_costs_what_the_price_per_day_says() -> None:
    assert Rate(49_000).cost(timedelta(days=1)) == Rate(49_000).per_day == Decimal("11.76")


@given(millicents, millicents)
def test_rates_compare_like_their_amounts(one: int, other: int) -> None:
    assert (Rate(one) < Rate(other)) == (one < other)
    assert (Rate(one) == Rate(other)) == (one == other)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_costs_compare_like_their_amounts(one: int, other: int) -> None:
    assert (Cost(one) < Cost(other)) == (Cost(one).credits < Cost(other).credits)
    assert max(Cost(one), Cost(other)) == Cost(max(one, other))


def test_rate_is_written_with_three_decimals_and_its_unit() -> None:
    assert str(Rate(2_368_000)) == "23.680 Credits/h"
    assert repr(Rate(49_000)) == "Rate('0.490 Credits/h')"


def test_examples_in_the_docstrings_are_true() -> None:
    results = doctest.testmod(money)
    assert results.attempted > 0
    assert results.failed == 0


@given(st.lists(st.tuples(millicents, st.integers(min_value=0, max_value=10**7)), max_size=200))
def test_sum_of_costs_has_no_drift_in_any_order(parts: list[tuple[int, int]]) -> None:
    costs = [Rate(price).over(seconds) for price, seconds in parts]
    total = sum(costs, Cost())
    assert total == sum(reversed(costs), Cost())
    assert total.millicent_seconds == sum(price * seconds for price, seconds in parts)
    assert total.millicents == int(Fraction(total.millicent_seconds, 3600) + Fraction(1, 2))
    assert total - total == Cost()


@given(st.integers(min_value=0, max_value=10**12))
def test_whole_millicents_come_back(whole: int) -> None:
    assert Cost.from_millicents(whole).millicents == whole
    assert millicents_of(Cost.from_millicents(whole).credits) == whole


def test_cost_is_rounded_half_up_as_bills_are() -> None:
    assert [Cost(part).millicents for part in (0, 1799, 1800, 3600, 5399, 5400)] == [0, 0, 1, 1, 1, 2]


def test_ten_minutes_at_039_cost_what_the_console_shows() -> None:
    assert str(Rate(39_000).over(600)) == "0.065 Credits"  # FACTS 4.4


@pytest.mark.parametrize(("sound", "wrong"), [("1e30", "1e31"), ("9.9e30", "10e30"), ("-1e-30", "1e-31")])
def test_powers_of_ten_beyond_30_are_no_amounts(sound: str, wrong: str) -> None:
    assert exact_amount(sound) == Fraction(sound)
    with pytest.raises(ValueError, match="not a number of Credits"):
        exact_amount(wrong)


@pytest.mark.parametrize("amount", [Rate(49_000), Cost(49_000), ExchangeRate("TWD", Decimal(32))], ids=repr)
def test_amounts_are_values_that_never_change(amount: Any) -> None:
    assert hash(amount) == hash(replace(amount))
    with pytest.raises(FrozenInstanceError):
        setattr(amount, fields(amount)[0].name, 0)


@pytest.mark.parametrize("amount", ["a lot", float("nan"), float("inf"), ""])
def test_amount_that_is_no_number_is_refused(amount: float | str) -> None:
    with pytest.raises(ValueError, match="Credits"):
        millicents_of(amount)


@pytest.fixture
def taiwan_dollars() -> Iterator[None]:
    money.set_exchange_rate("TWD", "32.05")
    yield
    money.set_exchange_rate(None)


@pytest.mark.usefixtures("taiwan_dollars")
def test_amounts_are_written_in_the_users_currency_too_and_stay_credits() -> None:
    assert str(Rate(49_000)) == "0.490 Credits/h (15.70 TWD/h)"
    assert str(Rate(100_000).over(7200)) == "2.000 Credits (64.10 TWD)"
    assert Rate(49_000).per_hour == Decimal("0.49")
    assert str(money.exchange_rate()) == "1 Credit = 32.05 TWD"


@pytest.mark.parametrize(
    ("currency", "rate"), [("TWD", 0), ("TWD", -1), ("TWD", float("nan")), ("TWD", "much"), ("", 32), (" ", 32)]
)
def test_exchange_rate_that_is_none_is_refused_and_changes_nothing(currency: str, rate: float | str) -> None:
    with pytest.raises(ValueError, match="no exchange rate"):
        money.set_exchange_rate(currency, rate)
    assert str(Rate(49_000)) == "0.490 Credits/h"


@pytest.mark.parametrize(
    "given", [{}, {"per_credit": 0}, {"per_credit": -1}, {"per_credit": True}, {"per_credit": "x"}]
)
def test_a_currency_without_a_rate_above_0_is_refused_and_the_old_rate_stays(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is no exchange rate"):
        money.set_exchange_rate("TWD", **given)
    assert money.exchange_rate() is None
