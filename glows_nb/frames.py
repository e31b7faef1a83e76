"""Models to DataFrames: columns, dtypes and units; pure, nothing is asked of the service here.

Prices are Credits per hour (float64), sizes GB, times timezone-aware UTC; what is unknown is NA and never 0.
A frame has the same columns and dtypes when it is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from glows_nb.api.models import JUPYTER_PORT, Image, Instance, MachineCategory, Spec
from glows_nb.gpus import vram_gb
from glows_nb.money import Rate

MB_PER_GB: Final = 1024
MOMENT: Final = "datetime64[ns, UTC]"

SPEC_COLUMNS: Final = {
    "region": "category",
    "machine_category": "category",
    "gpu": "category",
    "gpus": "Int64",
    "vram_gb": "Float64",
    "cpu": "category",
    "cpus": "Int64",
    "ram_gb": "Float64",
    "disk_gb": "Int64",
    "price_per_hour": "float64",
    "price_per_gpu_hour": "float64",
    "available": "boolean",
    "max_units": "Int64",
    "instance_categories": "category",
    "resource_id": "string",
}

INSTANCE_COLUMNS: Final = {
    "instance_id": "string",
    "meta_key": "string",
    "remark": "string",
    "status": "category",
    "region": "category",
    "category": "category",
    "gpu": "category",
    "gpus": "Int64",
    "vram_gb": "Float64",
    "cpus": "Int64",
    "ram_gb": "Float64",
    "disk_gb": "Int64",
    "price_per_hour": "float64",
    "created": MOMENT,
    "age": "timedelta64[ns]",
    "cost_estimate": "float64",
    "image": "category",
    "image_id": "category",
    "snapshot_id": "string",
    "ssh": "string",
    "http": "string",
    "networks": "string",
}

IMAGE_COLUMNS: Final = {"image_id": "string", "name": "string", "status": "Int64", "created": MOMENT}


def specs(models: Iterable[Spec]) -> pd.DataFrame:
    """Offers, one row each.

    Columns: region, machine_category, gpu, gpus, vram_gb (per GPU), cpu, cpus, ram_gb, disk_gb,
    price_per_hour and price_per_gpu_hour (Credits, for one unit), available, max_units, instance_categories
    ("container, vm"), resource_id.
    """
    return _frame(SPEC_COLUMNS, [_spec_row(spec) for spec in models])


def instances(models: Iterable[Instance], now: datetime | None = None) -> pd.DataFrame:
    """Machines, one row each.

    Columns: instance_id, meta_key, remark, status, region, category, gpu, gpus, vram_gb (per GPU), cpus,
    ram_gb, disk_gb, price_per_hour (Credits, all units), created (UTC), age, cost_estimate (Credits from
    creation until now, so at most what a running machine cost; NA for others), image, image_id, snapshot_id,
    ssh (the command), http (addresses without their tokens), networks.
    """
    moment = now or datetime.now(UTC)
    return _frame(INSTANCE_COLUMNS, [_instance_row(instance, moment) for instance in models])


def images(models: Iterable[Image]) -> pd.DataFrame:
    """Images, one row each: image_id, name, status, created (UTC)."""
    rows = [
        {
            "image_id": image.image_id,
            "name": image.name or None,
            "status": image.status,
            "created": image.create_time,
        }
        for image in models
    ]
    return _frame(IMAGE_COLUMNS, rows)


def _frame(columns: Mapping[str, str], rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in columns.items()})


def _spec_row(spec: Spec) -> dict[str, Any]:
    unit = spec.unit
    price = _credits(spec.rate)
    return {
        "region": spec.region_name,
        "machine_category": _category_name(spec.machine_category),
        "gpu": unit.gpu_name or None,
        "gpus": unit.gpus,
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
        "resource_id": spec.resource_id,
    }


def _instance_row(instance: Instance, now: datetime) -> dict[str, Any]:
    hardware, created, rate = instance.hardware, instance.create_time, instance.rate
    # Two computers' clocks differ by seconds, and no machine is from the future.
    age = None if created is None else max(now - created, timedelta(0))
    image, snapshot = instance.base_image, instance.base_snap
    jupyter = instance.url(JUPYTER_PORT)
    web = [jupyter] if jupyter else []
    web += [
        url
        for access in instance.accesses
        if access.protocol == "http" and (url := instance.url(access.listen_port)) and url != jupyter
    ]
    return {
        "instance_id": instance.instance_id,
        "meta_key": instance.meta_key or None,
        "remark": instance.remark or None,
        "status": instance.status,
        "region": instance.region_name or None,
        "category": instance.category or None,
        "gpu": hardware.gpu_name or None,
        "gpus": hardware.gpus or None,
        "vram_gb": _vram_gb(hardware.gpu_name, hardware.gpu_ram_mb),
        "cpus": hardware.cpus or None,
        "ram_gb": _gb(hardware.ram_mb),
        "disk_gb": hardware.disk_gb or None,
        "price_per_hour": None if rate is None else _credits(rate),
        "created": created,
        "age": age,
        "cost_estimate": float(rate.cost(age)) if instance.is_billed and rate and age is not None else None,
        "image": (image.image_name or None) if image else None,
        "image_id": (image.image_id or None) if image else None,
        "snapshot_id": (snapshot.snapshot_id or None) if snapshot else None,
        "ssh": instance.ssh_command,
        "http": " ".join(url.without_secret for url in web) or None,
        "networks": ", ".join(endpoint.network_id for endpoint in instance.network_endpoints) or None,
    }


def _category_name(number: int) -> str:
    """The category's word where one is known, its number otherwise."""
    return "GPU" if number == MachineCategory.GPU else "CPU" if number == MachineCategory.CPU else str(number)


def _credits(rate: Rate) -> float | None:
    """Credits per hour; a price of 0 means that the service did not say."""
    return float(rate.per_hour) if rate.millicents_per_hour else None


def _gb(mb: int) -> float | None:
    return mb / MB_PER_GB if mb else None


def _vram_gb(gpu_name: str, gpu_ram_mb: int) -> float | None:
    """The data sheet's size; for an unknown GPU what the wire tells, which is a little less (24564 MB of 24 GB)."""
    return vram_gb(gpu_name) or (round(gpu_ram_mb / MB_PER_GB) if gpu_ram_mb else None)
