"""The whole life of a machine, told by the standard library and the contract alone: no client of ours, time runs."""

import json
import socket
import time
import urllib.parse
import urllib.request

import pytest

from glows_nb.sandbox.server import SandboxServer


@pytest.fixture
def server():
    with SandboxServer(speed=50) as running:
        yield running


def ask(server, method, path, query=None, body=None):
    request = urllib.request.Request(
        f"{server.base_url}{path}?{urllib.parse.urlencode(query or {}, doseq=True)}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def call(server, method, path, query=None, body=None):
    answer = ask(server, method, path, query, body)
    assert (answer["code"], answer["msg"]) == (0, "")
    return answer


def poll(look, until):
    seen, deadline = [], time.monotonic() + 20
    while time.monotonic() < deadline:
        status, found = look()
        if status not in seen:
            seen.append(status)
        if status == until:
            return found, seen
        time.sleep(0.01)
    raise AssertionError(f"only {seen}, not {until}")


def wait_for_machine(server, meta_key, until):
    def look():
        machine = call(server, "GET", "/instance", {"meta_key": meta_key})["instance"]
        return machine["status"], machine

    return poll(look, until)


def accepts(host, port):
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return False, None
    return True, None


def test_one_machine_from_the_price_list_to_its_release(server):
    # What is there to rent, and at what price?
    [image] = call(server, "GET", "/image/list", {"keywords": "CUDA11.8 Base"})["images"]
    query = {"machine_category": 0, "from_image_id": image["image_id"]}
    specs = [spec for spec in call(server, "GET", "/spec/list", query)["specs"] if spec["avail"]]
    cheapest = min(specs, key=lambda spec: spec["price"]["millicent_per_hour"])

    # Order it, and see it come up.
    order = {
        "from_image_id": image["image_id"],
        "gpu_name": cheapest["base_resource"]["unit_spec"]["gpu_name"],
        "custom_meta_key": "plain.life",
        "instance_category": "container",
        "region_name": cheapest["region_name"],
        "ports": '[{"port":7890,"protocol":2}]',
    }
    created = call(server, "POST", "/instance", body=order)["instance"]
    assert (created["status"], created["priceCent"]) == ("SchedQueued", 0)
    assert ask(server, "POST", "/instance", body=order)["code"] == 10
    running, seen = wait_for_machine(server, "plain.life", "Running")
    assert set(seen) <= {"SchedQueued", "Pending", "Running"}
    assert running["priceCent"] == cheapest["price"]["millicent_per_hour"] // 1000
    assert running["sshCred"] == created["sshCred"]

    # The ways into it: running is not yet reachable.
    outside = {access["listenPort"]: urllib.parse.urlsplit(access["url"]) for access in running["accesses"]}
    assert list(outside) == [22, 8888, 7890]
    poll(lambda: accepts(outside[22].hostname, outside[22].port), True)
    poll(lambda: accepts(outside[8888].hostname, outside[8888].port), True)
    with urllib.request.urlopen(outside[8888].geturl(), timeout=5) as page:
        assert page.status == 200

    # A network for it.
    mesh = {"name": "plain-mesh", "region_name": cheapest["region_name"], "network_type": 0}
    network_id = call(server, "POST", "/network", body=mesh)["network_id"]
    listed = call(server, "GET", "/network/list", {"domain": running["domain"]})["networks"]
    assert [network["netID"] for network in listed] == [network_id]
    attach = {"network_id": network_id, "instance_ids": [running["instanceID"], running["instanceID"]]}
    [endpoint_id] = call(server, "POST", "/network/endpoint", body=attach)["endpoint_ids"]

    def endpoint():
        [shown] = call(server, "GET", "/network/endpoint/list", {"network_id": network_id})["endpoints"]
        assert shown["endpoint_id"] == endpoint_id
        return shown["status"], shown

    connected, _ = poll(endpoint, 2)
    [info] = call(server, "GET", "/instance", {"request_id": running["instanceID"]})["instance"]["netEndpointInfos"]
    assert info == {
        "netID": network_id, "cidr": connected["cidr"], "mac": connected["mac"], "status": "Connected",
    }  # fmt: skip

    # A snapshot of it, during which it can't be released.
    saving = call(server, "POST", "/snapshot", body={"instance_id": running["instanceID"], "name": "plain"})
    assert saving["status"] == "Pausing"
    [snapshot_id] = saving["snapshot_ids"]
    assert ask(server, "DELETE", "/instance", {"meta_key": "plain.life"})["code"] == 20
    resumed, seen = wait_for_machine(server, "plain.life", "Running")
    assert set(seen) <= {"Pausing", "Paused", "Resuming", "Running"}
    assert resumed["accesses"] == running["accesses"]
    [snapshot] = call(server, "GET", "/snapshot/list", {"status": [3]})["snapshots"]
    assert (snapshot["snapshot_id"], snapshot["instance_id"]) == (snapshot_id, running["instanceID"])

    # Release it; the copy that is made of its snapshot is another machine.
    call(server, "DELETE", "/instance", {"request_id": created["instanceID"]})
    finished, _ = wait_for_machine(server, "plain.life", "Finished")
    assert finished["instanceID"] == created["instanceID"]
    assert accepts(outside[22].hostname, outside[22].port) == (False, None)
    copy = {name: value for name, value in order.items() if name != "from_image_id"}
    copy |= {"from_snap_id": snapshot_id, "custom_meta_key": "plain.copy"}
    call(server, "POST", "/instance", body=copy)
    again, _ = wait_for_machine(server, "plain.copy", "Running")
    assert again["instanceID"] != created["instanceID"]
    call(server, "DELETE", "/instance", {"meta_key": "plain.copy"})
    wait_for_machine(server, "plain.copy", "Finished")
    assert call(server, "GET", "/instance/stats")["stats"] == {"Finished": 2}
    everything = call(server, "GET", "/instance/list", {"page": 1, "per_page": 20})["instances"]
    assert [machine["metaKey"] for machine in everything] == ["plain.copy", "plain.life"]
