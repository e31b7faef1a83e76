"""Every field of the contract's 15 operations at its limits: what it allows is sent and taken, what not is refused.

One table for both sides. Of the client: nothing that is refused was sent. Of the sandbox: code 6, and with what is
allowed no word against the field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

import glows_nb as glows
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.requests.create import Port
from glows_nb.api.routes import ROUTES
from glows_nb.sandbox.server import SandboxServer
from tests.hostile_server import Answer, HostileServer, json_answer

IMAGE: Final = "img-6np5yvq2"
GPU: Final = "NVIDIA GeForce RTX 4090"
INT32, UINT32, INT64 = 2**31, 2**32, 2**63
CREATE: Final = {
    "from_image_id": IMAGE,
    "gpu_name": GPU,
    "custom_meta_key": "order.123456",
    "instance_category": "container",
    "region_name": "TW-04",
}
SPECS: Final = {"machine_category": 0, "from_image_id": IMAGE}
PAGE: Final = {"page": ([0, 1, UINT32 - 1], [-1, UINT32]), "per_page": ([0, 1, 20], [-1, 21])}
IDENTIFIER: Final = (["i" * 64], ["i" * 65])
NETWORK_TYPE: Final = ([0, 7], [-1, 8])
DOMAIN: Final = ([0, -INT32, INT32 - 1], [INT32, -INT32 - 1])


IDS: Final = (
    "request_id",
    "meta_key",
    "image_id",
    "network_id",
    "instance_id",
    "instance_ids",
    "net_ids",
    "public_ip_id",
)


class Fields(NamedTuple):
    """An operation: how a client calls it, what is needed, and each field's allowed and refused values."""

    call: str
    needed: dict[str, Any]
    limits: dict[str, tuple[list[Any], list[Any]]]


OPERATIONS: Final = {
    "get instance": Fields("instances.get", {}, {"request_id": IDENTIFIER, "meta_key": IDENTIFIER}),
    "create instance": Fields(
        "instances.create",
        CREATE,
        {
            "from_image_id": (["6np5yvq2"], ["i" * 65, 5]),
            "gpu_name": ([GPU], ["g" * 129, 5]),
            "custom_meta_key": (["k" * 64], ["k" * 65, ""]),
            "instance_category": (["container", "vm"], ["pod", ""]),
            "region_name": (["r" * 128], ["r" * 129, ""]),
            "remark": (["", "r" * 32], ["r" * 33]),
            "cmd": (["", "c" * 512], ["c" * 513]),
            "envs": (["", "foo=bar", "foo=bar;tik=tok", "A=" + "v" * 510], ["A=" + "v" * 511, 5]),
            "ports": (
                ['[{"port":7890,"protocol":2}]', '[{"port":1,"protocol":1},{"port":65535,"protocol":2}]', "[]"],
                ['[{"port":0,"protocol":2}]', '[{"port":65536,"protocol":2}]', "[", '[{"port":80,"protocol":9}]'],
            ),
            "unit_qty": ([0, 1, 2, INT64 - 1], [-1, INT64, "two"]),
            "net_ids": ([[], ["n" * 64]], [["n" * 65], ["net-a", "net-b"]]),
            "network_type": NETWORK_TYPE,
            "public_ip_id": (["p" * 64], ["p" * 65]),
            "base_resource": (
                [
                    {"resource_id": "dHctMDQtcnR4NDA5MC0xZ3B1", "unit_spec": {"gpu_name": GPU}},
                    {"resource_id": "dHctMDQtcnR4NDA5MC0xZ3B1"},
                    {"unit_spec": {"gpu_name": GPU}},
                    {"unit_spec": {"gpu_name": GPU}, "unit_qty": 2},
                ],
                [
                    {"resource_id": "dHctMDQtcnR4NDA5MC0xZ3B1", "unit_spec": {"gpu_name": "NVIDIA H200"}},
                    5,
                    {"unit_spec": {"gpu_name": GPU}, "unit_qty": -1},
                ],
            ),
            "extra_resource": ([{"cpus": 4}], [{"cpus": -4}, {"cpus": INT64}, 4]),
        },
    ),
    "cancel instance": Fields("instances.cancel", {}, {"request_id": IDENTIFIER, "meta_key": IDENTIFIER}),
    "count instances": Fields("instances.stats", {}, {}),
    "list instances": Fields(
        "instances.list",
        {"page": 1, "per_page": 20},
        {
            "page": ([1, UINT32 - 1], [0, -1, UINT32]),
            "per_page": ([1, 20], [0, 21]),
            "statuses": ([[], ["Running", "Paused"]], []),
            "ascending": ([True, False], ["upwards"]),
        },
    ),
    "submit image": Fields(
        "images.submit", {"image_link": "r.io/a:b"}, {"image_link": (["l" * 512], ["l" * 513, "a b", ""])}
    ),
    "delete image": Fields("images.delete", {"image_id": IMAGE}, {"image_id": IDENTIFIER}),
    "list images": Fields(
        "images.list", {}, {**PAGE, "owned": ([True, False], ["mine"]), "keywords": (["", "k" * 100], ["k" * 101])}
    ),
    "list specs": Fields(
        "specs.list",
        SPECS,
        {
            **PAGE,
            "machine_category": ([0, 3], [-1, 4]),
            "from_image_id": ([IMAGE], ["i" * 65, ""]),
            "region_name": (["r" * 128], ["r" * 129]),
            "instance_category": ([0, 1], [-1, 2]),
        },
    ),
    "create network": Fields(
        "networks.create",
        {"name": "train-mesh", "region_name": "TW-01"},
        {
            "name": (["n" * 32], ["n" * 33, ""]),
            "region_name": (["r" * 128], ["r" * 129, ""]),
            "network_type": NETWORK_TYPE,
        },
    ),
    "list networks": Fields(
        "networks.list",
        {},
        {**PAGE, "network_type": NETWORK_TYPE, "domain": DOMAIN},
    ),
    "attach to network": Fields(
        "networks.attach",
        {"network_id": "net-od7pv75w", "instance_ids": ["ins-boyqp4g8"]},
        {
            "network_id": IDENTIFIER,
            "instance_ids": ([["i" * 64], ["ins-boyqp4g8"] * 10], [[], ["ins-boyqp4g8"] * 11, ["i" * 65]]),
        },
    ),
    "list endpoints": Fields("networks.endpoints", {"network_id": "net-a"}, {**PAGE, "network_id": IDENTIFIER}),
    "create snapshot": Fields(
        "snapshots.create",
        {"instance_id": "ins-boyqp4g8"},
        {"instance_id": IDENTIFIER, "name": (["", "n" * 32], ["n" * 33])},
    ),
    "list snapshots": Fields("snapshots.list", {}, {**PAGE, "status": ([[], [0, 7]], [[8], [-1]])}),
}
CASES: Final = [
    pytest.param(name, field, value, is_allowed, id=f"{name}-{field}-{'allowed' if is_allowed else 'refused'}-{number}")
    for name, fields in OPERATIONS.items()
    for field, limits in fields.limits.items()
    for is_allowed, values in ((True, limits[0]), (False, limits[1]))
    for number, value in enumerate(values)
]


def test_the_table_has_all_operations_and_all_fields_that_a_create_sends() -> None:
    assert set(OPERATIONS) == set(ROUTES)
    inferred = {"from_snap_id", "cpu_name"}
    assert set(glows.CreateInstance.model_fields) - inferred == set(OPERATIONS["create instance"].limits)


@pytest.fixture(scope="module")
def deaf() -> Iterator[HostileServer]:
    with HostileServer(lambda request: json_answer({"code": 6, "msg": "param illegal"})) as server:
        yield server


@pytest.mark.parametrize(("name", "field", "value", "is_allowed"), CASES)
def test_the_client_sends_what_the_contract_allows_and_nothing_else(
    deaf: HostileServer, name: str, field: str, value: Any, is_allowed: bool
) -> None:
    before = len(deaf.requests)
    with glows.Client("token", deaf.base_url, backoff=0) as client:
        resource, method = OPERATIONS[name].call.split(".")
        call = getattr(getattr(client, resource), method)
        # Nobody is there to give an answer; that the question was put is what counts.
        with pytest.raises(glows.GlowsError) as raised:
            call(**{**OPERATIONS[name].needed, field: value})
    if is_allowed:
        assert not isinstance(raised.value, glows.InvalidRequest), raised.value
        assert len(deaf.requests) > before
    else:
        assert isinstance(raised.value, glows.InvalidRequest)
        # Two fields that contradict each other are refused by either.
        assert raised.value.field == field or field in str(raised.value)
        assert len(deaf.requests) == before


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture(scope="module")
def real(sandbox: SandboxServer) -> dict[tuple[str, str], Any]:
    """Ids of things that are there, for operations whose other fields could not be looked at without them."""
    with glows.Client(sandbox.token, sandbox.base_url) as client:
        machine = client.instances.create(**{**CREATE, "custom_meta_key": "real"})
        network = client.networks.create("real", "TW-04")
    sandbox.clock.advance(60)
    return {
        ("list endpoints", "network_id"): network,
        ("create snapshot", "instance_id"): machine.instance_id,
    }


@pytest.mark.parametrize(("name", "field", "value", "is_allowed"), CASES)
def test_the_sandbox_takes_what_the_contract_allows_and_nothing_else(
    sandbox: SandboxServer,
    real: dict[tuple[str, str], Any],
    name: str,
    field: str,
    value: Any,
    is_allowed: bool,
) -> None:
    there = {key: id_ for (operation, key), id_ in real.items() if operation == name}
    if value == "vm":
        there["from_image_id"] = "img-9rp47yp3"
    route, given = ROUTES[name], {**OPERATIONS[name].needed, **there, field: value}
    address = urlsplit(sandbox.base_url)
    has_body = route.method == "POST" or name == "delete image"
    target = address.path + route.path
    if not has_body:
        target += "?" + urlencode(
            {key: str(v).lower() if isinstance(v, bool) else v for key, v in given.items()}, doseq=True
        )
    connection = HTTPConnection(str(address.hostname), address.port or 0, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        connection.request(route.method, target, json.dumps(given) if has_body else None, headers)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if is_allowed:
        # An id of a thing that is not there is code 6 whatever its length (contract).
        # So is a network of any type but the one that can be made.
        assert answer["code"] != 6 or field in IDS or (name, value) == ("create network", 7), answer
    else:
        assert answer["code"] == 6, answer


def test_the_contracts_own_sample_is_a_create() -> None:
    from tests.api.fake_service import sample

    body = sample("instance_create.request")
    wire = glows.CreateInstance(**body).wire()
    assert wire.pop("envs").get_secret_value() == body["envs"]
    assert {**wire, "envs": body["envs"]} == body


@pytest.mark.parametrize(
    ("given", "protocols"),
    [
        ([22], [1]),
        (["22"], [1]),
        (["22/ssh", "8000"], [1, 2]),
        (["22/http"], [2]),
        ([{"port": 22, "protocol": 1}, {"port": 3306, "protocol": 1}], [1, 1]),
        ('[{"port":22}]', [1]),
    ],
)
def test_22_is_ssh_unless_said_otherwise(given: Any, protocols: list[int]) -> None:
    wire = glows.CreateInstance(**CREATE, ports=given).wire()
    assert [port["protocol"] for port in json.loads(wire["ports"])] == protocols


@pytest.mark.parametrize("given", [[22, "22/http"], ["8000", 8000], '[{"port":1},{"port":1}]'])
def test_one_port_stands_there_once(given: Any) -> None:
    with pytest.raises(glows.InvalidRequest, match="stands there twice"):
        glows.CreateInstance(**CREATE, ports=given)


def test_the_required_name_stands_beside_a_pinned_offer_and_must_agree() -> None:
    resource = {"resource_id": "r", "unit_spec": {"gpu_name": GPU}}
    without = {key: value for key, value in CREATE.items() if key != "gpu_name"}
    assert glows.CreateInstance(**without, base_resource=resource).wire()["gpu_name"] == GPU
    assert glows.CreateInstance(**CREATE, base_resource=resource).wire()["gpu_name"] == GPU
    with pytest.raises(glows.InvalidRequest, match="is not what base_resource has"):
        glows.CreateInstance(**{**CREATE, "gpu_name": "NVIDIA H200"}, base_resource=resource)
    alone = {"resource_id": "r", "unit_spec": {"cpu_name": "Xeon"}}
    assert "gpu_name" not in glows.CreateInstance(**without, base_resource=alone).wire()


def test_statuses_are_known_in_any_case_and_others_warned_of() -> None:
    with SandboxServer() as server, glows.Client(server.token, server.base_url) as client:
        client.instances.launch(name="one", from_image_id=IMAGE, gpu_name=GPU, region_name="TW-04")
        assert client.instances.list(statuses=["running", "FINISHED"]).items == ()
        with pytest.warns(UserWarning, match="the contract has no 'Asleep'"):
            client.instances.list(statuses=["Asleep"])


def test_offers_by_region_come_page_by_page(sandbox: SandboxServer) -> None:
    with glows.Client(sandbox.token, sandbox.base_url) as client:
        everything = client.specs.by_region(0, IMAGE)
        pages = [client.specs.list_by_region(0, IMAGE, page, per_page=2) for page in range(1, 5)]
    assert [region for page in pages for region in page.items] == everything
    assert {page.pagination.total for page in pages} == {len(everything)}


@pytest.mark.parametrize(
    "ports", ['[{"port":7890,"protocol":2}]', [7890], 7890, "7890", {"7890/http"}, Port(port=7890)], ids=repr
)
def test_a_launch_takes_the_same_forms_as_a_create(ports: Any) -> None:
    fields = {name: value for name, value in CREATE.items() if name != "custom_meta_key"}
    wanted = checked_launch("mark", name="train", ports=ports, net_ids="net-a", **fields)
    assert wanted.template.wire()["ports"] == '[{"port":7890,"protocol":2}]'
    assert wanted.template.net_ids == ("net-a",)


def test_a_protocol_is_known_in_any_case() -> None:
    assert str(Port.parse("22/SSH")) == "22/ssh"
    assert str(Port.parse("8000/HTTP")) == "8000/http"


def test_a_variable_stands_there_once() -> None:
    with pytest.raises(glows.InvalidRequest, match="envs: a variable stands there twice"):
        glows.CreateInstance(**CREATE, envs="a=1;a=2")


def test_an_answer_that_is_no_json_is_told_of_whatever_the_token() -> None:
    with (
        HostileServer(lambda request: Answer(b"x" * 100_000)) as server,
        glows.Client("t", server.base_url) as client,
        pytest.raises(glows.BadResponse, match="is no JSON object"),
    ):
        client.instances.stats()
