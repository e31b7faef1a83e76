"""Read-only checks against the real service: `GLOWS_SDK_TOKEN=… pytest -m live`. Nothing here can cost money.

A failure is a difference between the service and what this package believes; the file that the run leaves behind tells
all of them. What changes something can't be tried this way: the report lacks those seven operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.models.specs import SPEC_CATEGORIES, MachineCategory
from glows_nb.api.operations.images import list_images
from glows_nb.api.operations.instances import count_instances, get_instance, list_instances
from glows_nb.api.operations.networks import list_endpoints, list_networks
from glows_nb.api.operations.snapshots import list_snapshots
from glows_nb.api.operations.specs import list_specs
from glows_nb.api.routes import ROUTES
from glows_nb.api.statuses import EndpointStatus, InstanceStatus, SnapshotStatus
from glows_nb.api.steps import Operation
from tests.live.conftest import BASE_URL, Service

pytestmark = pytest.mark.live

NO_MACHINE, NO_NETWORK = "ins-bbbbbbbb", "net-bbbbbbbb"
"""Ids that are well formed and nobody's: that they are refused shows that the path is right."""


def first_machine(service: Service) -> str:
    page = service.ask(list_instances(per_page=1))
    return page.items[0].instance_id if page.items else NO_MACHINE


def first_network(service: Service) -> str:
    page = service.ask(list_networks())
    return page.items[0].network_id if page.items else NO_NETWORK


def any_image(service: Service) -> str:
    return str(service.ask(list_images()).items[0].image_id)


READS: dict[str, Callable[[Service], Operation[Any]]] = {
    "list instances": lambda service: list_instances(),
    "get instance": lambda service: get_instance(first_machine(service)),
    "count instances": lambda service: count_instances(),
    "list images": lambda service: list_images(),
    "list specs": lambda service: list_specs(MachineCategory.GPU, any_image(service)),
    "list networks": lambda service: list_networks(),
    "list endpoints": lambda service: list_endpoints(first_network(service)),
    "list snapshots": lambda service: list_snapshots(),
}


def known_words() -> dict[tuple[str, str], set[Any]]:
    """For each field with an enum: the words that we know."""
    statuses = {status.value for status in InstanceStatus}
    return {
        ("list instances", "instances[].status"): statuses,
        ("get instance", "instance.status"): statuses,
        ("list snapshots", "snapshots[].status"): {status.value for status in SnapshotStatus},
        ("list endpoints", "endpoints[].status"): {status.value for status in EndpointStatus},
        ("list specs", "specs[].machine_category"): {category.value for category in MachineCategory},
        ("list specs", "specs[].instance_categories[]"): set(SPEC_CATEGORIES),
    }


def test_all_operations_that_only_read_are_tried() -> None:
    assert set(READS) == {route.name for route in ROUTES.values() if route.method == "GET"}


def test_path_that_does_not_exist_is_told_apart(service: Service) -> None:
    service.learned.unknown_path = "answers like a path that exists: what is said of routes is not proved"
    with (
        glows.Client(
            service.client._session.connection.token, BASE_URL, routes={"count instances": "/no/such"}
        ) as lost,
        pytest.raises(glows.BadResponse) as caught,
    ):
        lost.instances.stats()
    service.learned.unknown_path = "HTTP 404" if "HTTP 404" in str(caught.value) else "no JSON object"


def test_token_that_is_none_is_refused_with_code_176(service: Service) -> None:
    with glows.Client("not-a-token", BASE_URL) as stranger, pytest.raises(glows.AuthError) as caught:
        stranger.instances.list()
    service.learned.error("a token that is none", f"code {caught.value.code}: {caught.value.msg}")
    assert caught.value.code == 176


@pytest.mark.parametrize("name", READS)
def test_operation_is_found_where_it_is_believed_to_be_and_its_answer_can_be_read(name: str, service: Service) -> None:
    result = service.ask(READS[name](service))
    if isinstance(result, glows.AuthError):
        pytest.fail(str(result))
    if isinstance(result, glows.APIError):
        assert name in ("get instance", "list endpoints"), result
        assert isinstance(result, glows.ParamIllegal), result
    assert service.found[name] == ROUTES[name].path, (
        f"{name} is at {service.found[name]}. Until glows_nb knows, put it into your profile: "
        f'[default.routes] "{name}" = "{service.found[name]}"'
    )


def test_words_of_enums_are_known(service: Service) -> None:
    strange = {
        f"{name}: {path}": seen - words
        for (name, path), words in known_words().items()
        if (seen := service.learned.values.get(name, {}).get(path, set())) - words
    }
    assert strange == {}


def test_list_counts_and_pages_agree(service: Service) -> None:
    page = service.ask(list_instances())
    if isinstance(page, glows.APIError):
        pytest.fail(str(page))
    assert len(page.items) == min(page.pagination.total, page.pagination.per_page)
    assert page.pagination.page == 1
