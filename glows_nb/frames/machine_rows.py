"""Machines as rows of a table: what is kept of each, and the columns that many of them make.

A row is small beside its machine, and holds no secret, so that a long list can be kept as rows while its machines are
let go page by page. Columns are reckoned whole and not cell by cell, which would be most of the time. What the columns
mean is said by `frames.instances`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from glows_nb.api.ports import JUPYTER_PORT
from glows_nb.api.statuses import InstanceStatus
from glows_nb.frames.columns import INSTANCE_COLUMNS, WIDE_INSTANCE_COLUMNS
from glows_nb.gpus import vram_gb
from glows_nb.money import MILLICENTS_PER_CENT, MILLICENTS_PER_CREDIT, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from glows_nb.api.models.instances import Instance

MB_PER_GB: Final = 1024
MICROSECOND: Final = timedelta(microseconds=1)
MICROSECONDS: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN_TIME: Final = int(np.iinfo(np.int64).min)
"""What NumPy takes for no time."""

NAMES: Final = (
    *(
        "instance_id",
        "meta_key",
        "remark",
        "status",
        "region",
        "category",
        "gpu",
        "gpus",
        "gpu_ram_mb",
        "cpus",
        "ram_mb",
    ),
    *("disk_gb", "price_cent", "created_us", "image", "image_id", "snapshot_id", "ssh", "http", "networks"),
)
WIDE_NAMES: Final = ("cpu", "domain", "source_type", "cmd", "ssh_user", "ports", "network_addresses")

Row = tuple[Any, ...]
Numbers = npt.NDArray[np.int64]


def row_of(*, wide: bool) -> Callable[[Instance], Row]:
    """What makes the row of a machine, for a table of all fields or of the usual ones."""
    return _wide_row if wide else _row


def columns_of(rows: Sequence[Row], now: datetime, *, wide: bool) -> dict[str, Any]:
    """The columns of `frames.instances`, in their order and with their dtypes.

    Args:
        rows: those of `row_of`.
        now: until when ages count.
        wide: are they rows of all fields?
    """
    names = NAMES + WIDE_NAMES if wide else NAMES
    cells: dict[str, Sequence[Any]] = dict(
        zip(names, zip(*rows, strict=True) if rows else ((),) * len(names), strict=True)
    )
    memory, cents = _numbers(cells["gpu_ram_mb"]), _numbers(cells["price_cent"])
    created = np.fromiter(cells["created_us"], np.int64, len(rows)).view("M8[us]")
    # Two computers' clocks differ by seconds, and no machine is from the future.
    age = np.maximum(np.datetime64((now - EPOCH) // MICROSECOND, "us") - created, np.timedelta64(0, "us"))
    reckoned: dict[str, Any] = {
        "gpus": _or_unknown(_numbers(cells["gpus"])),
        "vram_gb": _vram_gb(cells["gpu"], memory),
        "cpus": _or_unknown(_numbers(cells["cpus"])),
        "ram_gb": _gb(_numbers(cells["ram_mb"])),
        "disk_gb": _or_unknown(_numbers(cells["disk_gb"])),
        "price_per_hour": np.where(cents == 0, np.nan, cents * MILLICENTS_PER_CENT / MILLICENTS_PER_CREDIT),
        "created": pd.DatetimeIndex(created).as_unit("ns").tz_localize(UTC),
        "age": pd.TimedeltaIndex(age).as_unit("ns"),
        "cost_estimate": _cost(cells["status"], cents, age),
        "gpu_ram_mb": _or_unknown(memory),
        "price_cent": _or_unknown(cents),
    }
    columns = INSTANCE_COLUMNS | (WIDE_INSTANCE_COLUMNS if wide else {})
    return {
        name: reckoned[name] if name in reckoned else column_of(cells[name], dtype) for name, dtype in columns.items()
    }


def _row(machine: Instance) -> Row:
    hardware, created = machine.hardware, machine.create_time
    image, snapshot = machine.base_image, machine.base_snap
    endpoints = machine.network_endpoints
    return (
        machine.instance_id or None,
        machine.meta_key or None,
        machine.remark or None,
        machine.status or None,
        machine.region_name or None,
        machine.category or None,
        hardware.gpu_name or None,
        hardware.gpus,
        hardware.gpu_ram_mb,
        hardware.cpus,
        hardware.ram_mb,
        hardware.disk_gb,
        machine.price_cent or 0,
        UNKNOWN_TIME if created is None else (created - EPOCH) // MICROSECOND,
        (image.image_name or None) if image else None,
        (image.image_id or None) if image else None,
        (snapshot.snapshot_id or None) if snapshot else None,
        machine.ssh_command,
        _web_addresses(machine),
        (", ".join([endpoint.network_id for endpoint in endpoints]) or None) if endpoints else None,
    )


def _wide_row(machine: Instance) -> Row:
    return (
        *_row(machine),
        machine.hardware.cpu_name or None,
        machine.domain,
        machine.source_type or None,
        machine.cmd or None,
        (machine.ssh_credentials.user or None) if machine.ssh_credentials else None,
        ", ".join(f"{access.listen_port}/{access.protocol}" for access in machine.accesses) or None,
        ", ".join(f"{place.cidr} {place.mac} {place.status}" for place in machine.network_endpoints) or None,
    )


def _web_addresses(machine: Instance) -> str | None:
    """Where Jupyter and then what else speaks HTTP can be reached, without the tokens."""
    first, others = "", ""
    for access in machine.accesses:
        if access.listen_port == JUPYTER_PORT and not first:
            first = access.url.without_secret
        elif access.protocol == "http" and access.url:
            others += f" {access.url.without_secret}"
    return (first + others).strip() or None


def column_of(cells: Sequence[Any], dtype: str) -> Any:
    """A column of cells, of which None is NA."""
    return pd.array(cells, dtype=dtype)  # type: ignore[call-overload]


def _numbers(cells: Sequence[int]) -> Numbers:
    return np.fromiter(cells, np.int64, len(cells))


def _or_unknown(numbers: Numbers) -> pd.arrays.IntegerArray:
    """Numbers of which 0 says that the service has not told."""
    return pd.arrays.IntegerArray(numbers, numbers == 0)


def _gb(mb: Numbers) -> pd.arrays.FloatingArray:
    return pd.arrays.FloatingArray(mb / MB_PER_GB, mb == 0)


def _vram_gb(gpu_names: Sequence[str | None], memory_mb: Numbers) -> pd.arrays.FloatingArray:
    """What the wire tells, in whole GB (24564 MB of a card of 24 GB); the data sheet's size while it tells nothing."""
    gb, is_unknown = np.rint(memory_mb / MB_PER_GB), memory_mb == 0
    for index in np.flatnonzero(is_unknown).tolist():
        known = vram_gb(gpu_names[index] or "")
        if known is not None:
            gb[index], is_unknown[index] = known, False
    return pd.arrays.FloatingArray(gb, is_unknown)


def _cost(statuses: Sequence[str | None], cents: Numbers, age: npt.NDArray[np.timedelta64]) -> npt.NDArray[np.float64]:
    """Credits of the machines that cost money now, by the full second (FACTS 4.4)."""
    running = InstanceStatus.RUNNING.value
    is_running = np.array([status == running for status in statuses], bool)
    is_known = is_running & (cents != 0) & ~np.isnat(age)
    seconds = np.where(is_known, age.astype(np.int64) // MICROSECONDS, 0)
    # Not in whole numbers: a price and an age that are both out of all reason would run over and look like others.
    costs = (cents * MILLICENTS_PER_CENT).astype(np.float64) * seconds / (MILLICENTS_PER_CREDIT * SECONDS_PER_HOUR)
    return np.where(is_known, costs, np.nan)
