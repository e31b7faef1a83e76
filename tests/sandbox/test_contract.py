"""The sandbox against the contract's own sample bodies."""

import dataclasses
import json
from pathlib import Path

import pytest

from glows_nb.sandbox.catalogue import CATALOGUE
from glows_nb.sandbox.server import SandboxServer

SAMPLES = Path(__file__).parent.parent / "contract_examples"
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


@pytest.mark.parametrize("path", ["/instance/stat", "/instance/count", "/instance/statistics", "/images"])
def test_alternative_paths_answer_like_the_likeliest(api, path):
    api.create("one")
    main = "/image/list" if path == "/images" else "/instance/stats"
    assert api.get(path) == api.get(main)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/instances"), ("GET", "/instance/"), ("PUT", "/instance"), ("POST", "/spec/list")],
)
def test_unknown_path_or_method_is_a_plain_404(reader, method, path):
    status, raw = reader.send(method, path)
    assert (status, raw) == (404, b"404 page not found")
