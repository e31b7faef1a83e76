"""What a script makes of a machine without models: a flat dict with the columns of `glows.instances()`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def flat(machine: dict[str, Any]) -> dict[str, Any]:
    """A machine's row, as short as it can be written where the service is trusted in everything."""
    hardware, image, snapshot = machine["hardware"], machine["baseImage"], machine["baseSnap"]
    created = datetime.fromtimestamp(machine["createTime"]["seconds"], UTC)
    age, price = datetime.now(UTC) - created, machine["priceCent"] / 100
    ssh = http = None
    for access in machine["accesses"]:
        if access["listenPort"] == 22:
            host, _, port = access["url"].removeprefix("ssh://").partition(":")
            ssh = f"ssh -p {port} {machine['sshCred']['user']}@{host}"
        elif access["url"]:
            http = access["url"].partition("?")[0]
    return {
        "instance_id": machine["instanceID"],
        "meta_key": machine["metaKey"],
        "remark": machine["remark"],
        "status": machine["status"],
        "region": machine["regionName"],
        "category": machine["category"],
        "gpu": hardware["gpuName"],
        "gpus": hardware["gpuNum"],
        "vram_gb": round(hardware["gpuRamMB"] / 1024),
        "cpus": hardware["cpuCoresNum"],
        "ram_gb": hardware["ramMB"] / 1024,
        "disk_gb": hardware["diskGB"],
        "price_per_hour": price,
        "created": created,
        "age": age,
        "cost_estimate": price * age.total_seconds() / 3600 if machine["status"] == "Running" else None,
        "image": image["imageName"],
        "image_id": image["imageID"],
        "snapshot_id": snapshot["snapID"] if snapshot else None,
        "ssh": ssh,
        "http": http,
        "networks": ", ".join(place["netID"] for place in machine["netEndpointInfos"] or ()),
    }
