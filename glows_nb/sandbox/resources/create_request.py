"""What a create request asks for: reading and checking its body, and choosing the hardware for it.

Whether the user may have it (key, quota, networks) is decided in `instances`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from glows_nb.sandbox.codes import illegal
from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.image_catalogue import CONTAINER, VM, Image
from glows_nb.sandbox.machines.lifecycle import Access
from glows_nb.sandbox.parameters import ID_LENGTH, INT64_MAX, Body, parse_json
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.resources.images import find_image
from glows_nb.sandbox.resources.snapshots import find_snapshot
from glows_nb.sandbox.store.snapshots import Snapshot

CATEGORY_NUMBERS = {"container": CONTAINER, "vm": VM}

_PROTOCOLS = {1: "ssh", 2: "http"}
"""1 is SSH and raw TCP alike, and both are answered as "ssh" (FACTS 3.3)."""
_MOST_EXTRA = 2**31 - 1
_MAX_PORTS = 64
"""Invented: the contract sets no limit."""


@dataclass(frozen=True)
class CreateRequest:
    """A create request that is right in itself; one of the first three at least says which hardware."""

    gpu_name: str
    cpu_name: str
    resource: Mapping[str, object]
    """What `base_resource` tells of the offer: its id, parts of one unit, or both."""
    extra_cpus: int
    """What is added to each unit."""
    image: Image
    """What it starts from, or what its snapshot was started from."""
    snapshot: Snapshot | None
    meta_key: str
    category: str
    region: str
    remark: str
    cmd: str
    envs: str
    units: int
    accesses: tuple[Access, ...]
    net_ids: list[str]
    public_ip_id: str
    network_type: int


def read_create_request(context: Context) -> CreateRequest:
    """Read the body of a create request; whatever is wrong with it is code 6."""
    body = context.body
    gpu_name = body.text("gpu_name", 128)
    cpu_name = body.text("cpu_name", 128)
    resource, units_within = _base_resource(context)
    _check_hardware(context, gpu_name, cpu_name, resource)
    image, snapshot = _source(context)
    # Required by the contract although it also names a default; a client must send it.
    category = body.text("instance_category", 16, required=True)
    cmd, envs = body.text("cmd", 512), body.text("envs", 512)
    if CATEGORY_NUMBERS.get(category) not in image.instance_categories:
        raise illegal("the image is not for this instance_category, or there is no such category")
    if "\0" in cmd + envs:
        raise illegal("no process can have a NUL in its command or variables")
    if cmd and category != "container":
        raise illegal("cmd is for containers only")
    if snapshot is not None and category != snapshot.category:
        raise illegal("the snapshot is of the other instance_category")
    return CreateRequest(
        gpu_name=gpu_name,
        cpu_name=cpu_name,
        resource=resource,
        extra_cpus=_extra_cpus(context),
        image=image,
        snapshot=snapshot,
        meta_key=body.text("custom_meta_key", ID_LENGTH, required=True),
        category=category,
        region=body.text("region_name", 128, required=True),
        remark=body.text("remark", 32),
        cmd=cmd,
        envs=envs,
        # The greater of the two: which one the service takes where they differ is not known.
        units=max(body.number("unit_qty", low=0, high=INT64_MAX) or 1, units_within),
        accesses=_accesses(image, category, body.text("ports", 16384)),
        net_ids=body.texts("net_ids", most=1, limit=ID_LENGTH),
        public_ip_id=body.text("public_ip_id", ID_LENGTH),
        network_type=body.number("network_type", low=0, high=7),
    )


def _source(context: Context) -> tuple[Image, Snapshot | None]:
    """Return what to start from: an image, or a snapshot and the image below it; both at once are one too many."""
    image_id = context.body.text("from_image_id", ID_LENGTH)
    snapshot_id = context.body.text("from_snap_id", ID_LENGTH)
    # The sister service's name for the field, which users have guessed.
    guessed = context.body.text("from_snapshot_id", ID_LENGTH)
    if context.switches.refuses_from_snapshot_id and guessed:
        raise illegal("from_snapshot_id is called from_snap_id")
    snapshot_id = snapshot_id or guessed
    if bool(image_id) == bool(snapshot_id):
        raise illegal("exactly one of from_image_id and from_snap_id is required")
    if image_id:
        return find_image(context, image_id), None
    snapshot = find_snapshot(context, snapshot_id)
    hash_ = bare(snapshot.image_id, "img-")
    # The user's own image below it may be deleted by now; the snapshot doesn't need it.
    return context.catalogue.image_by_hash.get(hash_) or Image(hash_, snapshot.image_name), snapshot


def _base_resource(context: Context) -> tuple[Mapping[str, object], int]:
    """Return what `base_resource` tells of an offer, and how many units it asks for, 0 where it says nothing."""
    given = context.body.object("base_resource")
    if given is None or not len(given):
        return {}, 0
    resource: dict[str, object] = {"resource_id": given.text("resource_id", 128)}
    unit = given.object("unit_spec") or Body({})
    resource |= {name: unit.text(name, 128) for name in ("gpu_name", "cpu_name")}
    resource |= {name: unit.number(name, low=0, high=INT64_MAX) for name in ("gpus", "cpus", "ram_mb", "disk_gb")}
    told = {name: value for name, value in resource.items() if value}
    if not any(offer.has(told) for offer in context.catalogue.offers):
        raise illegal("no offer is such a base_resource")
    return told, given.number("unit_qty", low=0, high=INT64_MAX)


def _check_hardware(context: Context, gpu_name: str, cpu_name: str, resource: Mapping[str, object]) -> None:
    if gpu_name and cpu_name:
        raise illegal("gpu_name and cpu_name are one too many")
    if not (
        gpu_name
        or (cpu_name and context.switches.takes_cpu_name)
        or (resource and context.switches.takes_base_resource)
    ):
        raise illegal("gpu_name is required; which fields can stand for it is a switch of the sandbox")
    if not resource or not (gpu_name or cpu_name):
        return
    fitting = [offer for offer in context.catalogue.offers if offer.has(resource)]
    if not any(offer.gpu_name == gpu_name if gpu_name else offer.cpu_name == cpu_name for offer in fitting):
        raise illegal("the name and base_resource are of different hardware")


def _extra_cpus(context: Context) -> int:
    """Read how many cpus are added to each unit: {"cpus": 4}, also within "resource", as spec list has it.

    The contract's text has lost the field's exact name, so that both are taken.
    """
    given = context.body.object("extra_resource") or context.body.object("extra_resources")
    if given is None or not len(given):
        return 0
    if not context.switches.sells_extras:
        raise illegal("extra resources are not sold")
    return (given.object("resource") or given).number("cpus", low=1, high=_MOST_EXTRA)


def _accesses(image: Image, category: str, ports: str) -> tuple[Access, ...]:
    """List the ways into a new machine: ssh, then what the image serves, then what was asked for.

    A port that is asked for replaces a default one of the same number.
    """
    protocols = {22: "ssh"}
    if category == "container":
        protocols.update(dict.fromkeys(image.http_ports, "http"))
    protocols.update(_requested_ports(ports))
    return tuple(Access(protocol, port) for port, protocol in protocols.items())


def _requested_ports(ports: str) -> dict[int, str]:
    """Read `[{"port":7890,"protocol":2}]`, which comes as a JSON string inside the JSON body."""
    if not ports:
        return {}
    entries = parse_json(ports)
    if not isinstance(entries, list) or len(entries) > _MAX_PORTS:
        raise illegal(f"ports is not a JSON list of at most {_MAX_PORTS}")
    requested = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise illegal("an entry of ports is not an object")
        fields = Body(entry)
        port = fields.number("port", low=1, high=65535)
        protocol = fields.number("protocol", low=1, high=2)
        if not port or not protocol or port in requested:
            raise illegal("port and protocol are required, and each port once")
        requested[port] = _PROTOCOLS[protocol]
    return requested
