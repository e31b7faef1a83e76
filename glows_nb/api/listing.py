"""Every page of each list: which operation, and what tells one item from another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from glows_nb.api import operations
from glows_nb.api.models import Endpoint, Image, Instance, Network, Snapshot
from glows_nb.api.paging import all_items, all_kept
from glows_nb.api.steps import Steps

Kept = TypeVar("Kept")


def all_instances(
    statuses: Sequence[str] = (), ascending: bool = False, limit: int | None = None
) -> Steps[list[Instance]]:
    """Every machine in any of these statuses, newest first unless `ascending`, or the first `limit`.

    Without a limit the newest are always read first: a machine that is added meanwhile then moves the others to
    later pages, where they come twice and are noticed; read the other way round, one could be missed in silence.
    """
    is_oldest_first = ascending and limit is not None
    machines = yield from kept_instances(lambda machine: machine, statuses, is_oldest_first, limit)
    return machines[::-1] if ascending and not is_oldest_first else machines


def kept_instances(
    keep: Callable[[Instance], Kept], statuses: Sequence[str] = (), ascending: bool = False, limit: int | None = None
) -> Steps[list[Kept]]:
    """What `keep` makes of every machine in any of these statuses, or of the first `limit`, in the service's order."""
    return all_kept(
        lambda page: operations.list_instances(page, statuses=statuses, ascending=ascending),
        identity=lambda machine: machine.instance_id,
        keep=keep,
        limit=limit,
    )


def all_images(owned: bool = False, keywords: str = "", limit: int | None = None) -> Steps[list[Image]]:
    """Every image, or the first `limit`."""
    return all_items(
        lambda page: operations.list_images(page, owned=owned, keywords=keywords),
        identity=lambda image: image.image_id,
        limit=limit,
    )


def all_networks(network_type: int = 0, domain: int = 0, limit: int | None = None) -> Steps[list[Network]]:
    """Every network, or the first `limit`."""
    return all_items(
        lambda page: operations.list_networks(page, network_type=network_type, domain=domain),
        identity=lambda network: network.network_id,
        limit=limit,
    )


def all_endpoints(network_id: str, limit: int | None = None) -> Steps[list[Endpoint]]:
    """Every machine in a network, or the first `limit`."""
    return all_items(
        lambda page: operations.list_endpoints(network_id, page),
        identity=lambda endpoint: endpoint.endpoint_id,
        limit=limit,
    )


def all_snapshots(status: Sequence[int] = (), limit: int | None = None) -> Steps[list[Snapshot]]:
    """Every snapshot in any of these statuses, or the first `limit`."""
    return all_items(
        lambda page: operations.list_snapshots(page, status=status),
        identity=lambda snapshot: snapshot.snapshot_id,
        limit=limit,
    )
