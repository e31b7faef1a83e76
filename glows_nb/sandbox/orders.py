"""What a create request asks for: reading and checking its body, and choosing the hardware for it. Pure.

Whether the user may have it (key, quota) is decided in `instances`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glows_nb.sandbox.catalogue import Catalogue, Offer
from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.image_catalogue import CONTAINER, VM, Image
from glows_nb.sandbox.lifecycle import Access
from glows_nb.sandbox.parameters import ID_LENGTH, INT64_MAX, Body, parse_json
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
    meta_key: str
    category: str
    region: str
    remark: str
    cmd: str
    envs: str
    units: int
    accesses: tuple[Access, ...]


def find_image(catalogue: Catalogue, image_id: str) -> Image:
    """Return the image of an id, which may be a bare hash as in older versions of the API."""
    image = catalogue.image_by_hash.get(image_id.removeprefix("img-"))
    if image is None:
        raise illegal("unknown image")
    return image


def read_order(body: Body, catalogue: Catalogue) -> Order:
    """Read the body of a create request; whatever is wrong with it is code 6."""
    gpu_name = body.text("gpu_name", 128)
    cpu_name = body.text("cpu_name", 128)
    base_resource = body.object("base_resource")
    resource_id = "" if base_resource is None else base_resource.text("resource_id", 128, required=True)
    if sum(map(bool, (gpu_name, cpu_name, resource_id))) != 1:
        raise illegal("exactly one of gpu_name, cpu_name and base_resource is required")
    if resource_id and resource_id not in catalogue.offer_by_id:
        raise illegal("unknown base_resource")
    # There are no snapshots yet, so no id of one is known.
    if body.text("from_snap_id", ID_LENGTH):
        raise illegal("unknown snapshot")
    image = find_image(catalogue, body.text("from_image_id", ID_LENGTH, required=True))
    # Required by the contract although it also names a default; a client must send it.
    category = body.text("instance_category", 16, required=True)
    cmd = body.text("cmd", 512)
    if CATEGORY_NUMBERS.get(category) not in image.instance_categories:
        raise illegal("the image is not for this instance_category, or there is no such category")
    if cmd and category != "container":
        raise illegal("cmd is for containers only")
    _refuse_what_is_not_there_yet(body)
    return Order(
        gpu_name=gpu_name,
        cpu_name=cpu_name,
        resource_id=resource_id,
        image=image,
        meta_key=body.text("custom_meta_key", ID_LENGTH, required=True),
        category=category,
        region=body.text("region_name", 128, required=True),
        remark=body.text("remark", 32),
        cmd=cmd,
        envs=_checked_envs(body.text("envs", 512)),
        units=body.number("unit_qty", low=0, high=INT64_MAX) or 1,
        accesses=_accesses(image, category, body.text("ports", 16384)),
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


def _refuse_what_is_not_there_yet(body: Body) -> None:
    """Refuse references to networks, of which there are none yet, and extra resources."""
    body.number("network_type", low=0, high=7)
    if body.texts("net_ids", most=1, limit=ID_LENGTH) or body.text("public_ip_id", ID_LENGTH):
        raise illegal("unknown network")
    # The contract's text has lost the field's exact name.
    if body.object("extra_resource") or body.object("extra_resources"):
        raise illegal("extra resources are not sold")


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
