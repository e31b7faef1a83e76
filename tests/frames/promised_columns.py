"""The columns of narrow frames, in their order."""

# DESIGN, "Columns", word for word.
SPEC_COLUMNS = [
    "region",
    "machine_category",
    "gpu",
    "gpus",
    "vram_gb",
    "cpu",
    "cpus",
    "ram_gb",
    "disk_gb",
    "price_per_hour",
    "price_per_gpu_hour",
    "available",
    "max_units",
    "instance_categories",
    "resource_id",
]
INSTANCE_COLUMNS = [
    "instance_id",
    "meta_key",
    "remark",
    "status",
    "region",
    "category",
    "gpu",
    "gpus",
    "vram_gb",
    "cpus",
    "ram_gb",
    "disk_gb",
    "price_per_hour",
    "created",
    "age",
    "cost_estimate",
    "image",
    "image_id",
    "snapshot_id",
    "ssh",
    "http",
    "networks",
]
IMAGE_COLUMNS = ["image_id", "name", "status", "created"]
SNAPSHOT_COLUMNS = ["snapshot_id", "instance_id", "status", "type", "size_gb", "volume_gb", "created", "modified"]
NETWORK_COLUMNS = ["network_id", "name", "cluster_type", "domain", "created"]
ENDPOINT_COLUMNS = ["endpoint_id", "network_id", "instance_id", "status", "cidr", "mac", "created"]
