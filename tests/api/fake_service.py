"""The service's part, played by a test: it answers the steps of our generators, with faults on order.

Time stands still: a pause is noted and not slept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

from glows_nb.api.errors import GlowsError, RateLimited, TransportError
from glows_nb.api.errors.codes import api_error
from glows_nb.api.lifecycle.budget import Standing
from glows_nb.api.lifecycle.price_watch import PriceWatch
from glows_nb.api.steps import Adopted, AskBudget, Batch, Noted, Operation, Pause, Recall, Steps, drive

T = TypeVar("T")
SAMPLES = Path(__file__).parent.parent / "contract_examples"


def sample(name: str) -> dict[str, Any]:
    """One of the contract's sample bodies."""
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return body


def instance_row(key: str, number: int = 1, status: str = "SchedQueued", **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = sample("instance_create.response")["instance"]
    row["hardware"]["gpuNum"] = 1
    return row | {"instanceID": f"ins-{number:08d}", "metaKey": key, "status": status} | fields


def spec_row(
    region: str = "TW-03",
    gpu: str = "NVIDIA GeForce RTX 4090",
    millicents: int = 49_000,
    units: int = 8,
    resource_id: str = "cnR4NDA5MC0xZ3B1",
    gpus: int = 1,
) -> dict[str, Any]:
    row: dict[str, Any] = sample("spec_list.response")["specs"][0]
    unit = row["base_resource"]["unit_spec"] | {"gpu_name": gpu, "gpus": gpus}
    return row | {
        "region_name": region,
        "base_resource": row["base_resource"] | {"resource_id": resource_id, "unit_spec": unit},
        "price": {"millicent_per_hour": millicents},
        "avail": units > 0,
        "max_available_units": units,
    }


@dataclass(repr=False)
class FakeService:
    """Machines by key, offers, and what is to go wrong with the next creates, in order."""

    specs: list[dict[str, Any]] = field(default_factory=lambda: [spec_row()])
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)
    foreign_keys: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    statuses: Iterator[str | GlowsError] | None = None
    on_pause: Callable[[float], None] | None = None
    noted: list[Noted] = field(default_factory=list)
    """What this computer's ledger says."""
    budget: Standing | None = None
    """What this computer tells of a budget."""
    forgotten: set[str] = field(default_factory=set)
    """Keys under which the service tells nothing any more."""
    prices: PriceWatch = field(default_factory=PriceWatch)
    """What the client's own watch does: it is told of machines that are taken under a cap."""

    def play(self, steps: Steps[T]) -> T:
        """Carry steps out against this service."""
        return drive(steps, self.answer)

    def answer(self, step: Operation[Any] | Batch[Any] | Pause | Recall | Adopted | AskBudget) -> Any:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            if self.on_pause is not None:
                self.on_pause(step.seconds)
            return None
        if isinstance(step, Recall):
            return self.noted
        if isinstance(step, Adopted):
            return self.prices(step)
        if isinstance(step, AskBudget):
            return self.budget
        if isinstance(step, Batch):
            return [step.keep(self.answer(operation)) for operation in step.operations]
        params = {name: values[-1] for name, values in parse_qs(urlencode(step.params)).items()}
        self.asked_statuses = {value for name, value in step.params if name == "statuses"}
        self.asked.append((step.name, params))
        return step.read(getattr(self, f"_{step.name.replace(' ', '_')}")(params, step.body))

    def creates(self) -> int:
        return sum(name == "create instance" for name, _ in self.asked)

    def commit_late(self) -> None:
        """What was sent earlier and seemed lost is done now, as far as its key is still free."""
        for row in self.late:
            self.machines.setdefault(row["metaKey"], row)
        self.late.clear()

    def _get_instance(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        key = params.get("meta_key", "")
        found = None if key in self.forgotten else self.machines.get(key)
        found = found or next(
            (row for row in self.machines.values() if row["instanceID"] == params.get("request_id")), None
        )
        if found is None:
            raise api_error(6, "param illegal", "get instance")
        if self.statuses is not None:
            status = next(self.statuses)
            if isinstance(status, GlowsError):
                raise status
            found["status"] = status
        return {"code": 0, "msg": "", "instance": dict(found)}

    def _create_instance(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        fault = self.faults.pop(0) if self.faults else "done"
        if fault == "not sent":
            raise TransportError("refused", may_have_arrived=False)
        if fault == "rate limited":
            raise RateLimited("HTTP 429")
        if fault == "lost before":
            raise TransportError("reset")
        row = instance_row(body["custom_meta_key"], len(self.machines) + len(self.late) + 1)
        row["regionName"] = body["region_name"]
        if fault == "done late":
            self.late.append(row)
            raise TransportError("timed out")
        if fault.startswith("code "):
            raise api_error(int(fault.split()[1]), "", "create instance")
        key = body["custom_meta_key"]
        if key in self.machines or key in self.foreign_keys:
            raise api_error(10, "meta key exist", "create instance")
        self.machines[key] = row
        if fault == "lost after":
            raise TransportError("reset")
        return {"code": 0, "msg": "", "instance": row}

    def _list_instances(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        rows = [row for key, row in self.machines.items() if key not in self.forgotten or row["status"] != "Finished"]
        rows = rows[:: 1 if params.get("ascending") else -1]
        if statuses := self.asked_statuses:
            rows = [row for row in rows if row["status"] in statuses]
        number, size = int(params["page"]), int(params["per_page"])
        pagination = {"total": len(rows), "numPages": -(-len(rows) // size), "page": number, "perPage": size}
        shown = rows[size * (number - 1) : size * number]
        return {"code": 0, "msg": "", "pagination": pagination, "instances": shown}

    def _list_specs(self, params: dict[str, str], body: Any) -> dict[str, Any]:
        rows = self.specs if params["machine_category"] == "0" else []
        pagination = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
        return {"code": 0, "msg": "", "pagination": pagination, "specs": rows, "regions": []}
