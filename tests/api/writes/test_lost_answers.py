"""Writes that can be lost, step by step, with the service played by the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.errors.codes import api_error
from glows_nb.api.steps import Steps
from glows_nb.api.writes.images import delete_image, submit_image
from glows_nb.api.writes.instances import cancel_instance
from glows_nb.api.writes.networks import attach_instances, create_network
from glows_nb.api.writes.snapshots import create_snapshot
from tests.api.fake_account import KEY, MACHINE, Account, account

WRITES: dict[str, tuple[Callable[[], Steps[Any]], Callable[[Account], int]]] = {
    "submit image": (lambda: submit_image("registry.example.com/a/runtime:1"), lambda a: len(a.images)),
    "create network": (lambda: create_network("mesh", "TW-03"), lambda a: len(a.networks)),
    "attach to network": (
        lambda: attach_instances("net-0", [MACHINE, "ins-2"]),
        lambda a: len(a.endpoints) // 2,
    ),
    "create snapshot": (lambda: create_snapshot(MACHINE, "one"), lambda a: len(a.snapshots)),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_whose_answer_was_lost_is_found_and_not_done_twice(name: str) -> None:
    steps, count = WRITES[name]
    service = account(faults=["lost after"])
    assert service.play(steps())
    assert count(service) == 1


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_never_left_is_sent_again(name: str) -> None:
    steps, count = WRITES[name]
    service = account(faults=["not sent", "not sent"])
    assert service.play(steps())
    assert count(service) == 1


@pytest.mark.parametrize("name", sorted(set(WRITES) - {"create snapshot"}))
def test_a_write_that_was_lost_and_not_done_is_sent_again(name: str) -> None:
    steps, count = WRITES[name]
    service = account(faults=["lost before"])
    assert service.play(steps())
    assert count(service) == 1


def test_a_snapshot_that_was_lost_is_never_taken_again_blindly() -> None:
    service = account(faults=["lost before"])
    with pytest.raises(glows.AmbiguousResult, match=r"client\.snapshots\.all"):
        service.play(create_snapshot(MACHINE))
    assert sum(name == "create snapshot" for name, _ in service.asked) == 1


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_stays_lost_is_ambiguous(name: str) -> None:
    with pytest.raises(glows.AmbiguousResult, match=name):
        account(faults=["lost before"] * 5).play(WRITES[name][0]())


@pytest.mark.parametrize(("status", "is_done"), [("Canceling", True), ("Finished", True), ("Pausing", False)])
def test_releasing_what_is_released_already_does_no_harm(status: str, is_done: bool) -> None:
    service = account()
    service.machines[KEY]["status"] = status

    def refuse(params: dict[str, str], body: Any) -> dict[str, Any]:
        raise api_error(20, "illegal status", "cancel instance")

    service._cancel_instance = refuse  # type: ignore[method-assign]
    if is_done:
        assert service.play(cancel_instance(MACHINE)) is None  # type: ignore[func-returns-value]
    else:
        with pytest.raises(glows.IllegalStatus):
            service.play(cancel_instance(MACHINE))


def test_an_image_that_was_there_and_is_gone_was_deleted() -> None:
    service = account(faults=["done", "lost after"])
    image = service.play(submit_image("registry.example.com/a/runtime:1"))
    assert service.play(delete_image(image.image_id)) is None  # type: ignore[func-returns-value]
    assert service.images == []


def test_an_image_that_was_never_there_is_not_said_to_be_deleted() -> None:
    with pytest.raises(glows.AmbiguousResult):
        account(faults=["lost before"] * 3).play(delete_image("img-other"))
    with pytest.raises(glows.ParamIllegal):
        account().play(delete_image("img-other"))
