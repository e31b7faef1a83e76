"""Park a machine (snapshot, wait, release) and bring it back; the service itself has no pause (FACTS 0.1, fact 8).

Both go on from where they were when they are called again, and need nothing but the service's own records: the
ended machine is found by its key, its newest available snapshot by its id.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from glows_nb.api import launching
from glows_nb.api.errors import InvalidRequest, MachineEnded, SnapshotFailed, WaitTimeout
from glows_nb.api.keys import find_machine, find_newest, key_for_name, made_from_name
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import all_specs
from glows_nb.api.operations.instances import cancel_instance, get_instance
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.requests.create import Port
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.api.steps import Steps, pause, perform
from glows_nb.api.waiting import OnChange, wait_for_status
from glows_nb.api.writes.snapshots import create_snapshot, snapshots_of

SNAPSHOTTING: Final = frozenset({InstanceStatus.PAUSING, InstanceStatus.PAUSED, InstanceStatus.RESUMING})
NOT_YET_RUNNING: Final = frozenset(
    {InstanceStatus.SCHED_INIT, InstanceStatus.SCHED_QUEUED, InstanceStatus.PENDING, InstanceStatus.PRICE_CHANGED}
)
PAUSE: Final = 2.0


@dataclass(frozen=True)
class Parked:
    """A machine that was parked: `unpark` brings it back by its key, its id or its name, on any computer."""

    instance_id: str
    meta_key: str
    snapshot_id: str

    def __str__(self) -> str:
        return f"{self.instance_id} ({self.meta_key}) is parked as snapshot {self.snapshot_id}"


def park(
    machine: Instance,
    *,
    timeout: float = 1800,
    on_change: OnChange | None = None,
    backoff: float = 0.5,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Parked]:
    """Snapshot a machine, wait until the snapshot is available and the machine runs again, release it, verify.

    A snapshot that is being taken is waited for; one that was finished before is not used, since work may have been
    done after it. A machine that is being released, or was, is parked if a snapshot of it is available.

    Raises:
        SnapshotFailed: no snapshot became available; the machine goes on.
        MachineEnded: it ended and has no snapshot.
        WaitTimeout: `timeout` passed; call again to go on.
    """
    deadline = clock() + timeout
    now = yield from perform(get_instance(machine.instance_id))
    if now.status in NOT_YET_RUNNING:
        raise InvalidRequest("machine", f"is {now.status}, and only a running machine can be snapshotted.")
    if now.status in LEAVING:
        taken = yield from _newest_available(now.instance_id)
        if taken is None:
            raise MachineEnded(f"Machine {now.instance_id} is {now.status} and has no snapshot.", now)
    else:
        if now.status in SNAPSHOTTING:
            snapshot_ids = yield from _being_taken(now.instance_id)
        else:
            snapshot_ids = (yield from create_snapshot(now.instance_id, backoff=backoff)).snapshot_ids
        yield from _runs_again(now.instance_id, deadline, on_change, clock)
        taken = yield from _available(now.instance_id, snapshot_ids, deadline, clock)
        yield from perform(cancel_instance(now.instance_id))
    if now.status != InstanceStatus.FINISHED:
        remaining = max(PAUSE, deadline - clock())
        yield from wait_for_status(now.instance_id, InstanceStatus.FINISHED, remaining, on_change, clock)
    return Parked(now.instance_id, now.meta_key, taken.snapshot_id)


def find_parked(machine: str | Parked | Instance, account_mark: str) -> Steps[tuple[Instance, str]]:
    """The newest machine under a name, key or id, and the key's first generation.

    Raises:
        ParamIllegal: there is none.
    """
    if isinstance(machine, Parked | Instance):
        machine = machine.meta_key
    newest = yield from find_machine(machine, account_mark)
    stem = made_from_name(newest.meta_key, account_mark)
    if stem is not None and newest.meta_key == machine:
        # A key of one generation was given: its newest one is meant.
        newest = (yield from find_newest(stem))[0] or newest
    return newest, stem_of(newest, account_mark)


def stem_of(machine: Instance, account_mark: str) -> str:
    """The key of the machine that comes after this one, first generation: a key of the user's own counts as a name."""
    key = machine.meta_key
    return made_from_name(key, account_mark) or key_for_name(key or machine.instance_id, account_mark)


def unpark(
    machine: str | Parked | Instance, account_mark: str, *, backoff: float = 0.5, **changes: Any
) -> Steps[Instance]:
    """Start a parked machine again from its newest available snapshot: same hardware, region, ports, environment.

    A machine that is there already under the key is taken, so that calling again rents nothing twice.

    Args:
        machine: its name, key, id, or what `park` gave.
        account_mark: the account's mark in keys of names.
        backoff: seconds before the first repetition of a lost create.
        changes: fields of `launch` to have otherwise, such as `regions` or `max_price_per_hour`.

    Raises:
        ParamIllegal: there is no such machine.
        SnapshotFailed: no snapshot of it is available.
    """
    newest, wanted = yield from want_again(machine, account_mark, **changes)
    if wanted is None:
        return newest
    return (yield from launching.launch(wanted, adopt=True, backoff=backoff))


def want_again(
    machine: str | Parked | Instance, account_mark: str, **changes: Any
) -> Steps[tuple[Instance, launching.Wanted | None]]:
    """The newest machine under a name, key or id, and the launch that brings it back: None where it has not ended.

    Raises:
        ParamIllegal: there is no such machine.
        SnapshotFailed: no snapshot of it is available.
    """
    newest, _ = yield from find_parked(machine, account_mark)
    if newest.status not in LEAVING:
        return newest, None
    snapshot = yield from _newest_available(newest.instance_id)
    if snapshot is None:
        raise SnapshotFailed(f"There is no available snapshot of {newest.instance_id} to start again from.")
    fields = yield from _same_again(newest, snapshot)
    return newest, launching.want(account_mark, stem=stem_of(newest, account_mark), **(fields | changes))


def _same_again(ended: Instance, snapshot: Snapshot) -> Steps[dict[str, Any]]:
    """The fields of a launch that gives the same machine again."""
    image_id = ended.base_image.image_id if ended.base_image else None
    specs = yield from all_specs(image_id or None, instance_category=ended.category or "container")
    spec, units = _same_hardware(ended, specs)
    hardware: dict[str, Any] = {"base_resource": spec.base_resource} if spec else _by_name(ended)
    return {
        "from_snap_id": snapshot.snapshot_id,
        "priced_image_id": image_id or None,
        "instance_category": ended.category or "container",
        "region_name": ended.region_name,
        "remark": ended.remark,
        "cmd": ended.cmd,
        "envs": _envs(ended),
        "ports": [
            Port(port=access.listen_port, protocol="http" if access.protocol == "http" else "tcp")
            for access in ended.accesses
            if access.listen_port not in (0, SSH_PORT)
        ],
        "unit_qty": units,
        **hardware,
    }


def _same_hardware(ended: Instance, specs: list[Spec]) -> tuple[Spec | None, int]:
    """The offer that the machine was an instance of, and how many units of it; None where no offer is like it."""
    had = ended.hardware
    for spec in specs:
        unit = spec.unit
        units = had.gpus // unit.gpus if unit.gpus else (had.cpus // unit.cpus if unit.cpus else 0)
        if (
            units
            and spec.region_name == ended.region_name
            and (unit.gpu_name, unit.gpus * units) == (had.gpu_name, had.gpus)
            and unit.cpus * units == had.cpus
            and unit.ram_mb * units == had.ram_mb
        ):
            return spec, units
    return None, max(1, had.gpus)


def _by_name(ended: Instance) -> dict[str, Any]:
    had = ended.hardware
    return {"gpu_name": had.gpu_name} if had.gpu_name else {"cpu_name": had.cpu_name}


def _envs(ended: Instance) -> dict[str, str]:
    pairs = [part.partition("=") for part in ended.envs.get_secret_value().split(";") if "=" in part]
    return {name: value for name, _, value in pairs}


def _being_taken(instance_id: str) -> Steps[tuple[str, ...]]:
    """The snapshot for which the machine is paused: the newest one."""
    snapshots = yield from snapshots_of(instance_id)
    if not snapshots:
        raise SnapshotFailed(f"Machine {instance_id} is being snapshotted, and no snapshot of it is listed.")
    return (max(snapshots, key=_age).snapshot_id,)


def _runs_again(
    instance_id: str, deadline: float, on_change: OnChange | None, clock: Callable[[], float]
) -> Steps[None]:
    try:
        yield from wait_for_status(
            instance_id, InstanceStatus.RUNNING, max(PAUSE, deadline - clock()), on_change, clock
        )
    except WaitTimeout as error:
        status = error.instance.status if error.instance else "unknown"
        late = WaitTimeout(
            f"The snapshot of {instance_id} is not there yet: the machine is {status} and was not released. "
            "Park it again to go on.",
            error.instance,
        )
    else:
        return
    raise late


def _available(
    instance_id: str, snapshot_ids: tuple[str, ...], deadline: float, clock: Callable[[], float]
) -> Steps[Snapshot]:
    """The newest of these snapshots, once all of them are available: only then may the machine be released."""
    while True:
        taken = [
            snapshot for snapshot in (yield from snapshots_of(instance_id)) if snapshot.snapshot_id in snapshot_ids
        ]
        if taken and len(taken) == len(snapshot_ids) and all(snapshot.is_available for snapshot in taken):
            return max(taken, key=_age)
        if any(snapshot.has_failed for snapshot in taken):
            raise SnapshotFailed(
                f"The snapshot of {instance_id} did not become available; the machine was not released and goes on."
            )
        if clock() >= deadline:
            raise WaitTimeout(
                f"The snapshot of {instance_id} is not available yet; the machine runs and was not released.", None
            )
        yield from pause(PAUSE)


def _newest_available(instance_id: str) -> Steps[Snapshot | None]:
    snapshots = yield from snapshots_of(instance_id)
    return max((snapshot for snapshot in snapshots if snapshot.is_available), key=_age, default=None)


def _age(snapshot: Snapshot) -> datetime:
    return snapshot.create_time or datetime.fromtimestamp(0, UTC)
