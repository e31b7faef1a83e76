"""schemathesis over the OpenAPI document against a running sandbox, with a bounded budget.

Half of the requests that it makes get real ids put in where they have one, or none would get past "no such machine".
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glows_nb.sandbox.resources.routes import OPERATIONS
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
REQUESTS_OF_EACH_KIND = 25
NAMES_ONE_MACHINE = {"instance_get", "instance_cancel"}


@pytest.fixture(scope="module")
def busy():
    limits = Limits(instances=100_000, networks=100_000, snapshots=100_000, pending_images=100_000)
    with SandboxServer(seed=1, limits=limits, is_reachable=False) as server:
        server.clock.pause()
        yield server


@pytest.fixture(scope="module")
def schema(busy):
    return schemathesis.openapi.from_url(f"{busy.base_url}/openapi.json")


@pytest.fixture
def real_ids(busy, as_user, request):
    """One of everything, made anew for each operation."""
    api = as_user(busy)
    name = request.node.name.removeprefix("test_every_answer_is_documented")[:32]
    one, two = (api.create(f"{name}-{number}")["instance"]["instanceID"] for number in (1, 2))
    busy.clock.advance(100)
    network = api.call("POST", "/network", body={"name": name, "region_name": "TW-04"})["network_id"]
    image = api.call("POST", "/image", body={"image_link": name})["image_id"]
    api.call("POST", "/network/endpoint", body={"network_id": network, "instance_ids": [one]})
    yield {
        "request_id": one,
        "instance_id": one,
        "instance_ids": [one, two],
        "network_id": network,
        "image_id": image,
        "from_image_id": "img-87p9kq26",
        "region_name": "TW-04",
        "network_type": 0,
        # Names of networks repeat among what is made up, too.
        "name": name[:-1] + "!",
        "image_link": name + "!",
    }
    # Or the stock would not last for all operations.
    busy.clock.advance(100)
    for machine in api.get("/instance/list", page=1, per_page=20)["instances"]:
        api.call("DELETE", "/instance", {"request_id": machine["instanceID"]})
    busy.clock.advance(100)


HARDWARE = {
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "cpu_name": "",
    "base_resource": None,
    "from_snap_id": "",
    "unit_qty": 1,
    "net_ids": [],
    "public_ip_id": "",
    "ports": '[{"port":7890,"protocol":2}]',
    "envs": "foo=bar",
    "cmd": "",
}


def put_in(fields, real_ids):
    if isinstance(fields, dict):
        fields |= {name: real_ids[name] for name in fields.keys() & real_ids.keys()}
        if "custom_meta_key" in fields:
            fields |= HARDWARE | {"from_image_id": real_ids["from_image_id"]}


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.name}-{mode}")
        for operation in OPERATIONS
        for mode in ("positive", "negative")
        # It has no parameters that could be wrong.
        if (operation.name, mode) != ("instance_stats", "negative")
    ],
)
def test_every_answer_is_documented(busy, schema, real_ids, operation, mode):
    method, path = operation.routes[0].split()
    described = schema[path][method]
    succeeded = 0

    @settings(
        max_examples=REQUESTS_OF_EACH_KIND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(described.as_strategy(generation_mode=schemathesis.GenerationMode(mode)), st.booleans())
    def request(case, has_real_ids):
        nonlocal succeeded
        if has_real_ids:
            if operation.name in NAMES_ONE_MACHINE:
                # By one of two, neither of which the schema requires: by the id, since a made-up key is nobody's.
                case.query = {"request_id": real_ids["request_id"]}
            put_in(case.query, real_ids)
            put_in(case.body, real_ids)
        case.headers = {"Authorization": f"Bearer {busy.token}"}
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        succeeded += response.json()["code"] == 0

    request()
    assert succeeded or mode == "negative"


def test_checks_notice_an_undocumented_answer(busy, schema):
    busy.admin.order("code", "instance_stats", code=12345)
    case = schema["/instance/stats"]["GET"].Case(headers={"Authorization": f"Bearer {busy.token}"})
    with pytest.raises(BaseExceptionGroup, match="schema"):
        case.call_and_validate(checks=CHECKS)
