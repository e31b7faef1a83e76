"""The operations on networks and the machines in them, and every page of their lists."""

from __future__ import annotations

from collections.abc import Sequence

from glows_nb.api.models.networks import Attached, Endpoint, Network
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import parsing
from glows_nb.api.operations.lists import page_of
from glows_nb.api.paging import all_items
from glows_nb.api.requests.networks import AttachInstances, CreateNetwork, ListEndpoints, ListNetworks
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation, Steps


def create_network(name: str, region_name: str, network_type: int = 0) -> Operation[str]:
    """Make a mesh network and give its id: not repeatable by itself, `writes.networks.create_network` knows how."""
    request = CreateNetwork(name=name, region_name=region_name, network_type=network_type)
    read = parsing.text("create network", "network_id")
    return Operation(ROUTES["create network"], read, body=request.model_dump(), is_repeatable=False)


def list_networks(
    page: int = 1, per_page: int = 20, network_type: int = 0, domain: int = 0, *, strict: bool = True
) -> Operation[Page[Network]]:
    """A page of one's own mesh networks, or with `network_type` 6 of public IPs, in a domain (a region's number)."""
    request = ListNetworks(page=page, per_page=per_page, network_type=network_type, domain=domain)
    return page_of("list networks", "networks", Network, request, strict=strict)


def all_networks(
    network_type: int = 0, domain: int = 0, limit: int | None = None, *, strict: bool = True
) -> Steps[list[Network]]:
    """Every network, or the first `limit`."""
    return all_items(
        lambda page: list_networks(page, network_type=network_type, domain=domain, strict=strict),
        identity=lambda network: network.network_id or None,
        limit=limit,
    )


def attach_instances(network_id: str, instance_ids: Sequence[str]) -> Operation[Attached]:
    """Put machines into a network: not repeatable by itself, `writes.networks.attach_instances` knows how."""
    ids = (instance_ids,) if isinstance(instance_ids, str) else tuple(instance_ids)
    request = AttachInstances(network_id=network_id, instance_ids=ids)
    body = {"network_id": request.network_id, "instance_ids": list(request.instance_ids)}
    read = parsing.whole("attach to network", Attached)
    return Operation(ROUTES["attach to network"], read, body=body, is_repeatable=False)


def list_endpoints(
    network_id: str, page: int = 1, per_page: int = 20, *, strict: bool = True
) -> Operation[Page[Endpoint]]:
    """A page of the machines in a network."""
    request = ListEndpoints(network_id=network_id, page=page, per_page=per_page)
    return page_of("list endpoints", "endpoints", Endpoint, request, strict=strict)


def all_endpoints(network_id: str, limit: int | None = None, *, strict: bool = True) -> Steps[list[Endpoint]]:
    """Every machine in a network, or the first `limit`."""
    return all_items(
        lambda page: list_endpoints(network_id, page, strict=strict),
        identity=lambda endpoint: endpoint.endpoint_id or None,
        limit=limit,
    )
