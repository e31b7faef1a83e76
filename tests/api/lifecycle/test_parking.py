"""Park, step by step, with the service played by the test; and what it tells of a machine that is leaving already."""

from __future__ import annotations

from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.lifecycle import parking
from glows_nb.api.models.instances import Instance
from tests.api.fake_account import KEY, MACHINE, account, ended, instance


def test_park_releases_only_after_its_own_snapshot_is_available() -> None:
    service = account()
    parked = service.play(parking.park(instance(service)))
    names = [name for name, _ in service.asked]
    assert (parked.meta_key, parked.snapshot_id) == (KEY, "snap-0")
    assert service.machines[KEY]["status"] == "Finished"
    assert names.index("create snapshot") < names.index("cancel instance")
    assert "parked as snapshot snap-0" in str(parked)


def test_park_does_not_release_a_machine_whose_snapshot_failed() -> None:
    service = account()
    service.snapshots.append({"snapshot_id": "snap-old", "instance_id": MACHINE, "status": 3, "create_time": 1})
    steps = parking.park(instance(service))
    service.on_pause = (
        lambda seconds: (
            service.pass_time(seconds),  # type: ignore[func-returns-value]
            [row.__setitem__("status", 4) for row in service.snapshots[1:]],
        )
    )
    with pytest.raises(glows.SnapshotFailed, match="not released"):
        service.play(steps)
    assert service.machines[KEY]["status"] == "Running"


@pytest.mark.parametrize("stop_after", range(1, 16))
def test_park_interrupted_anywhere_goes_on_when_called_again(stop_after: int) -> None:
    service = account()
    interrupted = parking.park(instance(service))
    taken = 0
    try:
        step = next(interrupted)
        while taken < stop_after:
            answer = service.answer(step)
            taken += 1
            step = interrupted.send(answer)
        interrupted.close()
    except StopIteration:
        pass
    parked = service.play(parking.park(instance(service)))
    assert service.machines[KEY]["status"] == "Finished"
    assert parked.snapshot_id in [row["snapshot_id"] for row in service.snapshots if row["status"] == 3]
    assert len(service.snapshots) <= 2


def test_park_refuses_a_machine_that_does_not_run_yet() -> None:
    service = account()
    service.machines[KEY]["status"] = "Pending"
    with pytest.raises(glows.InvalidRequest, match="Pending"):
        service.play(parking.park(instance(service)))


@pytest.mark.parametrize("snapshots", [[], [{"snapshot_id": "snap-0", "status": 4}]], ids=["none", "a failed one"])
def test_park_of_an_ended_machine_without_a_snapshot_says_so(snapshots: list[dict[str, Any]]) -> None:
    service = ended(*snapshots)
    with pytest.raises(glows.MachineEnded, match="is Finished and has no snapshot"):
        service.play(parking.park(instance(service)))


def test_park_of_an_ended_machine_waits_for_the_snapshot_that_is_being_taken() -> None:
    service = ended({"snapshot_id": "snap-0", "status": 3}, {"snapshot_id": "snap-1", "status": 2})

    def later(seconds: float) -> None:
        if len(service.pauses) > 8:
            service.snapshots[1]["status"] = 3

    service.on_pause = later
    assert service.play(parking.park(instance(service))).snapshot_id == "snap-1"


def test_park_whose_order_was_done_and_its_answer_lost_orders_no_second() -> None:
    service = account(faults=["lost after"])
    assert service.play(parking.park(instance(service))).snapshot_id == "snap-0"
    assert len(service.snapshots) == 1


@pytest.mark.parametrize("refusals", [4, 5])
def test_park_asks_five_times_what_another_is_in_the_way_of(refusals: int) -> None:
    service = account(faults=["code 20"] * refusals)
    if refusals < 5:
        assert service.play(parking.park(instance(service))).snapshot_id == "snap-0"
    else:
        with pytest.raises(glows.IllegalStatus):
            service.play(parking.park(instance(service)))
        assert service.machines[KEY]["status"] == "Running"


@pytest.mark.parametrize("has_older", [True, False])
def test_park_whose_own_snapshot_failed_while_somebody_else_released_says_so(has_older: bool) -> None:
    service = account()
    if has_older:
        service.snapshots.append({"snapshot_id": "snap-old", "instance_id": MACHINE, "status": 3, "create_time": 1})

    def released(seconds: float) -> None:
        service.machines[KEY]["status"] = "Finished"
        service.snapshots[-1]["status"] = 4

    service.on_pause = released
    with pytest.raises(glows.SnapshotFailed, match="snap-old is older" if has_older else "it has no other"):
        service.play(parking.park(Instance.model_validate(service.machines[KEY])))
