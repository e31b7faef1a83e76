"""THE table of the 15 operations: what each is called, where it is, and what carries it out."""

from collections.abc import Callable
from dataclasses import dataclass

from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.resources.images import delete_image, list_images, submit_image
from glows_nb.sandbox.resources.instances import (
    cancel_instance,
    create_instance,
    instance_stats,
    list_instances,
    query_instance,
)
from glows_nb.sandbox.resources.networks import attach_instances, create_network, list_endpoints, list_networks
from glows_nb.sandbox.resources.snapshots import create_snapshot, list_snapshots
from glows_nb.sandbox.resources.specs import list_specs


@dataclass(frozen=True)
class Operation:
    """One operation of the API; `run` carries it out and returns the fields of its answer."""

    name: str
    """As in the contract's sample bodies; faults are ordered by it."""
    routes: tuple[str, ...]
    """Method and path, the likeliest first, then the alternatives of FACTS 1; all are served alike."""
    run: Callable[[Context], dict[str, object]]
    is_write: bool = False
    has_body: bool = False
    needs_body: bool = True
    """Of one that has a body: may it not be left out?"""


OPERATIONS = (
    Operation("instance_get", ("GET /instance",), query_instance),
    Operation("instance_create", ("POST /instance",), create_instance, is_write=True, has_body=True),
    Operation("instance_cancel", ("DELETE /instance",), cancel_instance, is_write=True),
    Operation(
        "instance_stats",
        ("GET /instance/stats", "GET /instance/stat", "GET /instance/count", "GET /instance/statistics"),
        instance_stats,
    ),
    Operation("instance_list", ("GET /instance/list",), list_instances),
    Operation(
        "image_submit",
        ("POST /image", "POST /image/submit", "POST /image/link", "POST /image/create"),
        submit_image,
        is_write=True,
        has_body=True,
    ),
    Operation(
        "image_delete",
        ("DELETE /image", "POST /image/delete"),
        delete_image,
        is_write=True,
        has_body=True,
        needs_body=False,
    ),
    Operation("image_list", ("GET /image/list", "GET /images"), list_images),
    Operation("spec_list", ("GET /spec/list",), list_specs),
    Operation(
        "network_create",
        ("POST /network", "POST /network/create", "POST /net"),
        create_network,
        is_write=True,
        has_body=True,
    ),
    Operation("network_list", ("GET /network/list", "GET /net/list", "GET /networks"), list_networks),
    Operation(
        "network_attach",
        (
            "POST /network/endpoint",
            "POST /network/attach",
            "POST /network/endpoints",
            "POST /network/instance",
            "POST /network/endpoint/attach",
        ),
        attach_instances,
        is_write=True,
        has_body=True,
    ),
    Operation(
        "network_endpoints",
        ("GET /network/endpoint/list", "GET /network/endpoints", "GET /endpoint/list"),
        list_endpoints,
    ),
    Operation("snapshot_create", ("POST /snapshot",), create_snapshot, is_write=True, has_body=True),
    Operation("snapshot_list", ("GET /snapshot/list", "GET /snapshots"), list_snapshots),
)
