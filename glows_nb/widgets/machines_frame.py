"""Rows of the panel's tables, and which actions fit a machine; pure, nothing of widgets or of the service here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from glows_nb.api.lifecycle.keys import made_from_name
from glows_nb.api.lifecycle.parking import SNAPSHOTTING
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.statuses import ENDED, LEAVING, InstanceStatus
from glows_nb.frames.columns import MOMENT
from glows_nb.ledger.accounting import cost_so_far, rate_now
from glows_nb.ledger.records import MachineRecord

ALIVE: Final = tuple(status.value for status in InstanceStatus if status not in ENDED)
STEADY: Final = frozenset({InstanceStatus.RUNNING, *ENDED})
"""What stays as it is until somebody does something."""

COLUMNS: Final = {
    "machine": "string",
    "status": "string",
    "age": "timedelta64[ns]",
    "price_per_hour": "float64",
    "cost": "float64",
    "hardware": "string",
    "region": "string",
    "instance_id": "string",
    "created": MOMENT,
}
EXACT: Final = {"machine": "instance_id", "age": "created"}
"""Columns in short words, and the columns that say the same exactly, on hover."""


def machines_frame(
    machines: Iterable[Instance], records: Mapping[str, MachineRecord], account_mark: str, now: datetime
) -> pd.DataFrame:
    """Machines, one row each.

    Columns: machine (its name), status, age, price_per_hour (Credits, with the ledger's third decimal where it has it),
    cost (Credits so far, at most; NA where it can't be known), hardware, region, instance_id, created (UTC).

    Args:
        machines: the machines.
        records: what the ledger knows of them, by id.
        account_mark: the account's mark in keys of names.
        now: the moment for ages and costs.
    """
    rows = [_row(machine, records.get(machine.instance_id), account_mark, now) for machine in machines]
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in COLUMNS.items()})


def ended_frame(
    machines: Iterable[Instance],
    records: Mapping[str, MachineRecord],
    account_mark: str,
    now: datetime,
    snapshots: Iterable[Snapshot],
) -> pd.DataFrame:
    """Machines that have ended; as `machines_frame`, with the newest available snapshot of each as `snapshot`."""
    newest: dict[str, Snapshot] = {}
    for snapshot in sorted(snapshots, key=lambda taken: taken.taken_at):
        if snapshot.is_available:
            newest[snapshot.instance_id] = snapshot
    listed = list(machines)
    frame = machines_frame(listed, records, account_mark, now)
    ids = [newest[machine.instance_id].snapshot_id if machine.instance_id in newest else None for machine in listed]
    frame.insert(2, "snapshot", pd.Series(ids, dtype="string"))
    return frame


def name_of(machine: Instance | MachineRecord, account_mark: str) -> str:
    """What a person calls a machine: its remark, else the name in its key, else its id."""
    key = machine.meta_key
    stem = made_from_name(key, account_mark)
    name = key if stem is None else stem.removesuffix(f"-{account_mark}") + key.removeprefix(stem)
    return machine.remark or name or machine.instance_id


def hardware_of(machine: Instance) -> str:
    """What a machine has, in a few words; empty until the service has placed it."""
    hardware = machine.hardware
    if hardware.gpu_name:
        return f"{hardware.gpus or '?'} × {hardware.gpu_name}"
    return f"{hardware.cpus} × {hardware.cpu_name}" if hardware.cpu_name and hardware.cpus else hardware.cpu_name


def fitting_actions(machine: Instance) -> frozenset[str]:
    """What can be done with a machine in its status: ssh, cell, password, jupyter, work, snapshot, park, release,
    unpark. Work is to send and fetch files and run commands.

    Nothing where it can't be read.
    """
    if machine.unread:
        return frozenset()
    fitting = set()
    is_running = machine.status == InstanceStatus.RUNNING
    if is_running:
        fitting |= {"snapshot", "park"}
        fitting |= {"ssh", "cell", "work"} if machine.ssh_command else set()
        fitting |= {"password"} if machine.ssh_command and machine.ssh_password else set()
        fitting |= {"jupyter"} if machine.url() else set()
    if machine.status not in LEAVING | SNAPSHOTTING:
        fitting.add("release")
    if machine.status in ENDED:
        fitting.add("unpark")
    return frozenset(fitting)


def _row(machine: Instance, record: MachineRecord | None, account_mark: str, now: datetime) -> dict[str, object]:
    rate = rate_now(machine, record)
    cost = cost_so_far(record, now)
    created = machine.create_time
    return {
        "machine": name_of(machine, account_mark) or None,
        "status": machine.status or None,
        "hardware": hardware_of(machine) or None,
        "region": machine.region_name or None,
        "age": None if created is None else max(now - created, timedelta(0)),
        "price_per_hour": None if rate is None else float(rate.per_hour),
        "cost": None if cost is None else float(cost.credits),
        "instance_id": machine.instance_id or None,
        "created": created,
    }
