"""What the bench's server answers: machines as the service tells them, offers and images, as bytes.

Every machine is different where real ones are: ids, keys, addresses, times. Nearly all have ended, as in an account of
some age; of ten thousand, twenty run, as many as an account may have (FACTS 2).
"""

from __future__ import annotations

import base64
import json
from typing import Any

PER_PAGE = 20
RUNS_EVERY = 500
CREATED = 1_726_810_944

REGIONS = ("TW-01", "TW-02", "TW-03", "TW-04", "TW-05")
GPUS = (("NVIDIA GeForce RTX 4090", 24564, 49), ("NVIDIA L40S PCIe", 46068, 80), ("NVIDIA H100 PCIe", 81559, 250))


def token() -> str:
    """A JWT that never ends, of nobody and signed by nobody: the bench's server only looks that it comes."""
    parts = ({"alg": "none"}, {"iss": "bench", "sub": "bench"})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join((*encoded, "bench"))


def machine(number: int) -> dict[str, Any]:
    """A VisibleInstance, with the addresses that it has or had."""
    gpu, ram_mb, cents = GPUS[number % len(GPUS)]
    host, port = f"tw-{number % 6 + 2:02}.access.glows.ai", 23171 + number % 4000
    return {
        "instanceID": f"ins-{number:08x}",
        "category": "container",
        "status": "Running" if number % RUNS_EVERY == 0 else "Finished",
        "priceCent": cents,
        "hardware": {
            "gpuName": gpu,
            "cpuName": "Intel(R) Xeon(R) Platinum 8352V CPU @ 2.10GHz",
            "gpuNum": 1,
            "gpuRamMB": ram_mb,
            "cpuCoresNum": 10,
            "ramMB": 43008,
            "diskGB": 100,
        },
        "baseImage": {"imageID": "img-87p9kq26", "imageName": "Ubuntu20.04 CUDA12.2 Python3.9"},
        "baseSnap": None,
        "sshCred": {"user": "root", "password": f"example-{number:08x}"},
        "accesses": [
            {"protocol": "ssh", "listenPort": 22, "url": f"ssh://{host}:{port}"},
            {"protocol": "http", "listenPort": 8888, "url": f"https://{host}:{port + 1}?token={number:024x}"},
        ],
        "domain": 0,
        "createTime": {"seconds": CREATED + 60 * number},
        "cmd": "",
        "envs": "foo=bar",
        "remark": "this is from sdk",
        "metaKey": f"order.{number}",
        "sourceType": "SourceSDK",
        "netEndpointInfos": [],
        "regionName": REGIONS[number % len(REGIONS)],
    }


def page_of_machines(page: int, total: int) -> bytes:
    """One page of a list of so many machines, newest first."""
    newest = total - (page - 1) * PER_PAGE
    machines = [machine(number) for number in range(newest, max(newest - PER_PAGE, 0), -1)]
    return _listed("instances", machines, page, total)


def specs() -> bytes:
    """Twenty offers: the regions by GPUs and sizes, and no more pages."""
    offers = [_offer(number) for number in range(PER_PAGE)]
    return _listed("specs", offers, 1, len(offers), regions=[])


def no_specs() -> bytes:
    """What a category without offers answers."""
    return _listed("specs", [], 1, 0, regions=[])


def images() -> bytes:
    """The images from which one is chosen where none is named."""
    names = ("CUDA12.8 Torch2.8.0 Base", "CUDA12.2 Torch2.4.0 Base", "ComfyUI", "vLLM")
    listed = [
        {"image_id": f"img-{number:08x}", "name": name, "status": 0, "create_time": CREATED}
        for number, name in enumerate(names)
    ]
    return _listed("images", listed, 1, len(listed))


def _offer(number: int) -> dict[str, Any]:
    gpu, _, cents = GPUS[number % len(GPUS)]
    return {
        "region_name": REGIONS[number % len(REGIONS)],
        "machine_category": 0,
        "instance_categories": [0, 1],
        "base_resource": {
            "resource_id": f"resource-{number}",
            "unit_qty": 1,
            "unit_spec": {
                "cpus": 10,
                "gpus": 1,
                "disk_gb": 100,
                "gpu_name": gpu,
                "cpu_name": "Intel(R) Xeon(R) Platinum 8352V CPU @ 2.10GHz",
                "ram_mb": 43008,
            },
        },
        "extra_resources": [{"resource": {"cpus": 4}, "price": {"millicent_per_hour": 20000}}],
        "price": {"millicent_per_hour": cents * 1000},
        "avail": True,
        "max_available_units": 8,
    }


def _listed(field: str, items: list[Any], page: int, total: int, **more: Any) -> bytes:
    pagination = {"total": total, "numPages": -(-total // PER_PAGE), "page": page, "perPage": PER_PAGE}
    answer = {"code": 0, "msg": "", "pagination": pagination, field: items, **more}
    return json.dumps(answer, separators=(",", ":")).encode()
