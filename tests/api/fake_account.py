"""An account with one machine, played by a test: its writes can be lost, and it can be parked and unparked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glows_nb.api.errors import TransportError
from glows_nb.api.errors.codes import api_error
from glows_nb.api.models.instances import Instance
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


def instance(service: Account) -> Instance:
    return Instance.model_validate(service.machines[KEY])


def ended(*snapshots: dict[str, Any], **fields: Any) -> Account:
    """An account whose machine has ended, with these snapshots of it."""
    service = account()
    service.machines = {KEY: running_machine(status="Finished", **fields)}
    service.snapshots = [{"instance_id": MACHINE, "create_time": number} | row for number, row in enumerate(snapshots)]
    return service
