"""Caps and prices as people give them, from every face: a sound number is taken, all else refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

import glows_nb as glows
from glows_nb.commands import CommandError, run
from glows_nb.commands.settings import Glows
from glows_nb.connection import used_for_a_while
from glows_nb.money import Rate, exact_amount, millicents

SOUND: list[Any] = [0.5, "0.5", " 0.5 ", Decimal("0.5"), Fraction(1, 2), np.float64(0.5), np.float32(0.5), 5e-1]
WRONG: list[Any] = [
    True,
    False,
    np.True_,
    "",
    "  ",
    "abc",
    "True",
    float("nan"),
    "NaN",
    float("inf"),
    "-inf",
    -1,
    "-0.5",
]
STRANGE: list[Any] = [[], {}, b"0.5", object(), "1e999999999", Decimal("1e-999999")]


@pytest.fixture
def reading(shared_sandbox: glows.Sandbox) -> Any:
    with shared_sandbox.client() as client, used_for_a_while(client):
        yield client


def planned(cap: Any, client: glows.Client) -> Any:
    image_id = client.images.default().image_id
    return client.instances.plan(
        name="x",
        gpu_name="NVIDIA GeForce RTX 4090",
        region_name="TW-01",
        from_image_id=image_id,
        max_price_per_hour=cap,
    )


CALLS: dict[str, Callable[[Any, glows.Client], Any]] = {
    "plan": planned,
    "specs": lambda cap, client: glows.specs(max_price=cap),
    "cheapest": lambda cap, client: glows.cheapest(max_price=cap),
    "set_balance": lambda cap, client: glows.set_balance(cap),
    "exchange rate": lambda cap, client: (glows.set_exchange_rate("TWD", cap), glows.set_exchange_rate(None)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("cap", SOUND, ids=repr)
def test_a_sound_number_is_taken_whatever_its_type(name: str, cap: Any, reading: glows.Client) -> None:
    CALLS[name](cap, reading)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("cap", [*WRONG, *STRANGE], ids=lambda cap: repr(cap)[:20])
def test_what_is_none_is_refused_in_one_sentence(name: str, cap: Any, reading: glows.Client) -> None:
    with pytest.raises(ValueError, match=r"[Nn]umber|refused|no exchange rate") as refused:
        CALLS[name](cap, reading)
    if name != "exchange rate":  # money stands below the errors of the api
        assert isinstance(refused.value, glows.InvalidRequest)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cap", ["", "abc", "nan", "inf", "-1", "0", "True"])
@pytest.mark.parametrize("line", ["specs --max-price", "launch --gpu 4090 --dry-run --max-price"])
def test_the_magic_and_the_terminal_refuse_the_same(line: str, cap: str, reading: glows.Client) -> None:
    with pytest.raises(CommandError, match=r"not a number above 0"):
        run(f"{line}='{cap}'")


@pytest.mark.parametrize("setting", ["max_price", "ask_above"])
def test_settings_take_a_sound_number_and_refuse_what_is_none(setting: str) -> None:
    for sound in (0.5, "0.5", Decimal("0.5"), Fraction(1, 2)):
        chosen = Glows()
        chosen.update_config(Config({"Glows": {setting: sound}}))
        assert getattr(chosen, setting) == 0.5
    for wrong in (True, "", "abc", float("nan"), "inf", -1):
        with pytest.raises(CommandError, match=setting):
            Glows().update_config(Config({"Glows": {setting: wrong}}))


@given(
    st.one_of(st.decimals("0.00001", "1000", places=9), st.floats(0.00001, 1000), st.fractions(Fraction(1, 10**5), 99))
)
def test_a_cap_is_never_above_what_was_given_and_less_than_a_millicent_below(amount: Any) -> None:
    exact = exact_amount(amount) * 100_000
    assert 0 <= exact - Rate.cap(amount).millicents_per_hour < 1


@given(st.fractions(0, 1000))
def test_an_amount_is_rounded_half_up_and_by_half_a_millicent_at_most(amount: Fraction) -> None:
    assert -Fraction(1, 2) < millicents(amount) - amount * 100_000 <= Fraction(1, 2)


@pytest.mark.parametrize("price", [0.49, "0.49", Decimal("0.49"), Fraction(49, 100)])
def test_a_price_equal_to_the_limit_is_let_through_and_one_above_is_not(price: Any, reading: glows.Client) -> None:
    table = glows.specs(max_price=price)
    assert table["price_per_hour"].max() == 0.49
    assert glows.specs(max_price=0.489999)["price_per_hour"].max() < 0.489999
