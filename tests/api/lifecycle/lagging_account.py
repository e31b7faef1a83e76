"""One account whose lists lag and whose answers are lost, and kernels that park in it, each stopped where told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from glows_nb.api.errors import GlowsError, TransportError
from glows_nb.api.errors.codes import api_error
from glows_nb.api.lifecycle import parking
from glows_nb.api.models.instances import Instance
from glows_nb.api.steps import Adopted, AskBudget, Batch, Operation, Pause, Recall, Steps
from tests.api.fake_service import instance_row, spec_row

MARK = "0123abcd"
KEY = f"train-{MARK}"
ID = "ins-00000001"
GPU = "NVIDIA H100 SXM5"
NEXT = {"Pausing": "Paused", "Paused": "Resuming", "Resuming": "Running", "Canceling": "Finished"}
SNAPSHOTTING = ("Pausing", "Paused", "Resuming")


def page(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pagination = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
    return {"code": 0, "msg": "", "pagination": pagination, name: list(rows)}


@dataclass
class Taken:
    """A snapshot as the service knows it; `shown` is (the list read from which it is shown so, status)."""

    id: str
    work: int
    created: int
    status: int
    shown: list[tuple[int, int]] = field(default_factory=list)


class World:
    """One account. `losses` are those of the next snapshot orders: "", "before", "after", "empty"."""

    def __init__(self, lag: int = 0, losses: Sequence[str] = (), fails: Sequence[bool] = ()) -> None:
        self.lag, self.losses, self.fails = lag, list(losses), list(fails)
        self.clock, self.reads, self.work = 1000.0, 0, 7
        hardware = {"gpuName": GPU, "gpuNum": 8, "cpuCoresNum": 160, "ramMB": 1_600_000, "diskGB": 800}
        row = instance_row(KEY, 1, "Running", hardware=hardware, priceCent=2368, regionName="TW-03")
        self.machines: dict[str, dict[str, Any]] = {KEY: row}
        self.snapshots: list[Taken] = []
        self.specs = [offer(8, 2_368_000)]
        self.orders: list[dict[str, Any]] = []
        self.needed: int | None = None
        """The work before the park at turn began; None is nobody's turn."""
        self.wrong: list[str] = []

    @property
    def machine(self) -> dict[str, Any]:
        return self.machines[KEY]

    def add(self, work: int, status: int, *, shown: list[tuple[int, int]] | None = None) -> Taken:
        taken = Taken(f"snap-{len(self.snapshots)}", work, 1_700_000_000 + 10 * len(self.snapshots), status)
        taken.shown = [(self.reads + self.lag, status)] if shown is None else shown
        self.snapshots.append(taken)
        return taken

    def become(self, taken: Taken, status: int) -> None:
        taken.status = status
        taken.shown.append((self.reads + self.lag, status))

    def tick(self) -> None:
        """One pause of anybody: statuses go on, and a machine that runs does work."""
        for row in self.machines.values():
            if row is self.machine and row["status"] == "Running":
                self.work += 1
            if row is self.machine and row["status"] == "Paused":
                for taken in self.snapshots:
                    if taken.status == 2:
                        self.become(taken, 4 if self.fails and self.fails.pop(0) else 3)
            row["status"] = NEXT.get(row["status"], row["status"])

    def holding(self, work: int) -> set[str]:
        return {taken.id for taken in self.snapshots if taken.status == 3 and taken.work >= work}

    def answer(self, step: Any) -> Any:
        if isinstance(step, Pause):
            self.clock += step.seconds
            self.tick()
            return None
        if isinstance(step, Recall):
            return []
        if isinstance(step, Adopted):
            return None
        if isinstance(step, AskBudget):
            return None
        if isinstance(step, Batch):
            return [step.keep(self.answer(operation)) for operation in step.operations]
        return step.read(getattr(self, f"_{step.name.replace(' ', '_')}")(dict(step.params), step))

    def _get_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        for key, row in self.machines.items():
            if key == params.get("meta_key") or row["instanceID"] == params.get("request_id"):
                return {"code": 0, "msg": "", "instance": dict(row)}
        raise api_error(6, "param illegal", "get instance")

    def _list_instances(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        return page("instances", [dict(row) for row in self.machines.values() if row["status"] != "Finished"])

    def _list_specs(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        return page("specs", self.specs if params["machine_category"] == 0 else []) | {"regions": []}

    def _list_snapshots(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        rows = []
        for taken in self.snapshots:
            visible = [status for since, status in taken.shown if since <= self.reads]
            if visible:
                rows.append(
                    {"snapshot_id": taken.id, "instance_id": ID, "status": visible[-1], "create_time": taken.created}
                )
        self.reads += 1
        return page("snapshots", rows[::-1])

    def _create_snapshot(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        loss = self.losses.pop(0) if self.losses else ""
        if loss == "before":
            raise TransportError("reset")
        if self.machine["status"] != "Running":
            raise api_error(20, "illegal status", "create snapshot")
        self.machine["status"] = "Pausing"
        taken = self.add(self.work, 2)
        if loss == "after":
            raise TransportError("reset")
        ids = [] if loss == "empty" else [taken.id]
        return {"code": 0, "msg": "", "snapshot_ids": ids, "instance_id": ID, "status": "Pausing"}

    def _cancel_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        if self.machine["status"] in SNAPSHOTTING:
            raise api_error(20, "illegal status", "cancel instance")
        if self.machine["status"] == "Running":
            if self.needed is not None and not self.holding(self.needed):
                self.wrong.append("released, and no snapshot holds the work from before the park began")
            self.machine["status"] = "Canceling"
        return {"code": 0, "msg": ""}

    def _create_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        body = dict(step.body or {})
        key = body["custom_meta_key"]
        if key in self.machines:
            raise api_error(10, "meta key exist", "create instance")
        self.orders.append(body)
        row = instance_row(key, len(self.machines) + 1, "SchedQueued", regionName=body["region_name"])
        self.machines[key] = row
        return {"code": 0, "msg": "", "instance": dict(row)}

    def park(self) -> Steps[parking.Parked]:
        machine = Instance.model_validate(dict(self.machine))
        return parking.park(machine, timeout=900, backoff=0.1, clock=lambda: self.clock)


class Kernel:
    """One kernel that parks; `stop` ends it where it stands, as a kill does, and it is run again."""

    def __init__(self, world: World, stop_at: Sequence[tuple[int, str]] = ()) -> None:
        self.world, self.stop_at = world, list(stop_at)
        self.result: parking.Parked | None = None
        self.error: BaseException | None = None
        self.is_done = False
        self.count = self.needed = 0
        self.begin()

    def begin(self) -> None:
        status = self.world.machine["status"]
        snapshotting = [taken.work for taken in self.world.snapshots if taken.status == 2]
        in_progress = status in SNAPSHOTTING and snapshotting
        if status not in ("Canceling", "Finished") or not self.count:
            # Begun anew on a machine that this kernel released itself, the work is that from before the release.
            self.needed = max(snapshotting) if in_progress else self.world.work
        self.steps = self.world.park()
        self.send: tuple[str, Any] = ("send", None)

    def turn(self) -> None:
        how, what = self.send
        try:
            step = getattr(self.steps, how)(what)
        except StopIteration as stop:
            self.result, self.is_done = stop.value, True
            return
        except GlowsError as error:
            self.error, self.is_done = error, True
            return
        self.count += 1
        stop = next((when for number, when in self.stop_at if number == self.count), "")
        if stop == "before":
            self.interrupt()
            return
        self.world.needed = self.needed
        try:
            self.send = ("send", self.world.answer(step))
        except GlowsError as error:
            self.send = ("throw", error)
        self.world.needed = None
        if stop == "after":
            self.interrupt()

    def interrupt(self) -> None:
        if self.count % 2:
            with pytest.raises(KeyboardInterrupt):
                self.steps.throw(KeyboardInterrupt())
        else:
            self.steps.close()
        self.begin()


def play(world: World, kernels: Sequence[Kernel], chance: random.Random | None = None) -> None:
    for _ in range(5000):
        at_work = [kernel for kernel in kernels if not kernel.is_done]
        if not at_work:
            return
        (chance.choice(at_work) if chance else at_work[0]).turn()
    raise AssertionError("they never end")


def offer(
    gpus: int,
    millicents: int,
    id_: str = "offer",
    region: str = "TW-03",
    cpus: int | None = None,
    disk_gb: int | None = None,
    units: int = 64,
) -> dict[str, Any]:
    row = spec_row(region, GPU, millicents, units, id_, gpus=gpus)
    hardware = {"cpus": 20 * gpus, "ram_mb": 200_000 * gpus, "disk_gb": 100 * gpus}
    if cpus is not None:
        hardware["cpus"] = cpus
    if disk_gb is not None:
        hardware["disk_gb"] = disk_gb
    row["base_resource"]["unit_spec"] |= hardware
    return row


def drive(world: World, steps: Steps[Any]) -> Any:
    send: tuple[str, Any] = ("send", None)
    while True:
        how, what = send
        try:
            step = getattr(steps, how)(what)
        except StopIteration as stop:
            return stop.value
        try:
            send = ("send", world.answer(step))
        except GlowsError as error:
            send = ("throw", error)
