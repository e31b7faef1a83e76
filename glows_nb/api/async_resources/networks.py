"""Private networks between machines.

The methods of `resources/networks.py`, awaited.

Made from that file by tools/make_async_resources.py; change that one, and make this again.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from glows_nb.api import domains
from glows_nb.api.interrupting import noting_write
from glows_nb.api.models.networks import Attached, Endpoint, Network
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import networks as operations
from glows_nb.api.paging import one_page
from glows_nb.api.runner import AsyncRunner
from glows_nb.api.writes import networks as writes


class AsyncNetworks:
    """Private networks between machines."""

    def __init__(self, client: AsyncRunner) -> None:
        self._client = client

    async def create(self, name: str, region_name: str, network_type: int = 0) -> str:
        """Make a mesh network; gives its id.

        Args:
            name: at most 32 characters, unique among one's own.
            region_name: where; machines join it from the same region.
            network_type: 0 for a mesh, which is all that the service makes (contract).

        Raises:
            NetNameRepeat: there is one of this name.
            OutOfNetCountLimit: the quota is used up.
            AmbiguousResult: the answer was lost and the network can't be found.
        """
        with noting_write(f"Network {name!r} may be made", "client.networks.all()"):
            return await self._client.run(
                writes.create_network(name, region_name, network_type, backoff=self._client.backoff)
            )

    async def list(
        self, page: int = 1, per_page: int = 20, network_type: int = 0, domain: int = 0, *, strict: bool = False
    ) -> Page[Network]:
        """A page of the networks of one region.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            network_type: 0 for meshes, 6 for owned public IPs.
            domain: the region's number.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return await self._client.run(
            one_page(operations.list_networks(page, per_page, network_type, domain, strict=strict))
        )

    async def all(
        self, network_type: int = 0, domain: int | None = None, limit: int | None = None, *, strict: bool = False
    ) -> builtins.list[Network]:
        """Every network of a type, or the first `limit`.

        Args:
            network_type: 0 for meshes, 6 for owned public IPs.
            domain: a region's number; without one every domain that is known: the service lists none, so that is
                those seen before and those of the account's machines.
            limit: at most so many.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.
        """
        if domain is None:
            return await self._client.run(domains.networks_everywhere(network_type, limit, strict=strict))
        return await self._client.run(operations.all_networks(network_type, domain, limit, strict=strict))

    async def attach(self, network_id: str, instance_ids: Sequence[str]) -> Attached:
        """Put running machines into a network; see how they are connected by `endpoints`.

        Args:
            network_id: the network.
            instance_ids: 1 to 10 machines; one named twice counts once.

        Raises:
            EndpointExists: one of them is in it already.
            OutOfNetEndpointCountLimit: there is no place for so many.
            AmbiguousResult: the answer was lost and not all of them are in it.
        """
        with noting_write("The machines may be attached", f"client.networks.all_endpoints({network_id!r})"):
            return await self._client.run(
                writes.attach_instances(network_id, instance_ids, backoff=self._client.backoff)
            )

    async def endpoints(
        self, network_id: str, page: int = 1, per_page: int = 20, *, strict: bool = False
    ) -> Page[Endpoint]:
        """A page of the machines in a network, with their addresses.

        Args:
            network_id: the network.
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            ParamIllegal: there is no such network, or it is somebody else's.
        """
        return await self._client.run(one_page(operations.list_endpoints(network_id, page, per_page, strict=strict)))

    async def all_endpoints(
        self, network_id: str, limit: int | None = None, *, strict: bool = False
    ) -> builtins.list[Endpoint]:
        """Every machine in a network, with its address.

        Args:
            network_id: the network.
            limit: at most so many; None is all.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            ParamIllegal: there is no such network, or it is somebody else's.
        """
        return await self._client.run(operations.all_endpoints(network_id, limit, strict=strict))
