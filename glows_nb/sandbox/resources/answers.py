"""The shapes of answers: dicts with exactly the keys, nesting and types of the contract's sample bodies.

Pure; what is in them is decided elsewhere. The spelling is the service's, which mixes camelCase and snake_case.
"""

from collections.abc import Sequence

from glows_nb.sandbox.catalogue import Offer
from glows_nb.sandbox.codes import Code
from glows_nb.sandbox.machines.lifecycle import Hardware, Machine
from glows_nb.sandbox.parameters import Page
from glows_nb.sandbox.store import networks
from glows_nb.sandbox.store.networks import Endpoint, Network
from glows_nb.sandbox.store.snapshots import Snapshot
from glows_nb.sandbox.store.store import OfferState


def envelope(code: Code, **fields: object) -> dict[str, object]:
    """Make the body of any answer; it always starts with code and msg."""
    return {"code": int(code), "msg": code.msg, **fields}


def pagination(total: int, page: Page) -> dict[str, object]:
    """Make a list's Pagination; an empty list has no pages."""
    return {"total": total, "numPages": -(-total // page.size), "page": page.number, "perPage": page.size}


def instance(machine: Machine, endpoints: Sequence[Endpoint] | None, now: float) -> dict[str, object]:
    """Make a VisibleInstance; `endpoints` is None in the answer to create alone, as in the samples."""
    return {
        "instanceID": f"ins-{machine.hash}",
        "category": machine.category,
        "status": machine.status,
        "priceCent": machine.price_cent,
        "hardware": _hardware(machine.hardware) if machine.ran_at is not None else _asked_hardware(machine),
        "baseImage": {"imageID": machine.image_id, "imageName": machine.image_name},
        # Every sample has null here; the fields are inferred from those of baseImage beside it.
        "baseSnap": {"snapID": machine.snap_id, "snapName": machine.snap_name} if machine.snap_id else None,
        "sshCred": {"user": machine.ssh_user, "password": machine.password},
        "accesses": [
            {"protocol": access.protocol, "listenPort": access.listen_port, "url": access.url}
            for access in machine.accesses
        ],
        "domain": machine.domain,
        "createTime": {"seconds": int(machine.created)},
        "cmd": machine.cmd,
        "envs": machine.envs,
        "remark": machine.remark,
        "metaKey": machine.meta_key,
        "sourceType": machine.source,
        "netEndpointInfos": None if endpoints is None else [_endpoint_info(endpoint, now) for endpoint in endpoints],
        "regionName": machine.region,
    }


def spec(offer: Offer, state: OfferState, instance_categories: Sequence[int]) -> dict[str, object]:
    """Make a SpecInfo."""
    return {
        "region_name": offer.region,
        "machine_category": offer.machine_category,
        "instance_categories": list(instance_categories),
        "base_resource": {
            "resource_id": offer.resource_id,
            "unit_qty": 1,
            "unit_spec": {
                "cpus": offer.cpus,
                "gpus": offer.gpus,
                "disk_gb": offer.disk_gb,
                "gpu_name": offer.gpu_name,
                "cpu_name": offer.cpu_name,
                "ram_mb": offer.ram_mb,
            },
        },
        "extra_resources": [
            {"resource": {"cpus": extra.cpus}, "price": {"millicent_per_hour": extra.millicent_per_hour}}
            for extra in offer.extras
        ],
        "price": {"millicent_per_hour": state.millicent_per_hour},
        "avail": state.stock > 0,
        "max_available_units": state.stock,
    }


def image(image_id: str, name: str, status: int, create_time: float) -> dict[str, object]:
    """Make an SDKImageInfo."""
    return {"image_id": image_id, "name": name, "status": status, "create_time": int(create_time)}


def network(shown: Network) -> dict[str, object]:
    """Make a VisibleNetwork, which has its time twice."""
    return {
        "netID": f"net-{shown.hash}",
        "name": shown.name,
        "createTime": {"seconds": int(shown.created)},
        "create_time": int(shown.created),
        # That of a public IP was never seen.
        "clusterType": "Overlay" if shown.type == networks.MESH else "NAT4",
        "domain": shown.domain,
    }


def endpoint(shown: Endpoint, now: float) -> dict[str, object]:
    """Make an SDKNetworkEndpoint."""
    return {
        "endpoint_id": f"ept-{shown.hash}",
        "network_id": f"net-{shown.network}",
        "instance_id": f"ins-{shown.machine}",
        "status": shown.status(now),
        "cidr": shown.cidr,
        "mac": shown.mac,
        "create_time": int(shown.created),
    }


def snapshot(shown: Snapshot) -> dict[str, object]:
    """Make an SDKSnapshotInfo; its name is in no answer."""
    return {
        "snapshot_id": f"snap-{shown.hash}",
        "instance_id": f"ins-{shown.machine}",
        "status": shown.status,
        "type": 1,
        "domain": shown.domain,
        "create_time": int(shown.created),
        "modify_time": int(shown.modified),
        "size_bytes": shown.size_bytes,
        "vol_size_bytes": shown.vol_size_bytes,
    }


def _endpoint_info(endpoint: Endpoint, now: float) -> dict[str, object]:
    """Make one of a VisibleInstance's netEndpointInfos: the status is a word here, and a number in the list."""
    return {
        "netID": f"net-{endpoint.network}",
        "cidr": endpoint.cidr,
        "mac": endpoint.mac,
        "status": networks.STATUS_NAMES[endpoint.status(now)],
    }


def _hardware(hardware: Hardware) -> dict[str, object]:
    return {
        "gpuName": hardware.gpu_name,
        "cpuName": hardware.cpu_name,
        "gpuNum": hardware.gpus,
        "gpuRamMB": hardware.gpu_ram_mb,
        "cpuCoresNum": hardware.cpus,
        "ramMB": hardware.ram_mb,
        "diskGB": hardware.disk_gb,
    }


def _asked_hardware(machine: Machine) -> dict[str, object]:
    """Make the hardware of a machine that hasn't run: what was asked for by name, and zeros.

    The sample asks for 2 units and shows gpuNum 2: units, even where a unit is of 8 GPUs. That a CPU machine
    shows its CPU's name instead is inferred.
    """
    is_gpu = machine.hardware.gpus > 0
    asked = Hardware(
        gpu_name=machine.hardware.gpu_name,
        cpu_name="" if is_gpu else machine.hardware.cpu_name,
        gpus=machine.units if is_gpu else 0,
        gpu_ram_mb=0,
        cpus=0,
        ram_mb=0,
        disk_gb=0,
    )
    return _hardware(asked)
