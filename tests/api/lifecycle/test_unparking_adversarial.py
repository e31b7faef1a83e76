"""Unpark against what a list that lags or changed offers can make it believe."""

from __future__ import annotations

from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.lifecycle import parking, unparking
from glows_nb.api.lifecycle.planning import Plan
from tests.api.lifecycle.lagging_account import ID, KEY, MARK, World, drive, offer

# --- What comes back.


def parked_world(*specs: dict[str, Any], **had: Any) -> World:
    world = World()
    world.machine["status"] = "Finished"
    world.machine["hardware"] |= had
    world.add(7, 3)
    world.specs = list(specs)
    return world


def unpark(world: World, **changes: Any) -> list[tuple[str, str, int]]:
    drive(world, unparking.unpark("train", MARK, backoff=0, **changes))
    return [(order["region_name"], order["base_resource"]["resource_id"], order["unit_qty"]) for order in world.orders]


def test_where_an_id_means_another_machine_in_another_region_no_more_is_rented_than_was_had() -> None:
    own, other = offer(1, 296_000, "same", units=0), offer(8, 2_368_000, "same", "JP-01")
    world = parked_world(own, other)
    # The service goes by the id, which is a machine of 8 there.
    assert unpark(world, regions=["JP-01"], max_price_per_hour=1000) == [("JP-01", "same", 1)]


def test_each_region_is_pinned_to_an_offer_of_its_own() -> None:
    world = parked_world(offer(1, 296_000, "one", units=0), offer(8, 2_368_000, "eight", "JP-01"))
    assert unpark(world, regions=["JP-01"]) == [("JP-01", "eight", 1)]


def test_an_offer_that_has_none_left_gives_way_to_an_equal_one_that_has() -> None:
    world = parked_world(offer(8, 2_368_000, "eight", units=0), offer(4, 1_184_000, "four"))
    assert unpark(world) == [("TW-03", "four", 2)]


def test_of_equal_offers_the_cheapest_that_has_enough_is_taken() -> None:
    world = parked_world(offer(8, 2_368_000, "eight"), offer(4, 1_000_000, "four"))
    assert unpark(world) == [("TW-03", "four", 2)]


def test_a_smaller_disk_is_not_given_silently() -> None:
    world = parked_world(offer(8, 2_368_000, disk_gb=100))
    with pytest.raises(glows.NoResourceAvailable, match="disk"):
        unpark(world)
    assert world.orders == []


def test_fewer_cpus_are_not_given_silently_and_the_refusal_names_the_nearest() -> None:
    world = parked_world(offer(8, 2_000_000, cpus=150))
    with pytest.raises(glows.NoResourceAvailable, match=r"nearest .*150 CPUs"):
        unpark(world)
    assert world.orders == []


@pytest.mark.parametrize("had", [{"gpuNum": 0}, {"gpuNum": -1}, {"gpuNum": 0, "cpuName": ""}])
def test_where_the_number_of_gpus_is_not_known_nothing_is_rented(had: dict[str, Any]) -> None:
    plain = offer(8, 100_000, "cpus only", cpus=160)
    plain["base_resource"]["unit_spec"] |= {"gpus": 0, "gpu_name": "", "cpu_name": had.get("cpuName", "Xeon")}
    world = parked_world(offer(8, 2_368_000), plain, **({"cpuName": "Xeon"} | had))
    with pytest.raises((glows.NoResourceAvailable, glows.InvalidRequest)):
        unpark(world)
    assert world.orders == []


def test_an_older_snapshot_is_not_taken_while_a_newer_one_is_not_available() -> None:
    world = parked_world(offer(8, 2_368_000))
    world.add(9, 2)
    with pytest.raises(glows.SnapshotFailed, match="snap-1"):
        unpark(world)
    assert world.orders == []


def test_what_park_gave_is_what_unpark_starts_from_though_the_list_lags() -> None:
    world = parked_world(offer(8, 2_368_000))
    world.lag = 5
    world.add(9, 3)
    parked = parking.Parked(ID, KEY, "snap-1")
    drive(world, unparking.unpark(parked, MARK, backoff=0))
    assert world.orders[0]["from_snap_id"] == "snap-1"


def test_unit_qty_alone_can_not_multiply_the_machine() -> None:
    world = parked_world(offer(8, 2_368_000))
    with pytest.raises(glows.InvalidRequest):
        unpark(world, unit_qty=8, max_price_per_hour=1000)
    assert world.orders == []


def test_the_plan_that_is_shown_is_what_is_carried_out() -> None:
    world = parked_world(offer(8, 2_368_000))
    planned = drive(world, unparking.plan_unpark("train", MARK))
    planned = planned[0] if isinstance(planned, tuple) else planned
    assert isinstance(planned, Plan)
    assert [candidate.request.unit_qty for candidate in planned.candidates] == [1]


def test_an_existing_machine_is_taken() -> None:
    world = World()
    assert drive(world, unparking.unpark("train", MARK)).instance_id == ID


def test_a_plan_says_what_is_different_and_its_launch_rents_just_that() -> None:
    world = parked_world(offer(8, 2_000_000, cpus=150), offer(16, 1, "double"))
    planned, again = drive(world, unparking.plan_unpark("train", MARK))
    assert "In TW-03 it has 150 CPUs instead of 160." in str(planned)
    drive(world, unparking.launch_planned(again, planned))
    assert [(order["unit_qty"], order["base_resource"]["resource_id"]) for order in world.orders] == [(1, "offer")]


def test_a_plan_whose_offer_became_dearer_rents_nothing() -> None:
    world = parked_world(offer(8, 2_000_000))
    planned, again = drive(world, unparking.plan_unpark("train", MARK))
    world.specs = [offer(8, 2_100_000)]
    with pytest.raises(glows.StalePlan, match="price in TW-03"):
        drive(world, unparking.launch_planned(again, planned))
    assert world.orders == []


def test_what_it_cost_is_the_cap_and_a_cent_s_rounding_is_allowed_for() -> None:
    world = parked_world(offer(8, 2_369_000))
    with pytest.raises(glows.PriceTooHigh, match=r"cost 23\.680 Credits/h; max_price_per_hour= allows more"):
        unpark(world)
    world.specs = [offer(8, 2_368_999)]
    assert unpark(world) == [("TW-03", "offer", 1)]


@pytest.mark.parametrize("cents", [0, None])
def test_without_a_known_price_a_cap_is_asked_for_and_the_plan_shows_the_price(cents: int | None) -> None:
    world = parked_world(offer(8, 2_368_000))
    world.machine["priceCent"] = cents
    with pytest.raises(glows.InvalidRequest, match="max_price_per_hour"):
        unpark(world)
    planned, _ = drive(world, unparking.plan_unpark("train", MARK))
    assert "23.680 Credits/h" in str(planned)
    assert unpark(world, max_price_per_hour=24) == [("TW-03", "offer", 1)]


def test_an_offer_without_a_price_is_not_rented() -> None:
    row = offer(8, 2_368_000)
    row["price"] = {"millicent_per_hour": 0}
    world = parked_world(row)
    with pytest.raises(glows.NoResourceAvailable, match="tells no price"):
        unpark(world)


def test_a_cpu_machine_comes_back_in_whole_units() -> None:
    row = offer(0, 10_000)
    row["base_resource"]["unit_spec"] |= {"gpu_name": "", "cpu_name": "Xeon", "cpus": 4, "ram_mb": 8000, "disk_gb": 0}
    had = {"gpuName": "", "gpuNum": 0, "cpuName": "Xeon", "cpuCoresNum": 8, "ramMB": 16_000, "diskGB": 0}
    assert unpark(parked_world(row, **had)) == [("TW-03", "offer", 2)]
    with pytest.raises(glows.NoResourceAvailable, match="whole units"):
        unpark(parked_world(row, **(had | {"cpuCoresNum": 9})))


def test_an_offer_with_no_less_and_no_higher_price_will_do_and_the_same_comes_first() -> None:
    more = offer(8, 2_300_000, "more", cpus=168)
    assert unpark(parked_world(more)) == [("TW-03", "more", 1)]
    assert unpark(parked_world(more, offer(8, 2_368_000, "same"))) == [("TW-03", "same", 1)]
