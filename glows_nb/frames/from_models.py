"""Models to DataFrames: columns, dtypes and units; pure, nothing is asked of the service here.

Prices are Credits per hour (float64), sizes GB, times timezone-aware UTC; what is unknown is NA and never 0.
A frame has the same columns and dtypes when it is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from glows_nb.api.models.specs import MachineCategory, RegionSpecs, Spec
from glows_nb.api.statuses import EndpointStatus, SnapshotStatus
from glows_nb.frames import machine_rows
from glows_nb.frames.columns import (
    DISCREPANCY_COLUMNS,
    ENDPOINT_COLUMNS,
    IMAGE_COLUMNS,
    JOB_COLUMNS,
    NETWORK_COLUMNS,
    SNAPSHOT_COLUMNS,
    SPEC_COLUMNS,
    SPENDING_COLUMNS,
    STATS_COLUMNS,
    TIMELINE_COLUMNS,
    WIDE_SNAPSHOT_COLUMNS,
    WIDE_SPEC_COLUMNS,
)
from glows_nb.frames.machine_rows import MB_PER_GB, column_of
from glows_nb.gpus import vram_gb
from glows_nb.ledger.days import UTC_DAYS, Days
from glows_nb.ledger.records import Discrepancy
from glows_nb.money import SECONDS_PER_HOUR, Rate

if TYPE_CHECKING:
    # Each is loaded by whoever makes one: a table of offers needs none of them.
    from glows_nb.api.models.images import Image
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.networks import Endpoint, Network
    from glows_nb.api.models.snapshots import Snapshot
    from glows_nb.ledger.accounting import DayCost
    from glows_nb.ledger.jobs import JobRow
    from glows_nb.ledger.records import MachineRecord, Sighting, SnapshotRecord

BYTES_PER_GB: Final = 1024**3


def specs(models: Iterable[Spec], *, wide: bool = False) -> pd.DataFrame:
    """Offers, one row each.

    Columns: region, machine_category, gpu, gpus, vram_gb (per GPU), cpu, cpus, ram_gb, disk_gb,
    price_per_hour and price_per_gpu_hour (Credits, for one unit), available, max_units, instance_categories
    ("container, vm"), resource_id; with `wide` also unit_qty, millicent_per_hour (exact), extra_resources (JSON:
    what can be added to a unit, and its price).
    """
    row_of = _wide_spec_row if wide else _spec_row
    return _frame(SPEC_COLUMNS | (WIDE_SPEC_COLUMNS if wide else {}), [row_of(spec) for spec in models])


def specs_by_region(models: Iterable[RegionSpecs], *, wide: bool = False) -> pd.DataFrame:
    """Offers as the service groups them, region after region; columns as in `specs`."""
    return specs((spec for region in models for spec in region.specs), wide=wide)


def instances(models: Iterable[Instance], now: datetime | None = None, *, wide: bool = False) -> pd.DataFrame:
    """Machines, one row each.

    Columns: instance_id, meta_key, remark, status, region, category, gpu, gpus, vram_gb (per GPU), cpus,
    ram_gb, disk_gb, price_per_hour (Credits, all units), created (UTC), age, cost_estimate (Credits from
    creation until now, so at most what a running machine cost; NA for others), image, image_id, snapshot_id,
    ssh (the command), http (addresses without their tokens), networks; with `wide` also cpu, gpu_ram_mb, price_cent,
    domain, source_type, cmd, ssh_user, ports (those inside, with their protocols), network_addresses. The SSH password
    and environment variables are in no frame.
    """
    row_of = machine_rows.row_of(wide=wide)
    return instances_of_rows([row_of(instance) for instance in models], now, wide=wide)


def instances_of_rows(
    rows: Sequence[machine_rows.Row], now: datetime | None = None, *, wide: bool = False
) -> pd.DataFrame:
    """The same of rows that were kept of machines: those of `machine_rows.row_of`, with the same `wide`."""
    return pd.DataFrame(machine_rows.columns_of(rows, now or datetime.now(UTC), wide=wide), copy=False)


def images(models: Iterable[Image], *, wide: bool = False) -> pd.DataFrame:
    """Images, one row each: image_id, name, status, created (UTC). There is nothing more, also with `wide`."""
    rows = [
        {
            "image_id": image.image_id or None,
            "name": image.name or None,
            "status": image.status,
            "created": image.create_time,
        }
        for image in models
    ]
    return _frame(IMAGE_COLUMNS, rows)


def snapshots(
    models: Iterable[Snapshot],
    known: Mapping[str, SnapshotRecord] | None = None,
    machines: Mapping[str, SnapshotRecord] | None = None,
    *,
    wide: bool = False,
) -> pd.DataFrame:
    """Snapshots, one row each.

    Columns: snapshot_id, instance_id, status (a word where one is known, FACTS 7), type, size_gb, volume_gb, created
    and modified (UTC), and what the service does not tell: name, image and image_id (of the machine); with `wide` also
    domain, size_bytes, volume_bytes.

    Args:
        models: the snapshots.
        known: names and images by snapshot id, as the ledger has them.
        machines: images by instance id, for snapshots that were not taken from here.
        wide: all fields.
    """
    names, images_of = known or {}, machines or {}
    columns = SNAPSHOT_COLUMNS | (WIDE_SNAPSHOT_COLUMNS if wide else {})
    rows = []
    for snapshot in models:
        name = names.get(snapshot.snapshot_id)
        image = name if name is not None and name.image_id else images_of.get(snapshot.instance_id)
        rows.append(
            {
                "snapshot_id": snapshot.snapshot_id or None,
                "instance_id": snapshot.instance_id or None,
                "status": _word(SnapshotStatus, snapshot.status),
                "type": snapshot.type,
                "size_gb": _gb_of_bytes(snapshot.size_bytes),
                "volume_gb": _gb_of_bytes(snapshot.vol_size_bytes),
                "created": snapshot.create_time,
                "modified": snapshot.modify_time,
                "name": (name.name or None) if name else None,
                "image": (image.image_name or None) if image else None,
                "image_id": (image.image_id or None) if image else None,
                "domain": snapshot.domain,
                "size_bytes": snapshot.size_bytes,
                "volume_bytes": snapshot.vol_size_bytes,
            }
        )
    return _frame(columns, rows)


def networks(models: Iterable[Network], *, wide: bool = False) -> pd.DataFrame:
    """Networks, one row each: network_id, name, cluster_type, domain, created (UTC); `wide` adds nothing."""
    rows = [
        {
            "network_id": network.network_id or None,
            "name": network.name or None,
            "cluster_type": network.cluster_type or None,
            "domain": network.domain,
            "created": network.create_time,
        }
        for network in models
    ]
    return _frame(NETWORK_COLUMNS, rows)


def endpoints(models: Iterable[Endpoint], *, wide: bool = False) -> pd.DataFrame:
    """Machines in a network: endpoint_id, network_id, instance_id, status, cidr, mac, created; `wide` adds nothing."""
    rows = [
        {
            "endpoint_id": endpoint.endpoint_id or None,
            "network_id": endpoint.network_id or None,
            "instance_id": endpoint.instance_id or None,
            "status": _word(EndpointStatus, endpoint.status),
            "cidr": endpoint.cidr or None,
            "mac": endpoint.mac or None,
            "created": endpoint.create_time,
        }
        for endpoint in models
    ]
    return _frame(ENDPOINT_COLUMNS, rows)


def stats(counts: Mapping[str, int]) -> pd.DataFrame:
    """How many machines are in each status: status, machines; most first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return _frame(STATS_COLUMNS, [{"status": status, "machines": number} for status, number in ordered])


def spending(rows: Iterable[tuple[MachineRecord, DayCost]], days: Days = UTC_DAYS) -> pd.DataFrame:
    """What machines cost, one row for each machine and day.

    Columns: day (its begin, in the zone whose days count), instance_id, meta_key, remark, region, gpu, gpus, hours
    (billed, at most), price_per_hour (Credits, the last known), cost (Credits, at most: from the order on, and unseen
    gaps count in full; NA where that can't be known), cost_at_least (Credits, while it was seen Running), is_estimate
    (it runs still, nobody looked for more than a minute, or the price is known in cents only), is_from_here (started by
    this ledger's user), notebook.
    """
    frame = _frame(SPENDING_COLUMNS, [_spending_row(machine, day, days) for machine, day in rows])
    frame["day"] = frame["day"].dt.tz_convert(days.zone)
    return frame


def timeline(sightings: Iterable[Sighting]) -> pd.DataFrame:
    """In which status a machine was seen, oldest first: status, since and until (UTC), price_per_hour (Credits)."""
    rows = [
        {
            "status": sighting.status,
            "since": datetime.fromtimestamp(sighting.at_ms / 1000, UTC),
            "until": datetime.fromtimestamp(sighting.until_ms / 1000, UTC),
            "price_per_hour": None if sighting.rate is None else _credits(sighting.rate),
        }
        for sighting in sightings
    ]
    return _frame(TIMELINE_COLUMNS, rows)


def jobs(rows: Iterable[JobRow]) -> pd.DataFrame:
    """Jobs on machines, one row each; see `glows_nb.watching.jobs` for the columns."""
    return _frame(
        JOB_COLUMNS,
        [
            {
                "machine": row.machine,
                "name": row.name,
                "status": row.status,
                "started": None if row.began_ms is None else datetime.fromtimestamp(row.began_ms / 1000, UTC),
                "took": None if row.seconds is None else pd.Timedelta(seconds=row.seconds),
                "exit_status": row.exit_status,
                "cost_so_far": None
                if row.seconds is None or row.rate is None
                else float(row.rate.per_hour) * row.seconds / SECONDS_PER_HOUR,
                "command": row.command or None,
                "instance_id": row.instance_id,
            }
            for row in rows
        ],
    )


def discrepancies(rows: Iterable[Discrepancy]) -> pd.DataFrame:
    """Where ledger and service differ: instance_id, meta_key, what, in_ledger and on_service (statuses)."""
    return _frame(DISCREPANCY_COLUMNS, [row._asdict() for row in rows])


def _frame(columns: Mapping[str, str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    cells = {name: column_of([row[name] for row in rows], dtype) for name, dtype in columns.items()}
    return pd.DataFrame(cells, copy=False)


def _spec_row(spec: Spec) -> dict[str, Any]:
    unit = spec.unit
    price = None if spec.rate is None else _credits(spec.rate)
    return {
        "region": spec.region_name or None,
        "machine_category": _category_name(spec.machine_category),
        "gpu": unit.gpu_name or None,
        "gpus": None if "base_resource" in spec.unread else unit.gpus,
        "vram_gb": vram_gb(unit.gpu_name),
        "cpu": unit.cpu_name or None,
        "cpus": unit.cpus or None,
        "ram_gb": _gb(unit.ram_mb),
        "disk_gb": unit.disk_gb or None,
        "price_per_hour": price,
        "price_per_gpu_hour": price / unit.gpus if price is not None and unit.gpus else None,
        "available": spec.avail,
        "max_units": spec.max_available_units,
        "instance_categories": ", ".join(spec.categories) or None,
        "resource_id": spec.resource_id or None,
    }


def _wide_spec_row(spec: Spec) -> dict[str, Any]:
    return _spec_row(spec) | {
        "unit_qty": None if "base_resource" in spec.unread else spec.base_resource.unit_qty,
        "millicent_per_hour": spec.price.millicent_per_hour,
        "extra_resources": json.dumps([extra.model_dump() for extra in spec.extra_resources]),
    }


def _spending_row(machine: MachineRecord, day: DayCost, days: Days) -> dict[str, Any]:
    rates = [sighting.rate for sighting in machine.sightings if sighting.rate is not None]
    return {
        "day": days.moment(days.begin_ms(day.day)).astimezone(UTC),
        "instance_id": machine.instance_id,
        "meta_key": machine.meta_key or None,
        "remark": machine.remark or None,
        "region": machine.region or None,
        "gpu": machine.gpu or None,
        "gpus": machine.gpus,
        "hours": None if day.seconds is None else day.seconds / 3600,
        "price_per_hour": float(rates[-1].per_hour) if rates else None,
        "cost": None if day.cost is None else float(day.cost.credits),
        "cost_at_least": float(day.at_least.credits),
        "is_estimate": day.is_estimate,
        "is_from_here": machine.is_from_here,
        "notebook": machine.order.notebook if machine.order else None,
    }


def _category_name(number: int | None) -> str | None:
    """The category's word where one is known, its number otherwise."""
    if number is None:
        return None
    return "GPU" if number == MachineCategory.GPU else "CPU" if number == MachineCategory.CPU else str(number)


def _credits(rate: Rate) -> float | None:
    """Credits per hour; a price of 0 means that the service did not say."""
    return float(rate.per_hour) if rate.millicents_per_hour else None


def _word(kind: type[IntEnum], number: int | None) -> str | None:
    """A status number's word where one is known, the number otherwise."""
    if number is None:
        return None
    return kind(number).name.capitalize() if number in list(kind) else str(number)


def _gb_of_bytes(number: int | None) -> float | None:
    return None if number is None else number / BYTES_PER_GB


def _gb(mb: int) -> float | None:
    return mb / MB_PER_GB if mb else None
