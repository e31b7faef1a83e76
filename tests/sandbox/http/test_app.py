"""Whatever comes in, and whatever goes wrong inside, the answer is a proper one."""

import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glows_nb.sandbox.resources.routes import OPERATIONS
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.store.store import Store

# All that are documented, and 176; but not 1, which would be a failure inside.
CODES = {0, 6, 7, 10, 17, 20, 88, 89, 114, 133, 164, 174, 176, 192, 198, 199, 206, 208, 215}
GOOD_ORDER = {
    "from_image_id": "img-87p9kq26",
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "instance_category": "container",
    "region_name": "TW-04",
}
FIELDS = {
    "from_image_id": st.sampled_from(["img-6np5yvq2", "img-9rp47yp3", ""]),
    "gpu_name": st.sampled_from(["NVIDIA H100 SXM5", "", None]),
    "cpu_name": st.sampled_from(["Intel(R) Xeon(R) Platinum 8468", ""]),
    "instance_category": st.sampled_from(["vm", "pod"]),
    "region_name": st.sampled_from(["TW-02", "Mars"]),
    "unit_qty": st.integers(-1, 3) | st.integers(),
    "ports": st.sampled_from(['[{"port":80,"protocol":2}]', "[]", "[{}]", "x"]),
    "envs": st.text(max_size=20),
    "remark": st.text(max_size=40),
    "cmd": st.text(max_size=20),
    "net_ids": st.lists(st.text(max_size=5), max_size=2),
    "base_resource": st.dictionaries(st.just("resource_id"), st.text(max_size=5)),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
CHANGES = st.lists(
    st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name] | JSON)), max_size=3
).map(dict)
ORDERS = st.tuples(CHANGES, st.text(max_size=70)).map(
    lambda parts: GOOD_ORDER | {"custom_meta_key": parts[1]} | parts[0]
)
BODIES = st.binary(max_size=60) | st.one_of(JSON, ORDERS).map(lambda value: json.dumps(value).encode())
NAMES = st.sampled_from(
    ["page", "per_page", "ascending", "statuses", "request_id", "meta_key", "machine_category", "from_image_id",
     "region_name", "by_region", "instance_category", "owned", "keywords", "Authorization"]
)  # fmt: skip
VALUES = st.sampled_from(["0", "1", "20", "true", "Running", "TW-04", "img-6np5yvq2"]) | st.text(max_size=70)
QUERIES = st.lists(st.tuples(NAMES, VALUES.filter(lambda text: text.isprintable())), max_size=5)
PATHS = st.sampled_from(sorted({route.split()[1] for operation in OPERATIONS for route in operation.routes}))


@pytest.fixture(scope="module")
def busy():
    with SandboxServer(seed=1, speed=100) as running:
        yield running


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["GET", "POST", "DELETE"]), path=PATHS, query=QUERIES, body=BODIES)
def test_arbitrary_request_gets_a_documented_answer(busy, as_user, method, path, query, body):
    caller = as_user(busy)
    try:
        status, raw = caller.send(method, path, query, body)
    finally:
        caller.close()
    assert status in (200, 404)
    if status == 200:
        answer = json.loads(raw)
        assert answer["code"] in CODES
        assert isinstance(answer["msg"], str)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ORDERS)
def test_arbitrary_order_makes_a_machine_only_if_it_says_so(busy, as_user, body):
    caller = as_user(busy)
    try:
        answer = caller.call("POST", "/instance", body=body)
        assert answer["code"] in CODES
        assert ("instance" in answer) == (answer["code"] == 0)
        if answer["code"] == 0:
            assert caller.machine(body["custom_meta_key"])["instanceID"] == answer["instance"]["instanceID"]
            caller.cancel(body["custom_meta_key"])
    finally:
        caller.close()


def test_failure_inside_is_code_1_and_its_traceback_is_in_the_log(api, monkeypatch, caplog):
    def fail(*arguments):
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(Store, "status_counts", fail)
    assert api.get("/instance/stats") == {"code": 1, "msg": "internal error"}
    [record] = [record for record in caplog.records if record.name == "glows_nb.sandbox"]
    assert record.levelno == logging.ERROR
    assert "a secret detail" in caplog.text
