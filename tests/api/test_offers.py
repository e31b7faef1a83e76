"""No price that can't be one, and no cap that was rounded, rents a machine."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.errors import GlowsError, InvalidRequest, NoResourceAvailable, PriceTooHigh
from glows_nb.api.lifecycle.creating import launch
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.lifecycle.planning import plan
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import rate_for
from glows_nb.money import Rate
from tests.api.fake_service import FakeService, spec_row
from tests.api.lifecycle.asked import ASKED, MARK
from tests.hostile_server import Answer, HostileServer, Request, json_answer

NO_PRICES = [-49_000, 0, True, False, 49_000.0, 49_000.5, "49000", "", None, [], {}, 1e300, float("inf")]


def priced(price: Any, **fields: Any) -> dict[str, Any]:
    return spec_row(**fields) | {"price": {"millicent_per_hour": price}}


@pytest.mark.parametrize("price", NO_PRICES, ids=repr)
@pytest.mark.parametrize("cap", [None, 0.49, 1000])
@pytest.mark.filterwarnings("ignore::glows_nb.api.paging.UnreadableRowWarning")
def test_an_offer_whose_price_can_be_none_is_unpriced_and_not_rented(price: Any, cap: float | None) -> None:
    service = FakeService(specs=[priced(price)])
    with pytest.raises(NoResourceAvailable, match="TW-03 tells no price"):
        service.play(launch(checked_launch(MARK, **ASKED, max_price_per_hour=cap)))
    assert service.creates() == 0


@pytest.mark.parametrize("price", [-49_000, 0, True])
@pytest.mark.filterwarnings("ignore::glows_nb.api.paging.UnreadableRowWarning")
def test_the_same_over_http_from_a_server_that_says_so(price: Any) -> None:
    creates: list[bytes] = []

    def answer(request: Request) -> Answer:
        if request.method == "POST":
            creates.append(request.body)
        if "/spec/list" in request.target:
            rows = [priced(price)] if "machine_category=0" in request.target else []
            pages = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
            return json_answer({"code": 0, "msg": "", "pagination": pages, "specs": rows, "regions": []})
        if "/instance/list" in request.target:
            pages = {"total": 0, "numPages": 0, "page": 1, "perPage": 20}
            return json_answer({"code": 0, "msg": "", "pagination": pages, "instances": []})
        return json_answer({"code": 6, "msg": "param illegal"})

    with HostileServer(answer) as server, glows.Client("x", server.base_url, backoff=0) as client:
        specs = client.specs.all(from_image_id="img-1")
        assert [spec.rate for spec in specs] == [None]
        assert glows.frames.specs(specs)["price_per_hour"].isna().all()
        with pytest.raises(GlowsError, match="tells no price"):
            client.instances.launch(**ASKED, max_price_per_hour=0.49)
    assert creates == []


def test_a_priced_offer_is_taken_before_one_without_a_price() -> None:
    service = FakeService(specs=[priced(0, resource_id="a"), priced(90_000, resource_id="b")])
    planned = service.play(plan(checked_launch(MARK, **ASKED)))
    assert (planned.candidates[0].spec.resource_id, planned.rate) == ("b", Rate(90_000))


@pytest.mark.parametrize("price", [-20_000, 0, True, "20000", None, 1.5])
def test_an_extra_whose_price_can_be_none_does_not_offset_and_is_not_sold(price: Any) -> None:
    row = spec_row() | {"extra_resources": [{"resource": {"cpus": 4}, "price": {"millicent_per_hour": price}}]}
    with pytest.raises(InvalidRequest, match="extra_resource: 4 more cpus are not sold there"):
        rate_for(Spec.model_validate(row), 1, {"cpus": 4})


def sold_by(*extras: tuple[Any, int]) -> Spec:
    rows = [{"resource": {"cpus": size}, "price": {"millicent_per_hour": price}} for size, price in extras]
    return Spec.model_validate(spec_row(millicents=1000) | {"extra_resources": rows})


@pytest.mark.parametrize("size", [0, -4, True, 4.0, "4", None])
def test_an_extra_in_steps_that_can_be_none_is_not_sold(size: Any) -> None:
    with pytest.raises(InvalidRequest, match="are not sold there"):
        rate_for(sold_by((size, 100)), 1, {"cpus": 4})


@pytest.mark.parametrize("extras", [[(4, 100), (8, 150)], [(8, 150), (4, 100)], [(4, 100), (4, 90), (8, 1)]])
def test_of_several_steps_that_make_up_an_extra_the_dearest_is_shown(extras: list[tuple[int, int]]) -> None:
    assert rate_for(sold_by(*extras), 3, {"cpus": 8}) == Rate(3 * (1000 + 200))


def test_no_extra_costs_nothing() -> None:
    assert rate_for(sold_by((4, 100)), 2, {"cpus": 0}) == Rate(2000)


@pytest.mark.parametrize(
    ("cap", "is_rented"),
    [
        (0.49, True),
        ("0.49", True),
        (Decimal("0.49"), True),
        (Fraction(49, 100), True),
        (0.489999, False),
        (0.489999999999, False),
        ("0.4899999", False),
        (Decimal("0.489999"), False),
    ],
)
def test_a_cap_is_floored_and_a_price_equal_to_it_passes(cap: Any, is_rented: bool) -> None:
    service = FakeService(specs=[spec_row(millicents=49_000)])
    asked = checked_launch(MARK, **ASKED, max_price_per_hour=cap)
    if is_rented:
        service.play(launch(asked))
    else:
        with pytest.raises(PriceTooHigh):
            service.play(launch(asked))
    assert service.creates() == int(is_rented)


@pytest.mark.parametrize("cap", [True, False, "", " ", "abc", "nan", float("nan"), float("inf"), -1, 0, [], 1e-9])
def test_what_is_no_cap_is_refused_in_one_sentence(cap: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^max_price_per_hour: .*Credits") as refused:
        checked_launch(MARK, **ASKED, max_price_per_hour=cap)
    assert "\n" not in str(refused.value)


@given(st.integers(1, 10**7), st.decimals("0.00001", "100", places=7), st.integers(1, 8))
def test_nothing_above_a_cap_is_rented_and_everything_else_is(price: int, cap: Decimal, units: int) -> None:
    service = FakeService(specs=[spec_row(millicents=price)])
    try:
        service.play(launch(checked_launch(MARK, **ASKED, unit_qty=units, max_price_per_hour=cap)))
    except PriceTooHigh:
        assert price * units > cap * 100_000
        assert service.creates() == 0
    else:
        assert price * units <= cap * 100_000
        assert service.creates() == 1
