"""Waiting for a status, with time standing still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from glows_nb.api.errors import (
    AuthError,
    BadResponse,
    GlowsError,
    InvalidRequest,
    MachineEnded,
    RateLimited,
    TransportError,
    WaitTimeout,
)
from glows_nb.api.errors.codes import api_error
from glows_nb.api.lifecycle.waiting import LONGEST_PAUSE, wait_for_status
from glows_nb.api.models.instances import Instance
from tests.api.fake_service import FakeService, instance_row


def waiting(statuses: Sequence[str | GlowsError], **options: Any) -> tuple[Instance, list[str], FakeService]:
    """Wait for a machine that goes through these statuses, each look at it taking the time of its pause."""
    time = {"now": 0.0}
    service = FakeService(machines={"k": instance_row("k", 1)}, statuses=iter(statuses))
    service.on_pause = lambda seconds: time.__setitem__("now", time["now"] + seconds)
    seen: list[str] = []
    steps = wait_for_status(
        "ins-00000001", on_change=lambda machine: seen.append(machine.status), clock=lambda: time["now"], **options
    )
    return service.play(steps), seen, service


def test_a_wait_ends_at_the_status_and_tells_each_change_once() -> None:
    machine, seen, service = waiting(["SchedQueued", "SchedQueued", "Pending", "Pending", "Running"])
    assert machine.status == "Running"
    assert seen == ["SchedQueued", "Pending", "Running"]
    assert len(service.pauses) == 4


def test_pauses_grow_to_a_limit() -> None:
    _, _, service = waiting(["SchedQueued"] * 30 + ["Running"])
    assert service.pauses == sorted(service.pauses)
    assert service.pauses[-1] == LONGEST_PAUSE


@pytest.mark.parametrize("status", ["Finished", "Canceling", "Exited"])
def test_a_machine_that_ends_ends_the_wait_at_once(status: str) -> None:
    with pytest.raises(MachineEnded, match=status) as ended:
        waiting(["SchedQueued", status])
    assert ended.value.instance.status == status


def test_a_deadline_is_a_wait_timeout_with_the_machine() -> None:
    with pytest.raises(WaitTimeout, match="still SchedQueued") as late:
        waiting(["SchedQueued"] * 100, timeout=30)
    assert late.value.instance is not None
    assert late.value.instance.instance_id == "ins-00000001"


def test_a_release_can_be_waited_for() -> None:
    machine, seen, _ = waiting(["Running", "Canceling", "Finished"], until="Finished")
    assert machine.status == "Finished"
    assert seen == ["Running", "Canceling", "Finished"]


AWAY = (TransportError("reset"), RateLimited("HTTP 429"), api_error(1, "", "get instance"))


def test_a_wait_outlasts_a_service_that_is_away_for_less_than_a_minute() -> None:
    machine, seen, service = waiting(["Pending", *AWAY * 4, "Pending", *AWAY * 4, "Running"])
    assert machine.status == "Running"
    assert seen == ["Pending", "Running"]
    assert max(service.pauses) == LONGEST_PAUSE


@pytest.mark.parametrize("failure", AWAY)
def test_a_service_that_stays_away_ends_the_wait_with_its_error(failure: GlowsError) -> None:
    with pytest.raises(type(failure)):
        waiting(["Pending"] + [failure] * 20 + ["Running"])


@pytest.mark.parametrize("failure", [*AWAY, AuthError(176, "", "get instance"), BadResponse("HTML")])
def test_what_does_not_pass_by_itself_ends_the_wait_at_once(failure: GlowsError) -> None:
    before = ["Pending"] if failure not in AWAY else []
    with pytest.raises(type(failure)):
        waiting([*before, failure, "Running"])


def test_an_outage_does_not_move_the_deadline() -> None:
    with pytest.raises(RateLimited):
        waiting(["Pending", *[RateLimited("HTTP 429")] * 5, "Running"], timeout=10)


@pytest.mark.parametrize("options", [{"until": "Runing"}, {"timeout": 0}, {"timeout": float("nan")}])
def test_a_wait_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        waiting(["Running"], **options)
