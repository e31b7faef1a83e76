"""The 15 operations of the contract as values: arguments in, `Operation` out; pure, nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from glows_nb.api import reading
from glows_nb.api.models import (
    SPEC_CATEGORIES,
    Attached,
    Endpoint,
    Image,
    Instance,
    Network,
    Page,
    RegionSpecs,
    Snapshot,
    SnapshotsCreated,
    Spec,
    SubmittedImage,
)
from glows_nb.api.requests import (
    AttachInstances,
    CreateInstance,
    CreateNetwork,
    CreateSnapshot,
    DeleteImage,
    ListEndpoints,
    ListImages,
    ListInstances,
    ListNetworks,
    ListSnapshots,
    ListSpecs,
    SubmitImage,
    WhichInstance,
)
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation

Item = TypeVar("Item", bound=BaseModel)

UNSAID = {("network_type", 0), ("domain", 0)}
"""Left out of a query: the contract says that 0 and nothing mean the same."""


def get_instance(request_id: str | None = None, meta_key: str | None = None) -> Operation[Instance]:
    """Query one machine by its id or its meta key."""
    which = WhichInstance(request_id=request_id, meta_key=meta_key)
    return Operation(ROUTES["get instance"], reading.one("get instance", "instance", Instance), _params(which))


def create_instance(request: CreateInstance) -> Operation[Instance]:
    """Start a machine: not repeatable by itself, `launching.create` knows how."""
    read = reading.one("create instance", "instance", Instance)
    return Operation(ROUTES["create instance"], read, body=request.wire(), is_repeatable=False)


def cancel_instance(request_id: str | None = None, meta_key: str | None = None) -> Operation[None]:
    """Release a machine: repeatable, a machine can't be released more than once."""
    which = WhichInstance(request_id=request_id, meta_key=meta_key)
    return Operation(ROUTES["cancel instance"], reading.nothing, _params(which))


def count_instances() -> Operation[dict[str, int]]:
    """How many machines are in each status; statuses without a machine are left out."""
    return Operation(ROUTES["count instances"], reading.counts)


def list_instances(
    page: int = 1, per_page: int = 20, statuses: Sequence[str] = (), ascending: bool = False
) -> Operation[Page[Instance]]:
    """A page of machines, newest first unless `ascending`; no statuses means all."""
    statuses = (statuses,) if isinstance(statuses, str) else tuple(statuses)
    request = ListInstances(page=page, per_page=per_page, statuses=statuses, ascending=ascending)
    return _page("list instances", "instances", Instance, request)


def list_images(page: int = 1, per_page: int = 20, owned: bool = False, keywords: str = "") -> Operation[Page[Image]]:
    """A page of images, all or one's own, whose names hold the keywords."""
    request = ListImages(page=page, per_page=per_page, owned=owned, keywords=keywords)
    return _page("list images", "images", Image, request)


def list_specs(
    machine_category: int,
    from_image_id: str,
    page: int = 1,
    per_page: int = 20,
    region_name: str | None = None,
    instance_category: str | None = None,
) -> Operation[Page[Spec]]:
    """A page of the offers that an image can run on."""
    request = ListSpecs(
        machine_category=machine_category,
        from_image_id=from_image_id,
        page=page,
        per_page=per_page,
        region_name=region_name,
        instance_category=instance_category,
    )
    return _page("list specs", "specs", Spec, request)


def list_region_specs(
    machine_category: int, from_image_id: str, page: int = 1, **filters: Any
) -> Operation[Page[RegionSpecs]]:
    """A page of regions, each with all its offers; `filters` are those of `list_specs`."""
    request = ListSpecs(
        machine_category=machine_category, from_image_id=from_image_id, page=page, by_region=True, **filters
    )
    return _page("list specs", "regions", RegionSpecs, request)


def submit_image(image_link: str) -> Operation[SubmittedImage]:
    """Make a private image of a registry link: not repeatable by itself, `writes.submit_image` knows how."""
    request = SubmitImage(image_link=image_link)
    read = reading.whole("submit image", SubmittedImage)
    return Operation(ROUTES["submit image"], read, body=request.model_dump(), is_repeatable=False)


def delete_image(image_id: str) -> Operation[bool]:
    """Delete a private image: not repeatable by itself, since the second answer would be an error."""
    request = DeleteImage(image_id=image_id)
    return Operation(ROUTES["delete image"], reading.done, body=request.model_dump(), is_repeatable=False)


def create_network(name: str, region_name: str) -> Operation[str]:
    """Make a mesh network and give its id: not repeatable by itself, `writes.create_network` knows how."""
    request = CreateNetwork(name=name, region_name=region_name)
    body = {"network_type": 0, **request.model_dump()}
    read = reading.text("create network", "network_id")
    return Operation(ROUTES["create network"], read, body=body, is_repeatable=False)


def list_networks(
    page: int = 1, per_page: int = 20, network_type: int = 0, domain: int = 0
) -> Operation[Page[Network]]:
    """A page of one's own mesh networks, or with `network_type` 6 of public IPs, in a domain (a region's number)."""
    request = ListNetworks(page=page, per_page=per_page, network_type=network_type, domain=domain)
    return _page("list networks", "networks", Network, request)


def attach_instances(network_id: str, instance_ids: Sequence[str]) -> Operation[Attached]:
    """Put machines into a network: not repeatable by itself, `writes.attach_instances` knows how."""
    ids = (instance_ids,) if isinstance(instance_ids, str) else tuple(instance_ids)
    request = AttachInstances(network_id=network_id, instance_ids=ids)
    body = {"network_id": request.network_id, "instance_ids": list(request.instance_ids)}
    read = reading.whole("attach to network", Attached)
    return Operation(ROUTES["attach to network"], read, body=body, is_repeatable=False)


def list_endpoints(network_id: str, page: int = 1, per_page: int = 20) -> Operation[Page[Endpoint]]:
    """A page of the machines in a network."""
    request = ListEndpoints(network_id=network_id, page=page, per_page=per_page)
    return _page("list endpoints", "endpoints", Endpoint, request)


def create_snapshot(instance_id: str, name: str = "") -> Operation[SnapshotsCreated]:
    """Take a snapshot: never repeated blindly, `writes.create_snapshot` looks first."""
    request = CreateSnapshot(instance_id=instance_id, name=name)
    body = request.model_dump(exclude_defaults=True)
    read = reading.whole("create snapshot", SnapshotsCreated)
    return Operation(ROUTES["create snapshot"], read, body=body, is_repeatable=False)


def list_snapshots(page: int = 1, per_page: int = 20, status: Sequence[int] = ()) -> Operation[Page[Snapshot]]:
    """A page of snapshots in any of these statuses; none means the service's own choice."""
    statuses = (status,) if isinstance(status, int) else tuple(status)
    request = ListSnapshots(page=page, per_page=per_page, status=statuses)
    return _page("list snapshots", "snapshots", Snapshot, request)


def _page(name: str, field: str, model: type[Item], request: BaseModel) -> Operation[Page[Item]]:
    read, read_bytes = reading.page(name, field, model), reading.page_of_bytes(field, model)
    return Operation(ROUTES[name], read, _params(request), read_bytes=read_bytes)


def _params(request: BaseModel) -> tuple[tuple[str, str | int], ...]:
    """Query parameters, without what was not given; a list becomes one parameter an item."""
    numbers = {word: number for number, word in SPEC_CATEGORIES.items()}
    params: list[tuple[str, str | int]] = []
    for name, value in request.model_dump(exclude_none=True).items():
        if name == "instance_category":
            params.append((name, numbers[value]))
        elif isinstance(value, bool):
            params.extend([(name, "true")] if value else [])
        elif isinstance(value, tuple):
            params.extend((name, item) for item in value)
        elif value != "" and (name, value) not in UNSAID:
            params.append((name, value))
    return tuple(params)
