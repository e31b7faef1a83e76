"""What a create request asks for: reading and checking its body, and choosing the hardware for it.

Whether the user may have it (key, quota, networks) is decided in `instances`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glows_nb.sandbox.call import Call
from glows_nb.sandbox.catalogue import Offer
from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.hashes import bare
from glows_nb.sandbox.image_catalogue import CONTAINER, VM, Image
from glows_nb.sandbox.images import find_image
from glows_nb.sandbox.lifecycle import Access
from glows_nb.sandbox.parameters import ID_LENGTH, INT64_MAX, Body, parse_json
from glows_nb.sandbox.snapshot_store import Snapshot
from glows_nb.sandbox.snapshots import find_snapshot
from glows_nb.sandbox.store import OfferState

CATEGORY_NUMBERS = {"container": CONTAINER, "vm": VM}

_PROTOCOLS = {1: "ssh", 2: "http"}
"""1 is SSH and raw TCP alike, and both are answered as "ssh" (FACTS 3.3)."""
_MAX_PORTS = 64
"""Invented: the contract sets no limit."""


@dataclass(frozen=True)
class Order:
    """A create request that is right in itself; exactly one of the first three says which hardware."""

    gpu_name: str
    cpu_name: str
    resource_id: str
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


def read_order(call: Call) -> Order:
    """Read the body of a create request; whatever is wrong with it is code 6."""
    body = call.body
    gpu_name = body.text("gpu_name", 128)
    cpu_name = body.text("cpu_name", 128)
    base_resource = body.object("base_resource")
    resource_id = "" if base_resource is None else base_resource.text("resource_id", 128, required=True)
    if sum(map(bool, (gpu_name, cpu_name, resource_id))) != 1:
        raise illegal("exactly one of gpu_name, cpu_name and base_resource is required")
    if resource_id and resource_id not in call.catalogue.offer_by_id:
        raise illegal("unknown base_resource")
    image, snapshot = _source(call)
    # Required by the contract although it also names a default; a client must send it.
    category = body.text("instance_category", 16, required=True)
    cmd = body.text("cmd", 512)
    if CATEGORY_NUMBERS.get(category) not in image.instance_categories:
        raise illegal("the image is not for this instance_category, or there is no such category")
    if cmd and category != "container":
        raise illegal("cmd is for containers only")
    if snapshot is not None and category != snapshot.category:
        raise illegal("the snapshot is of the other instance_category")
    # The contract's text has lost the field's exact name.
    if body.object("extra_resource") or body.object("extra_resources"):
        raise illegal("extra resources are not sold")
    return Order(
        gpu_name=gpu_name,
        cpu_name=cpu_name,
        resource_id=resource_id,
        image=image,
        snapshot=snapshot,
        meta_key=body.text("custom_meta_key", ID_LENGTH, required=True),
        category=category,
        region=body.text("region_name", 128, required=True),
        remark=body.text("remark", 32),
        cmd=cmd,
        envs=_checked_envs(body.text("envs", 512)),
        units=body.number("unit_qty", low=0, high=INT64_MAX) or 1,
        accesses=_accesses(image, category, body.text("ports", 16384)),
        net_ids=body.texts("net_ids", most=1, limit=ID_LENGTH),
        public_ip_id=body.text("public_ip_id", ID_LENGTH),
        network_type=body.number("network_type", low=0, high=7),
    )


def choose_offer(order: Order, offers: Sequence[Offer], states: Mapping[str, OfferState]) -> Offer:
    """Return the offer that an order gets: the cheapest of those it fits that has enough left, else 215."""
    fitting = [
        offer
        for offer in offers
        if offer.region == order.region
        and CATEGORY_NUMBERS[order.category] in offer.instance_categories
        and _is_asked_for(offer, order)
        and states[offer.resource_id].stock >= order.units
    ]
    if not fitting:
        raise Refusal(Code.NO_RESOURCE_AVAILABLE, "not sold in this region, or not enough left")
    return min(fitting, key=lambda offer: states[offer.resource_id].millicent_per_hour)


def _is_asked_for(offer: Offer, order: Order) -> bool:
    if order.resource_id:
        return offer.resource_id == order.resource_id
    if order.gpu_name:
        return offer.gpu_name == order.gpu_name
    # Machines with GPUs have a CPU of that name, too, but aren't what is meant.
    return offer.cpu_name == order.cpu_name and offer.gpus == 0


def _source(call: Call) -> tuple[Image, Snapshot | None]:
    """Return what to start from: an image, or a snapshot and the image below it; both at once are one too many."""
    image_id = call.body.text("from_image_id", ID_LENGTH)
    snapshot_id = call.body.text("from_snap_id", ID_LENGTH)
    # The sister service's name for the field, which users have guessed; ignored, it would start the wrong thing.
    if call.switches.refuses_from_snapshot_id and call.body.text("from_snapshot_id", ID_LENGTH):
        raise illegal("from_snapshot_id is called from_snap_id")
    if bool(image_id) == bool(snapshot_id):
        raise illegal("exactly one of from_image_id and from_snap_id is required")
    if image_id:
        return find_image(call, image_id), None
    snapshot = find_snapshot(call, snapshot_id)
    hash_ = bare(snapshot.image_id, "img-")
    # The user's own image below it may be deleted by now; the snapshot doesn't need it.
    return call.catalogue.image_by_hash.get(hash_) or Image(hash_, snapshot.image_name), snapshot


def _checked_envs(envs: str) -> str:
    """Check `A=1;B=2`: every part has a name and an equals sign; an empty part is let pass (FACTS 3.3)."""
    for part in filter(None, envs.split(";")):
        if part.find("=") < 1:
            raise illegal("envs is not of the form A=1;B=2")
    return envs


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
        if not port or not protocol:
            raise illegal("port and protocol are required")
        requested[port] = _PROTOCOLS[protocol]
    return requested
