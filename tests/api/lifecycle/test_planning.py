"""No price that can't be one, no cap that was rounded, and no plan that is not the one shown rents a machine."""

from __future__ import annotations

import warnings
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.errors import GlowsError, InvalidRequest, NoResourceAvailable, PriceTooHigh, StalePlan
from glows_nb.api.lifecycle import unparking
from glows_nb.api.lifecycle.creating import launch, launch_planned
from glows_nb.api.lifecycle.planning import Plan, plan
from glows_nb.api.lifecycle.price_watch import DearerThanShown, PriceWatch
from glows_nb.api.lifecycle.wanted import want
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.specs import Spec
from glows_nb.api.observing import Answered, Sending
from glows_nb.api.offers import rate_for
from glows_nb.api.operations.instances import cancel_instance, create_instance, get_instance
from glows_nb.api.operations.snapshots import create_snapshot
from glows_nb.api.steps import Adopted
from glows_nb.money import Rate
from tests.api.fake_service import FakeService, instance_row, spec_row
from tests.hostile_server import Answer, HostileServer, Request, json_answer

MARK = "0123abcd"
ASKED: dict[str, Any] = {
    "from_image_id": "img-87p9kq26",
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "region_name": "TW-03",
    "name": "train",
}
NO_PRICES = [-49_000, 0, True, False, 49_000.0, 49_000.5, "49000", "", None, [], {}, 1e300, float("inf")]


def priced(price: Any, **fields: Any) -> dict[str, Any]:
    return spec_row(**fields) | {"price": {"millicent_per_hour": price}}


@pytest.mark.parametrize("price", NO_PRICES, ids=repr)
@pytest.mark.parametrize("cap", [None, 0.49, 1000])
@pytest.mark.filterwarnings("ignore::glows_nb.api.paging.UnreadableRowWarning")
def test_an_offer_whose_price_can_be_none_is_unpriced_and_not_rented(price: Any, cap: float | None) -> None:
    service = FakeService(specs=[priced(price)])
    with pytest.raises(NoResourceAvailable, match="TW-03 tells no price"):
        service.play(launch(want(MARK, **ASKED, max_price_per_hour=cap)))
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
    planned = service.play(plan(want(MARK, **ASKED)))
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
    asked = want(MARK, **ASKED, max_price_per_hour=cap)
    if is_rented:
        service.play(launch(asked))
    else:
        with pytest.raises(PriceTooHigh):
            service.play(launch(asked))
    assert service.creates() == int(is_rented)


@pytest.mark.parametrize("cap", [True, False, "", " ", "abc", "nan", float("nan"), float("inf"), -1, 0, [], 1e-9])
def test_what_is_no_cap_is_refused_in_one_sentence(cap: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^max_price_per_hour: .*Credits") as refused:
        want(MARK, **ASKED, max_price_per_hour=cap)
    assert "\n" not in str(refused.value)


@given(st.integers(1, 10**7), st.decimals("0.00001", "100", places=7), st.integers(1, 8))
def test_nothing_above_a_cap_is_rented_and_everything_else_is(price: int, cap: Decimal, units: int) -> None:
    service = FakeService(specs=[spec_row(millicents=price)])
    try:
        service.play(launch(want(MARK, **ASKED, unit_qty=units, max_price_per_hour=cap)))
    except PriceTooHigh:
        assert price * units > cap * 100_000
        assert service.creates() == 0
    else:
        assert price * units <= cap * 100_000
        assert service.creates() == 1


# A plan that was shown is what is carried out.


def test_plans_that_show_the_same_are_equal_whoever_carries_them_out() -> None:
    planned = FakeService().play(plan(want(MARK, **ASKED)))
    assert replace(planned, _launch=print) == planned
    with pytest.raises(GlowsError, match="not made by a client"):
        planned.launch()


def shown_then(service: FakeService, row: dict[str, Any], **fields: Any) -> tuple[Any, Plan]:
    asked = want(MARK, **(ASKED | fields))
    planned = service.play(plan(asked))
    service.specs = [row, *service.specs[1:]]
    return asked, planned


def with_unit(**unit: Any) -> dict[str, Any]:
    row = spec_row()
    resource = row["base_resource"]
    return row | {"base_resource": resource | {"unit_spec": resource["unit_spec"] | unit}}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (spec_row(millicents=49_001), "price"),
        (spec_row(millicents=48_999), "price"),
        (spec_row(resource_id="another"), "offer's id"),
        (with_unit(gpus=2), "number of GPUs"),
        (with_unit(cpus=1), "number of CPUs"),
        (with_unit(ram_mb=1), "RAM"),
        (with_unit(disk_gb=1), "disk"),
        (with_unit(cpu_name="Another CPU"), "the offer's CPU"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_difference_from_what_a_plan_showed_rents_nothing(row: dict[str, Any], what: str) -> None:
    service = FakeService()
    asked, planned = shown_then(service, row)
    with pytest.raises(StalePlan, match=what):
        service.play(launch_planned(asked, planned))
    assert service.creates() == 0


def test_a_plan_whose_key_was_used_up_meanwhile_is_stale() -> None:
    service = FakeService()
    asked = want(MARK, **ASKED)
    planned = service.play(plan(asked))
    service.machines[asked.key] = instance_row(asked.key, 1, "Finished")
    with pytest.raises(StalePlan, match="the key"):
        service.play(launch_planned(asked, planned))
    assert service.creates() == 0


def test_a_plan_of_another_image_is_stale() -> None:
    service = FakeService()
    planned = service.play(plan(want(MARK, **ASKED)))
    with pytest.raises(StalePlan, match="the image"):
        service.play(launch_planned(want(MARK, **(ASKED | {"from_image_id": "img-other"})), planned))
    assert service.creates() == 0


def test_a_plan_that_still_holds_is_carried_out() -> None:
    service = FakeService()
    asked, planned = shown_then(service, spec_row(units=3))
    assert service.play(launch_planned(asked, planned)).meta_key == planned.meta_key


# A machine that turns out dearer.


def ordered(watch: PriceWatch, promised: int) -> None:
    from dataclasses import replace

    operation = create_instance(want(MARK, **ASKED).template)
    watch(Sending(replace(operation, promised=Rate(promised))))


def seen(cents: Any) -> Answered:
    key = want(MARK, **ASKED).key
    return Answered(get_instance("ins-1"), Instance.model_validate(instance_row(key, 1, "Pending", priceCent=cents)))


@pytest.mark.parametrize(("promised", "cents"), [(49_000, 50), (49_000, 392), (49_500, 51)])
def test_a_machine_dearer_than_its_plan_is_said_once_with_the_line_that_releases_it(promised: int, cents: int) -> None:
    watch = PriceWatch()
    ordered(watch, promised)
    watch(seen(0))
    with pytest.warns(DearerThanShown, match=r"ins-00000001 costs .* were shown. To release it: %glows cancel ins-0"):
        watch(seen(cents))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch(seen(cents))


@pytest.mark.parametrize(("promised", "cents"), [(49_000, 49), (49_999, 50), (49_001, 50), (49_000, 40), (49_000, -5)])
def test_a_machine_as_dear_as_its_plan_within_its_cents_is_not(promised: int, cents: int) -> None:
    watch = PriceWatch()
    ordered(watch, promised)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch(seen(cents))


def test_orders_that_promise_no_price_are_none_of_its_matter() -> None:
    watch = PriceWatch()
    watch(Sending(cancel_instance("ins-00000001")))
    watch(Sending(create_snapshot("ins-00000001")))
    watch(seen(392))


def test_a_launch_under_a_cap_that_finds_a_dearer_machine_says_so() -> None:
    asked = want(MARK, **ASKED, max_price_per_hour=0.49)
    row = instance_row(asked.key, 7, "Running", priceCent=392)
    row["hardware"]["gpuName"] = ASKED["gpu_name"]
    service = FakeService(machines={asked.key: row})
    with pytest.warns(DearerThanShown, match=r"costs 3\.920 Credits/h; 0\.490 Credits/h is the cap of this launch"):
        service.play(launch(asked))
    assert service.creates() == 0


# A cap holds for a machine that is there already too.


def living(cents: int, **fields: Any) -> FakeService:
    key = want(MARK, **ASKED).key
    return FakeService(machines={key: instance_row(key, 7, "Running", priceCent=cents) | fields})


def seen_by(service: FakeService, cents: int) -> None:
    """The machine is read again, as `wait` does, and has a price by now."""
    key = want(MARK, **ASKED).key
    service.prices(
        Answered(get_instance("ins-00000007"), Instance.model_validate(service.machines[key] | {"priceCent": cents}))
    )


WAYS = {
    "launch": lambda cap: launch(want(MARK, **ASKED, max_price_per_hour=cap), adopt=True),
    "unpark": lambda cap: unparking.unpark("train", MARK, max_price_per_hour=cap),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_cap_on_a_machine_that_is_there_is_said_at_once(way: str) -> None:
    with pytest.warns(
        DearerThanShown, match=r"costs 0\.500 Credits/h; 0\.490 Credits/h is the cap .* %glows cancel ins-0"
    ):
        living(50).play(WAYS[way](0.49))


@pytest.mark.parametrize("way", WAYS)
def test_a_cap_on_a_machine_that_is_queued_is_said_when_its_price_is_known(way: str) -> None:
    service = living(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service.play(WAYS[way](0.49))
        seen_by(service, 0)
    with pytest.warns(DearerThanShown, match=r"0\.490 Credits/h is the cap"):
        seen_by(service, 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen_by(service, 50)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cap", [None, 0.5, 0.499])
def test_a_machine_that_is_there_within_its_cap_is_not(way: str, cap: float | None) -> None:
    service = living(50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service.play(WAYS[way](cap))
        seen_by(service, 50)


def test_each_call_that_finds_a_dearer_machine_says_so_also_the_second() -> None:
    service = living(50)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            service.play(launch(want(MARK, **ASKED, max_price_per_hour=0.49), adopt=True))
    assert [warning.category for warning in said] == [DearerThanShown] * 3


def test_of_a_promise_and_a_cap_the_lower_holds() -> None:
    key = want(MARK, **ASKED).key
    machine = Instance.model_validate(instance_row(key, 1, "SchedQueued", priceCent=0))
    for limit, how in ((60_000, "were shown"), (30_000, "is the cap")):
        watch = PriceWatch()
        ordered(watch, 49_000)
        watch(Adopted(key, machine, Rate(limit)))
        with pytest.warns(DearerThanShown, match=how):
            watch(seen(50))


PLANS = {
    "launch": lambda cap: plan(want(MARK, **ASKED, max_price_per_hour=cap)),
    "unpark": lambda cap: (yield from unparking.plan_unpark("train", MARK, max_price_per_hour=cap))[0],
}


@pytest.mark.parametrize("way", PLANS)
@pytest.mark.parametrize(
    ("cents", "cap", "said"),
    [
        (50, 0.49, "It costs more than the cap of 0.490 Credits/h."),
        (0, 0.49, "What it costs is not known yet; the cap is 0.490 Credits/h."),
        (49, 0.49, "is there already."),
        (50, None, "is there already."),
    ],
)
def test_a_plan_that_takes_a_machine_says_what_is_above_its_cap(
    way: str, cents: int, cap: float | None, said: str
) -> None:
    planned: Plan = living(cents).play(PLANS[way](cap))
    assert str(planned).endswith(said)


@pytest.mark.parametrize("cap", ["nothing", True, -1, float("nan")], ids=repr)
def test_unpark_refuses_a_cap_that_is_none_for_a_machine_that_is_there_too(cap: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^max_price_per_hour: "):
        living(50).play(unparking.unpark("train", MARK, max_price_per_hour=cap))
    with pytest.raises(InvalidRequest, match=r"^max_price_per_hour: "):
        living(50).play(unparking.plan_unpark("train", MARK, max_price_per_hour=cap))


@pytest.mark.parametrize("way", ["launch", "plan", "unpark", "plan_unpark"])
def test_a_second_call_with_a_cap_and_then_wait_says_it(sandbox: glows.Sandbox, way: str) -> None:
    with sandbox.client() as client:
        asked = ASKED | {"from_image_id": client.images.default().image_id}
        client.instances.launch(**asked)
    with sandbox.client() as client:
        match way:
            case "launch":
                found = client.instances.launch(**asked, max_price_per_hour=0.1)
            case "plan":
                found = client.instances.plan(**asked, max_price_per_hour=0.1).launch()
            case "unpark":
                found = client.instances.unpark("train", max_price_per_hour=0.1)
            case _:
                found = client.instances.plan_unpark("train", max_price_per_hour=0.1).launch()
        with pytest.warns(DearerThanShown, match=r"0\.100 Credits/h is the cap of this launch"):
            client.instances.wait(found.instance_id)
