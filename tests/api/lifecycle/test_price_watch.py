"""A machine that turns out dearer than it was promised, or is there already and dearer than a cap, is said to be."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.lifecycle import unparking
from glows_nb.api.lifecycle.creating import launch
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.lifecycle.planning import Plan, plan
from glows_nb.api.lifecycle.price_watch import DearerThanShown, PriceWatch
from glows_nb.api.models.instances import Instance
from glows_nb.api.observing import Answered, Sending
from glows_nb.api.operations.instances import cancel_instance, create_instance, get_instance
from glows_nb.api.operations.snapshots import create_snapshot
from glows_nb.api.steps import Adopted
from glows_nb.money import Rate
from tests.api.fake_service import FakeService, instance_row
from tests.api.lifecycle.asked import ASKED, MARK

# A machine that turns out dearer.


def ordered(watch: PriceWatch, promised: int) -> None:

    operation = create_instance(checked_launch(MARK, **ASKED).template)
    watch(Sending(replace(operation, promised=Rate(promised))))


def seen(cents: Any) -> Answered:
    key = checked_launch(MARK, **ASKED).key
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
    asked = checked_launch(MARK, **ASKED, max_price_per_hour=0.49)
    row = instance_row(asked.key, 7, "Running", priceCent=392)
    row["hardware"]["gpuName"] = ASKED["gpu_name"]
    service = FakeService(machines={asked.key: row})
    with pytest.warns(DearerThanShown, match=r"costs 3\.920 Credits/h; 0\.490 Credits/h is the cap of this launch"):
        service.play(launch(asked))
    assert service.creates() == 0


# A cap holds for a machine that is there already too.


def living(cents: int, **fields: Any) -> FakeService:
    key = checked_launch(MARK, **ASKED).key
    return FakeService(machines={key: instance_row(key, 7, "Running", priceCent=cents) | fields})


def seen_by(service: FakeService, cents: int) -> None:
    """The machine is read again, as `wait` does, and has a price by now."""
    key = checked_launch(MARK, **ASKED).key
    service.prices(
        Answered(get_instance("ins-00000007"), Instance.model_validate(service.machines[key] | {"priceCent": cents}))
    )


WAYS = {
    "launch": lambda cap: launch(checked_launch(MARK, **ASKED, max_price_per_hour=cap), adopt=True),
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
            service.play(launch(checked_launch(MARK, **ASKED, max_price_per_hour=0.49), adopt=True))
    assert [warning.category for warning in said] == [DearerThanShown] * 3


def test_of_a_promise_and_a_cap_the_lower_holds() -> None:
    key = checked_launch(MARK, **ASKED).key
    machine = Instance.model_validate(instance_row(key, 1, "SchedQueued", priceCent=0))
    for limit, how in ((60_000, "were shown"), (30_000, "is the cap")):
        watch = PriceWatch()
        ordered(watch, 49_000)
        watch(Adopted(key, machine, Rate(limit)))
        with pytest.warns(DearerThanShown, match=how):
            watch(seen(50))


PLANS = {
    "launch": lambda cap: plan(checked_launch(MARK, **ASKED, max_price_per_hour=cap)),
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
