"""The sandbox against the contract's own sample bodies."""

import dataclasses
import json
from pathlib import Path

import pytest

from glows_nb.sandbox.catalogue import CATALOGUE
from glows_nb.sandbox.resources.routes import OPERATIONS
from glows_nb.sandbox.server import SandboxServer

SAMPLES = Path(__file__).parents[2] / "contract_examples"
SAMPLE_OFFER = dataclasses.replace(
    next(offer for offer in CATALOGUE.offers if offer.region == "TW-01"), slug="rtx4090-1gpu", region="Region-01"
)


def sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text())


def differences(actual, expected, where="$"):
    """List where `actual` has other keys, nesting or JSON types than the sample `expected`.

    Of a list, every item is held against the sample's first one. A map of counts is one whose keys are data.
    """
    if where == "$.stats":
        return [f"{where}.{key}" for key, count in actual.items() if type(count) is not int]
    if type(actual) is not type(expected):
        return [f"{where}: {type(actual).__name__}, not {type(expected).__name__}"]
    found = []
    if isinstance(expected, dict):
        found += [f"{where}: keys {sorted(actual)}"] if list(actual) != list(expected) else []
        for key in actual.keys() & expected.keys():
            found += differences(actual[key], expected[key], f"{where}.{key}")
    if isinstance(expected, list) and expected:
        for item in actual:
            found += differences(item, expected[0], f"{where}[]")
    return found


@pytest.fixture
def server():
    """A sandbox that has the samples' region and machine, too."""
    catalogue = dataclasses.replace(
        CATALOGUE,
        regions={**CATALOGUE.regions, "Region-01": 0},
        offers=(SAMPLE_OFFER, *CATALOGUE.offers),
    )
    with SandboxServer(seed=1, catalogue=catalogue) as running:
        running.clock.pause()
        yield running


def test_comparer_finds_each_kind_of_difference():
    expected = {"n": 1, "t": "x", "l": [{"a": None}]}
    assert differences({"n": 2, "t": "", "l": []}, expected) == []
    assert differences({"n": True, "t": "", "l": []}, expected) == ["$.n: bool, not int"]
    assert differences({"n": 1, "t": "", "l": None}, expected) == ["$.l: NoneType, not list"]
    assert differences({"n": 1, "t": "", "l": [{"a": 1}]}, expected) == ["$.l[].a: int, not NoneType"]
    assert differences({"n": 1, "t": ""}, expected) == ["$: keys ['n', 't']"]
    assert differences({"stats": {"Running": "1"}}, {"stats": {}}) == ["$.stats.Running"]


def machines(server, api, *hashes):
    """Make machines of these ids that run in the samples' region."""
    server.store.ids.reserve(hashes)
    for hash_ in hashes:
        api.call(
            "POST", "/instance", body=sample("instance_create.request") | {"custom_meta_key": hash_, "unit_qty": 1}
        )
    server.clock.advance(47)


def test_create_takes_the_sample_and_answers_like_the_sample(api):
    request, expected = sample("instance_create.request"), sample("instance_create.response")
    answer = api.call("POST", "/instance", body=request)
    assert differences(answer, expected) == []
    # What is left equal when the parts of chance and time are taken out: everything.
    for changing in ("instanceID", "sshCred", "createTime"):
        del answer["instance"][changing], expected["instance"][changing]
    assert answer == expected


def test_machine_and_list_have_the_samples_shape_in_every_status(server, api):
    api.call("POST", "/instance", body=sample("instance_create.request"))
    get, listing = sample("instance_get.response"), sample("instance_list.response")
    seen = []
    for seconds, status in ((0, "SchedQueued"), (26, "Pending"), (21, "Running"), (0, "Canceling"), (20, "Finished")):
        if status == "Canceling":
            assert api.cancel("order.123456") == sample("instance_cancel.response")
        server.clock.advance(seconds)
        answer = api.get("/instance", meta_key="order.123456")
        assert differences(answer, get) == []
        assert differences(api.get("/instance/list", page=1, per_page=10), listing) == []
        seen.append(answer["instance"]["status"])
    assert seen == ["SchedQueued", "Pending", "Running", "Canceling", "Finished"]


def test_running_machine_is_the_samples_machine(server, api):
    api.call("POST", "/instance", body=sample("instance_create.request") | {"unit_qty": 1})
    server.clock.advance(47)
    hardware = api.machine("order.123456")["hardware"]
    assert hardware == sample("instance_get.response")["instance"]["hardware"]


def test_stats_have_the_samples_shape(api):
    api.create("one")
    answer = api.get("/instance/stats")
    assert differences(answer, sample("instance_stats.response")) == []
    assert answer["stats"] == {"SchedQueued": 1}


def test_specs_have_the_samples_shape_and_id(api):
    answer = api.get(
        "/spec/list", machine_category=0, from_image_id="img-87p9kq26", region_name="Region-01", per_page=10
    )
    expected = sample("spec_list.response")
    assert differences(answer, expected) == []
    assert answer["pagination"] == expected["pagination"]
    # Price and stock of the sample are known to be synthetic (FACTS 8, 2).
    for synthetic in ("price", "max_available_units"):
        del answer["specs"][0][synthetic], expected["specs"][0][synthetic]
    assert answer["specs"] == expected["specs"]


def test_all_specs_and_images_have_the_samples_shape(api):
    for category in (0, 1):
        specs = api.get("/spec/list", machine_category=category, from_image_id="img-87p9kq26")
        assert differences(specs, sample("spec_list.response")) == []
        assert specs["specs"]
    images = api.get("/image/list")
    assert differences(images, sample("image_list.response")) == []
    assert images["images"]


@pytest.mark.parametrize("code", [6, 10])
def test_error_is_http_200_with_code_and_msg_alone(api, code):
    api.create("taken")
    answer = api.create("taken", gpu_name=None) if code == 6 else api.create("taken")
    assert answer == {"code": code, "msg": "param illegal" if code == 6 else "meta key exist"}


def test_network_samples_are_taken_and_answered_like_the_samples(server, api):
    machines(server, api, "boyqp4g8", "qgv8a2zk")
    server.store.ids.reserve(["od7pv75w", "9avm2m3p"])
    assert api.call("POST", "/network", body=sample("network_create.request")) == sample("network_create.response")
    request, expected = sample("network_attach.request"), sample("network_attach.response")
    answer = api.call("POST", "/network/endpoint", body=request)
    assert differences(answer, expected) == []
    assert (answer["network_id"], answer["endpoint_ids"][0]) == (expected["network_id"], expected["endpoint_ids"][0])
    server.clock.advance(10)
    expected = sample("network_endpoints.response")
    answer = api.get("/network/endpoint/list", network_id="net-od7pv75w", page=1, per_page=10)
    assert differences(answer, expected) == []
    first, sampled = answer["endpoints"][1], expected["endpoints"][0]
    for same in ("endpoint_id", "network_id", "instance_id", "status"):
        assert first[same] == sampled[same]
    answer = api.get("/network/list", page=1, per_page=5)
    expected = sample("network_list.response")
    assert differences(answer, expected) == []
    assert answer["pagination"] == expected["pagination"]
    # The machine in a network has the sample's netEndpointInfos.
    assert differences(api.get("/instance", request_id="ins-boyqp4g8"), sample("instance_get.response")) == []


def test_snapshot_samples_are_taken_and_answered_like_the_samples(server, api):
    machines(server, api, "boyqp4g8")
    server.store.ids.reserve(["5mrq9a2w"])
    answer = api.call("POST", "/snapshot", body=sample("snapshot_create.request"))
    assert answer == sample("snapshot_create.response")
    server.clock.advance(40)
    expected = sample("snapshot_list.response")
    answer = api.get("/snapshot/list", page=1, per_page=10, status=3)
    assert differences(answer, expected) == []
    for changing in ("create_time", "modify_time"):
        del answer["snapshots"][0][changing], expected["snapshots"][0][changing]
    assert answer == expected


def test_image_samples_are_taken_and_answered_like_the_samples(as_user):
    # The id that the samples submit and delete is that of a public image on the service and here.
    images = tuple(image for image in CATALOGUE.images if image.hash != "87p9kq26")
    with SandboxServer(seed=1, catalogue=dataclasses.replace(CATALOGUE, images=images)) as server:
        server.store.ids.reserve(["87p9kq26"])
        api = as_user(server)
        expected = sample("image_submit.response")
        answer = api.call("POST", "/image", body=sample("image_submit.request"))
        assert differences(answer, expected) == []
        assert answer["image_id"] == expected["image_id"]
        assert answer["name"].split("-")[::3] == expected["name"].split("-")[::3]
        server.clock.advance(60)
        expected = sample("image_list.response")
        listed = api.get("/image/list", page=1, per_page=10, owned="true")
        assert differences(listed, expected) == []
        assert listed["pagination"] == expected["pagination"]
        assert listed["images"][0]["status"] == expected["images"][0]["status"]
        assert api.call("DELETE", "/image", body=sample("image_delete.request")) == sample("image_delete.response")


def test_all_samples_are_used_here():
    text = Path(__file__).read_text()
    names = [path.name.removesuffix(".json") for path in SAMPLES.glob("*.json")]
    assert len(names) == 21
    assert [name for name in names if f'sample("{name}")' not in text] == []


ALTERNATIVES = [
    (operation.name, operation.routes[0], route) for operation in OPERATIONS for route in operation.routes[1:]
]
QUERY = {"page": 1, "per_page": 5, "network_id": "net-nobodyxx"}
BODY = {"image_link": "a b", "image_id": "img-nobodyxx", "name": "mesh", "region_name": "TW-99"}


@pytest.mark.parametrize(("name", "main", "alternative"), ALTERNATIVES, ids=lambda part: part)
def test_alternative_paths_answer_like_the_likeliest(reader, name, main, alternative):
    answers = []
    for route in (main, alternative):
        method, path = route.split()
        answers.append(reader.call(method, path, QUERY, None if method == "GET" else BODY))
    assert answers[0] == answers[1]
    # Not by being refused for another reason: each has its own.
    codes = {"network_create": 206, "instance_stats": 0, "image_list": 0, "network_list": 0, "snapshot_list": 0}
    assert answers[0]["code"] == codes.get(name, 6)


def test_all_fifteen_operations_are_served_at_the_paths_of_facts():
    assert len(OPERATIONS) == 15
    assert len({route for operation in OPERATIONS for route in operation.routes}) == 34


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/instances"), ("GET", "/instance/"), ("PUT", "/instance"), ("POST", "/spec/list")],
)
def test_unknown_path_or_method_is_a_plain_404(reader, method, path):
    status, raw = reader.send(method, path)
    assert (status, raw) == (404, b"404 page not found")
