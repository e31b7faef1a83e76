"""What an answer names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from glows_nb.api.models.wire import Page
from glows_nb.completion.entries import Entry, Kind, KnownMachine, KnownOffer, KnownThing

if TYPE_CHECKING:
    # Not loaded for this: a process that asks for offers has no use for the models of machines.
    from glows_nb.api.models.images import Image, SubmittedImage
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.networks import Network
    from glows_nb.api.models.snapshots import Snapshot
    from glows_nb.api.models.specs import Spec
    from glows_nb.api.steps import Operation


def entries_in(
    result: Any, operation: Operation[Any], is_of_interest: Callable[[Instance], bool]
) -> list[tuple[Kind, Entry]]:
    """What an operation's result names; of a list of machines, those of interest."""
    items = result.items if isinstance(result, Page) else (result,)
    body = operation.body or {}
    match operation.name:
        case "list instances":
            return [("machine", _machine(item)) for item in items if is_of_interest(item)]
        case "get instance" | "create instance":
            return [("machine", _machine(result))]
        case "list specs" if ("by_region", "true") in operation.params:
            return [("offer", _offer(spec)) for region in items for spec in region.specs if spec.rate is not None]
        case "list specs":
            return [("offer", _offer(item)) for item in items if item.rate is not None]
        case "list images" | "submit image":
            is_owned = operation.name == "submit image" or ("owned", "true") in operation.params
            return [("image", _image(item, is_owned=is_owned)) for item in items]
        case "list snapshots":
            return [("snapshot", _snapshot(item)) for item in items]
        case "create snapshot":
            name = str(body.get("name", ""))
            return [("snapshot", KnownThing(id_, name, result.instance_id)) for id_ in result.snapshot_ids]
        case "list networks":
            return [("network", _network(item)) for item in items]
        case "create network":
            return [("network", KnownThing(result, str(body.get("name", "")), str(body.get("region_name", ""))))]
    return []


def _machine(instance: Instance) -> KnownMachine:
    hardware = instance.hardware.gpu_name or instance.hardware.cpu_name
    created = int(instance.create_time.timestamp() if instance.create_time else time.time())
    return KnownMachine(instance.instance_id, instance.meta_key, str(instance.status), hardware, created)


def _offer(spec: Spec) -> KnownOffer:
    id_ = f"{spec.region_name}/{spec.resource_id}"
    return KnownOffer(id_, spec.region_name, spec.unit.gpu_name, spec.price_order)


def _image(image: Image | SubmittedImage, *, is_owned: bool = False) -> KnownThing:
    return KnownThing(image.image_id, image.name, is_owned=is_owned)


def _snapshot(snapshot: Snapshot) -> KnownThing:
    return KnownThing(snapshot.snapshot_id, "", snapshot.instance_id)


def _network(network: Network) -> KnownThing:
    return KnownThing(network.network_id, network.name)


ENTRY_FOR: Final[Mapping[Kind, Callable[[Any], Entry]]] = {
    "machine": _machine,
    "offer": _offer,
    "image": _image,
    "snapshot": _snapshot,
    "network": _network,
}
"""Makes the entry of a kind for a model."""
