"""What unpark rents, step by step, with the service played by the test."""

from __future__ import annotations

from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.errors import GlowsError
from glows_nb.api.lifecycle import parking, unparking
from glows_nb.api.lifecycle.parking import Parked
from glows_nb.api.models.instances import Instance
from tests.api.fake_account import HARDWARE, KEY, MACHINE, MARK, Account, account, ended, instance, running_machine
from tests.api.fake_service import spec_row

RTX_4080 = "NVIDIA GeForce RTX 4080"


def parked(**fields: Any) -> Account:
    return ended({"snapshot_id": "snap-old", "status": 3}, **fields)


def bodies(service: Account) -> list[dict[str, Any]]:
    """The bodies of the creates to come."""
    sent: list[dict[str, Any]] = []
    create = service._create_instance

    def noted(params: dict[str, str], body: Any) -> dict[str, Any]:
        sent.append(body)
        return create(params, body)

    service._create_instance = noted  # type: ignore[method-assign]
    return sent


def released_as_fast(service: Account) -> Account:
    """Whatever is created is there already, and ended, when it is looked for."""
    create = service._create_instance

    def lost(params: dict[str, str], body: Any) -> dict[str, Any]:
        key = body["custom_meta_key"]
        service.machines[key] = running_machine(
            metaKey=key, instanceID=f"ins-1000000{len(service.machines)}", status="Finished"
        )
        return create(params, body)

    service._create_instance = lost  # type: ignore[method-assign]
    return service


def test_unpark_gives_the_same_machine_again_from_its_newest_snapshot() -> None:
    service = account()
    service.snapshots.append({"snapshot_id": "snap-old", "instance_id": MACHINE, "status": 3, "create_time": 1})
    parked = service.play(parking.park(instance(service)))
    bodies: list[dict[str, Any]] = []
    create = service._create_instance
    service._create_instance = lambda params, body: (bodies.append(body), create(params, body))[1]  # type: ignore[method-assign,func-returns-value]
    machine = service.play(unparking.unpark("train", MARK))
    (body,) = bodies
    assert machine.meta_key == f"{KEY}.2"
    assert body["from_snap_id"] == parked.snapshot_id
    assert "from_image_id" not in body
    assert body["base_resource"]["resource_id"] == "cnR4NDA5MC0xZ3B1"
    assert (body["region_name"], body["unit_qty"], body["cmd"]) == ("TW-03", 1, "sleep 1")
    assert body["envs"].get_secret_value() == "A=1;B=2"
    assert body["ports"] == '[{"port":8888,"protocol":2},{"port":3306,"protocol":1}]'


@pytest.mark.parametrize("word", ["train", KEY, MACHINE])
def test_unpark_twice_gives_one_machine_by_name_key_or_id(word: str) -> None:
    service = account()
    service.play(parking.park(instance(service)))
    first = service.play(unparking.unpark(word, MARK))
    again = service.play(unparking.unpark(word, MARK))
    assert first.instance_id == again.instance_id
    assert service.creates() == 1


def test_unpark_by_the_key_of_a_later_generation_finds_the_newest() -> None:
    service = account()
    service.machines[f"{KEY}.2"] = running_machine(metaKey=f"{KEY}.2", instanceID="ins-00000008")
    service.machines[KEY]["status"] = "Finished"
    service.play(parking.park(Instance.model_validate(service.machines[f"{KEY}.2"])))
    assert service.play(unparking.unpark(f"{KEY}.2", MARK)).meta_key == f"{KEY}.3"


def test_unpark_without_a_snapshot_rents_nothing() -> None:
    service = account()
    service.machines[KEY]["status"] = "Finished"
    with pytest.raises(glows.SnapshotFailed, match="no available snapshot"):
        service.play(unparking.unpark("train", MARK))
    assert service.creates() == 0


def test_unpark_keeps_a_price_cap() -> None:
    service = account()
    service.play(parking.park(instance(service)))
    with pytest.raises(GlowsError, match="cap"):
        service.play(unparking.unpark("train", MARK, max_price_per_hour=0.1))
    assert service.creates() == 0


def test_a_machine_that_is_released_as_fast_as_it_is_started_is_given_up_after_three_creates() -> None:
    service = released_as_fast(parked())
    with pytest.raises(glows.AmbiguousResult, match="released as fast as it is started"):
        service.play(unparking.unpark("train", MARK))
    assert service.creates() == 3


def test_a_plan_that_was_shown_is_carried_out_and_one_whose_machine_was_released_is_stale() -> None:
    service = parked()
    planned, again = service.play(unparking.plan_unpark("train", MARK))
    assert again is not None
    assert service.play(unparking.launch_planned(again, planned)).meta_key == f"{KEY}.2"
    service = released_as_fast(parked())
    planned, again = service.play(unparking.plan_unpark("train", MARK))
    assert again is not None
    with pytest.raises(glows.StalePlan, match="released meanwhile"):
        service.play(unparking.launch_planned(again, planned))


def test_a_machine_without_a_key_comes_back_under_its_id() -> None:
    service = parked(metaKey="")
    assert service.play(unparking.unpark(MACHINE, MARK)).meta_key == f"{MACHINE}-{MARK}"


def test_one_field_of_other_hardware_is_enough_to_ask_for_other_hardware() -> None:
    service = parked()
    service.specs.append(spec_row(gpu=RTX_4080, millicents=30_000, resource_id="other"))
    sent = bodies(service)
    service.play(unparking.unpark("train", MARK, gpu_name=RTX_4080))
    assert sent[0]["gpu_name"] == RTX_4080


def test_what_the_service_never_told_of_a_machine_is_no_difference() -> None:
    service = parked(hardware={"gpuName": HARDWARE["gpuName"], "gpuNum": 1})
    planned, again = service.play(unparking.plan_unpark("train", MARK))
    assert isinstance(planned, unparking.PlanAgain)
    assert again is not None
    assert planned.differences == {}
    assert service.play(unparking.unpark("train", MARK)).meta_key == f"{KEY}.2"


def test_a_port_whose_number_is_not_told_is_left_out() -> None:
    service = parked(accesses=[{"protocol": "http", "listenPort": 0, "url": "https://h:2"}])
    sent = bodies(service)
    service.play(unparking.unpark("train", MARK))
    assert "ports" not in sent[0]


@pytest.mark.parametrize("listed", [[], [{"snapshot_id": "snap-new", "status": 2}]], ids=["not yet", "as taken"])
def test_what_park_said_stands_while_the_list_lags(listed: list[dict[str, Any]]) -> None:
    service = ended({"snapshot_id": "snap-old", "status": 3}, *listed)
    sent = bodies(service)
    service.play(unparking.unpark(Parked(MACHINE, KEY, "snap-new"), MARK))
    assert sent[0]["from_snap_id"] == "snap-new"


def test_what_park_said_of_another_machine_does_not_count() -> None:
    service = parked()
    sent = bodies(service)
    service.play(unparking.unpark(Parked("ins-00000001", KEY, "snap-new"), MARK))
    assert sent[0]["from_snap_id"] == "snap-old"


def test_the_lowest_of_the_prices_above_the_cap_is_told() -> None:
    service = parked()
    service.specs = [spec_row(millicents=price, resource_id=str(price)) for price in (90_000, 80_000)]
    with pytest.raises(glows.PriceTooHigh, match=r"TW-03 costs 0\.8"):
        service.play(unparking.unpark("train", MARK))


def test_the_nearest_offer_is_one_that_can_be_had_with_all_its_units_counted() -> None:
    service = parked(hardware=HARDWARE | {"gpuNum": 2, "cpuCoresNum": 1000})
    service.specs = [spec_row(millicents=1000, units=0, resource_id="gone"), spec_row(millicents=2000)]
    cpus = 2 * service.specs[1]["base_resource"]["unit_spec"]["cpus"]
    with pytest.raises(glows.NoResourceAvailable, match=rf"the nearest is 2 × .* 4090, {cpus} CPUs.* at 0\.040 "):
        service.play(unparking.unpark("train", MARK))
