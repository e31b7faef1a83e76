"""Columns and dtypes of every frame (DESIGN, "Columns"); what they mean is said by the functions of `frames`."""

from __future__ import annotations

from typing import Final

MOMENT: Final = "datetime64[ns, UTC]"

SORT_WORDS: Final = {"price": "price_per_hour", "gpu_price": "price_per_gpu_hour", "vram": "vram_gb", "ram": "ram_gb"}
"""Short words for columns of offers to sort by."""

SPEC_COLUMNS: Final = {
    "region": "string",
    "machine_category": "string",
    "gpu": "string",
    "gpus": "Int64",
    "vram_gb": "Float64",
    "cpu": "string",
    "cpus": "Int64",
    "ram_gb": "Float64",
    "disk_gb": "Int64",
    "price_per_hour": "float64",
    "price_per_gpu_hour": "float64",
    "available": "boolean",
    "max_units": "Int64",
    "instance_categories": "string",
    "resource_id": "string",
}

INSTANCE_COLUMNS: Final = {
    "instance_id": "string",
    "meta_key": "string",
    "remark": "string",
    "status": "string",
    "region": "string",
    "category": "string",
    "gpu": "string",
    "gpus": "Int64",
    "vram_gb": "Float64",
    "cpus": "Int64",
    "ram_gb": "Float64",
    "disk_gb": "Int64",
    "price_per_hour": "float64",
    "created": MOMENT,
    "age": "timedelta64[ns]",
    "cost_estimate": "float64",
    "image": "string",
    "image_id": "string",
    "snapshot_id": "string",
    "ssh": "string",
    "http": "string",
    "networks": "string",
}

IMAGE_COLUMNS: Final = {"image_id": "string", "name": "string", "status": "Int64", "created": MOMENT}

SNAPSHOT_COLUMNS: Final = {
    "snapshot_id": "string",
    "instance_id": "string",
    "status": "string",
    "type": "Int64",
    "size_gb": "Float64",
    "volume_gb": "Float64",
    "created": MOMENT,
    "modified": MOMENT,
    "name": "string",
    "image": "string",
    "image_id": "string",
}

NETWORK_COLUMNS: Final = {
    "network_id": "string",
    "name": "string",
    "cluster_type": "string",
    "domain": "Int64",
    "created": MOMENT,
}

ENDPOINT_COLUMNS: Final = {
    "endpoint_id": "string",
    "network_id": "string",
    "instance_id": "string",
    "status": "string",
    "cidr": "string",
    "mac": "string",
    "created": MOMENT,
}

STATS_COLUMNS: Final = {"status": "string", "machines": "Int64"}

SPENDING_COLUMNS: Final = {
    "day": MOMENT,
    "instance_id": "string",
    "meta_key": "string",
    "remark": "string",
    "region": "string",
    "gpu": "string",
    "gpus": "Int64",
    "hours": "Float64",
    "price_per_hour": "float64",
    "cost": "float64",
    "cost_at_least": "float64",
    "is_estimate": "boolean",
    "is_from_here": "boolean",
    "notebook": "string",
}

JOB_COLUMNS: Final = {
    "machine": "string",
    "name": "string",
    "status": "string",
    "started": MOMENT,
    "took": "timedelta64[ns]",
    "exit_status": "Int64",
    "cost_so_far": "float64",
    "command": "string",
    "instance_id": "string",
}

TIMELINE_COLUMNS: Final = {"status": "string", "since": MOMENT, "until": MOMENT, "price_per_hour": "float64"}

DISCREPANCY_COLUMNS: Final = {
    "instance_id": "string",
    "meta_key": "string",
    "what": "string",
    "in_ledger": "string",
    "on_service": "string",
}

# What `wide=True` adds: all other fields of the models but secrets.
WIDE_SPEC_COLUMNS: Final = {"unit_qty": "Int64", "millicent_per_hour": "Int64", "extra_resources": "string"}
WIDE_INSTANCE_COLUMNS: Final = {
    "cpu": "string",
    "gpu_ram_mb": "Int64",
    "price_cent": "Int64",
    "domain": "Int64",
    "source_type": "string",
    "cmd": "string",
    "ssh_user": "string",
    "ports": "string",
    "network_addresses": "string",
}
WIDE_SNAPSHOT_COLUMNS: Final = {"domain": "Int64", "size_bytes": "Int64", "volume_bytes": "Int64"}
