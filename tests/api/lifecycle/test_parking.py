"""Writes that can be lost, and park and unpark, step by step, with the service played by the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.errors import GlowsError, TransportError, api_error
from glows_nb.api.lifecycle import parking, unparking
from glows_nb.api.models.instances import Instance
from glows_nb.api.steps import Steps
from glows_nb.api.writes.images import delete_image, submit_image
from glows_nb.api.writes.instances import cancel_instance
from glows_nb.api.writes.networks import attach_instances, create_network
from glows_nb.api.writes.snapshots import create_snapshot
from tests.api.fake_service import FakeService, instance_row, spec_row

MARK = "0123abcd"
KEY = f"train-{MARK}"
MACHINE = "ins-00000007"
HARDWARE = {"gpuName": "NVIDIA GeForce RTX 4090", "gpuNum": 1, "cpuCoresNum": 10, "ramMB": 43008, "diskGB": 100}


class Account(FakeService):
    """An account with images, networks and snapshots; `faults` are those of the next write, in order.

    Each time that a step pauses, the machine under snapshot goes one status on.
    """

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.images: list[dict[str, Any]] = []
        self.networks: list[dict[str, Any]] = []
        self.endpoints: list[dict[str, Any]] = []
        self.snapshots: list[dict[str, Any]] = []
        self.next_statuses: dict[str, list[str]] = {}
        self.on_pause = self.pass_time

    def pass_time(self, seconds: float) -> None:
        for row in self.machines.values():
            following = self.next_statuses.get(row["instanceID"])
            if following:
                row["status"] = following.pop(0)
                if row["status"] == "Running":
                    for snapshot in self.snapshots:
                        snapshot["status"] = max(3, snapshot["status"])

    def write(self, work: Callable[[], dict[str, Any]], operation: str) -> dict[str, Any]:
        fault = self.faults.pop(0) if self.faults else "done"
        if fault == "not sent":
            raise TransportError("refused", may_have_arrived=False)
        if fault == "lost before":
            raise TransportError("reset")
        if fault.startswith("code "):
            raise api_error(int(fault.split()[1]), "", operation)
        answer = work()
        if fault == "lost after":
            raise TransportError("reset")
        return {"code": 0, "msg": "", **answer}

    def _submit_image(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            repository = body["image_link"].rpartition("/")[2].partition(":")[0]
            if any(image["link"] == body["image_link"] for image in self.images):
                raise api_error(174, "", "submit image")
            image = {"image_id": f"img-{len(self.images)}", "name": f"sdk-1-2-{repository}", "status": 0}
            self.images.append(image | {"link": body["image_link"]})
            return {"image_id": image["image_id"], "name": image["name"]}

        return self.write(work, "submit image")

    def _delete_image(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            if body["image_id"] not in [image["image_id"] for image in self.images]:
                raise api_error(6, "", "delete image")
            self.images = [image for image in self.images if image["image_id"] != body["image_id"]]
            return {}

        return self.write(work, "delete image")

    def _create_network(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            if any(network["name"] == body["name"] for network in self.networks):
                raise api_error(133, "", "create network")
            self.networks.append({"netID": f"net-{len(self.networks)}", "name": body["name"], "domain": 2})
            return {"network_id": self.networks[-1]["netID"]}

        return self.write(work, "create network")

    def _attach_to_network(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            there = {endpoint["instance_id"] for endpoint in self.endpoints}
            if there & set(body["instance_ids"]):
                raise api_error(89, "", "attach to network")
            for name in body["instance_ids"]:
                number = len(self.endpoints)
                self.endpoints.append(
                    {"endpoint_id": f"ept-{number}", "network_id": body["network_id"], "instance_id": name}
                )
            return {"network_id": body["network_id"], "endpoint_ids": [e["endpoint_id"] for e in self.endpoints]}

        return self.write(work, "attach to network")

    def _create_snapshot(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            name = f"snap-{len(self.snapshots)}"
            created = {"instance_id": body["instance_id"], "create_time": 1_728_287_027 + len(self.snapshots)}
            self.snapshots.append({"snapshot_id": name, "status": 2, **created})
            self.next_statuses[body["instance_id"]] = ["Paused", "Resuming", "Running"]
            self._row(body["instance_id"])["status"] = "Pausing"
            return {"snapshot_ids": [name], "instance_id": body["instance_id"], "status": "Pausing"}

        return self.write(work, "create snapshot")

    def _cancel_instance(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        self._row(params["request_id"])["status"] = "Canceling"
        self.next_statuses[params["request_id"]] = ["Finished"]
        return {"code": 0, "msg": ""}

    def _row(self, instance_id: str) -> dict[str, Any]:
        return next(row for row in self.machines.values() if row["instanceID"] == instance_id)

    def _list_images(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        return page("images", self.images)

    def _list_networks(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        domain = int(params.get("domain", 0))
        return page("networks", [network for network in self.networks if network["domain"] == domain])

    def _list_endpoints(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        return page("endpoints", self.endpoints)

    def _list_snapshots(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        return page("snapshots", self.snapshots)


def page(field: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    pagination = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
    return {"code": 0, "msg": "", "pagination": pagination, field: rows}


def running_machine(**fields: Any) -> dict[str, Any]:
    row = instance_row(KEY, 7, "Running", hardware=dict(HARDWARE), regionName="TW-03", envs="A=1;B=2", cmd="sleep 1")
    row["priceCent"] = 49
    accesses = [
        {"protocol": "ssh", "listenPort": 22, "url": "ssh://h:1"},
        {"protocol": "http", "listenPort": 8888, "url": "https://h:2?token=t"},
        {"protocol": "ssh", "listenPort": 3306, "url": "ssh://h:3"},
    ]
    return row | {"accesses": accesses} | fields


def account(**fields: Any) -> Account:
    spec = spec_row("TW-03")
    return Account(machines={KEY: running_machine()}, specs=[spec], **fields)


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


def instance(service: Account) -> Instance:
    return Instance.model_validate(service.machines[KEY])


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
