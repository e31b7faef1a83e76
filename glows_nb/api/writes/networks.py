"""Making networks and putting machines into them, when the answer may be lost."""

from __future__ import annotations

from collections.abc import Sequence

from glows_nb.api.domains import domains_of_region
from glows_nb.api.errors import EndpointExists, NetNameRepeat
from glows_nb.api.models.networks import Attached
from glows_nb.api.operations import networks as operations
from glows_nb.api.operations.networks import all_endpoints, all_networks
from glows_nb.api.steps import Steps
from glows_nb.api.writes.lost_answers import write


def create_network(name: str, region_name: str, network_type: int = 0, *, backoff: float = 0.5) -> Steps[str]:
    """Make a network and give its id. Names are unique, so after a lost answer the one of this name is it."""
    operation = operations.create_network(name, region_name, network_type)

    def look_up() -> Steps[str | None]:
        for domain in (yield from domains_of_region(region_name)):
            networks = yield from all_networks(network_type, domain)
            for network in networks:
                if network.name == name:
                    return network.network_id
        return None

    return (
        yield from write(
            operation,
            look_up,
            f"client.networks.all() lists your networks; look for {name!r}.",
            done_already=(NetNameRepeat,),
            backoff=backoff,
        )
    )


def attach_instances(network_id: str, instance_ids: Sequence[str], *, backoff: float = 0.5) -> Steps[Attached]:
    """Put machines into a network. After a lost answer, its endpoints tell whether all of them are there."""
    operation = operations.attach_instances(network_id, instance_ids)
    wanted = {instance_ids} if isinstance(instance_ids, str) else set(instance_ids)

    def look_up() -> Steps[Attached | None]:
        endpoints = yield from all_endpoints(network_id)
        there = {endpoint.instance_id: endpoint.endpoint_id for endpoint in endpoints}
        if not wanted <= there.keys():
            return None
        return Attached(network_id=network_id, endpoint_ids=tuple(there[instance_id] for instance_id in wanted))

    return (
        yield from write(
            operation,
            look_up,
            f"client.networks.all_endpoints({network_id!r}) lists the machines in the network.",
            done_already=(EndpointExists,),
            backoff=backoff,
        )
    )
