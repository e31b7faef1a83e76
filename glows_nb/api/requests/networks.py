"""What is asked of networks."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from glows_nb.api.requests.limits import Identifier, Int32, NetworkTypeNumber, PageOf, RegionName, RequestModel

MOST_ATTACHED: Final = 10


class CreateNetwork(RequestModel):
    """A mesh network to make."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    region_name: RegionName
    network_type: NetworkTypeNumber = 0


class ListNetworks(PageOf):
    """A page of networks: meshes, or with `network_type` 6 the owned public IPs; `domain` is a region's number."""

    network_type: NetworkTypeNumber = 0
    domain: Int32 = 0


class AttachInstances(RequestModel):
    """Machines to put into a network; one named twice counts once."""

    network_id: Identifier
    instance_ids: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MOST_ATTACHED)]


class ListEndpoints(PageOf):
    """A page of the machines in a network."""

    network_id: Identifier
