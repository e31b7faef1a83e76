"""The life of one machine, told by the standard library alone: no client of ours, no stopped clock."""

import json
import time
import urllib.parse
import urllib.request

import pytest

from glows_nb.sandbox.server import SandboxServer


@pytest.fixture
def server():
    with SandboxServer(speed=200) as running:
        yield running


def call(server, method, path, query=None, body=None):
    request = urllib.request.Request(
        f"{server.base_url}{path}?{urllib.parse.urlencode(query or {})}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        answer = json.load(response)
    assert (answer["code"], answer["msg"]) == (0, "")
    return answer


def poll(server, meta_key, until):
    seen, deadline = [], time.monotonic() + 20
    while time.monotonic() < deadline:
        machine = call(server, "GET", "/instance", {"meta_key": meta_key})["instance"]
        if machine["status"] not in seen:
            seen.append(machine["status"])
        if machine["status"] == until:
            return machine, seen
        time.sleep(0.01)
    raise AssertionError(f"only {seen}, not {until}")


def test_one_machine_from_the_price_list_to_its_release(server):
    [image] = call(server, "GET", "/image/list", {"keywords": "CUDA11.8 Base"})["images"]
    query = {"machine_category": 0, "from_image_id": image["image_id"]}
    specs = [spec for spec in call(server, "GET", "/spec/list", query)["specs"] if spec["avail"]]
    cheapest = min(specs, key=lambda spec: spec["price"]["millicent_per_hour"])
    order = {
        "from_image_id": image["image_id"],
        "gpu_name": cheapest["base_resource"]["unit_spec"]["gpu_name"],
        "custom_meta_key": "plain.life",
        "instance_category": "container",
        "region_name": cheapest["region_name"],
        "ports": '[{"port":7890,"protocol":2}]',
    }
    created = call(server, "POST", "/instance", body=order)["instance"]
    running, seen = poll(server, "plain.life", "Running")
    assert set(seen) <= {"SchedQueued", "Pending", "Running"}
    assert running["priceCent"] == 39
    assert running["sshCred"] == created["sshCred"]
    assert [access["listenPort"] for access in running["accesses"]] == [22, 8888, 7890]
    outside = [urllib.parse.urlsplit(access["url"]) for access in running["accesses"]]
    assert [url.scheme for url in outside] == ["ssh", "http", "http"]
    assert all(url.hostname and url.port for url in outside)

    call(server, "DELETE", "/instance", {"request_id": created["instanceID"]})
    finished, _ = poll(server, "plain.life", "Finished")
    assert finished["instanceID"] == created["instanceID"]
    assert call(server, "GET", "/instance/stats")["stats"] == {"Finished": 1}
