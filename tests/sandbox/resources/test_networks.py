"""The network operations, and machines that are created into a network."""

import pytest

from glows_nb.sandbox.resources.networks import grant_public_ip
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits

RTX_4090 = "NVIDIA GeForce RTX 4090"


@pytest.fixture
def server():
    with SandboxServer(seed=1, limits=Limits(networks=2)) as running:
        running.clock.pause()
        yield running


def create_network(api, name="mesh", region="TW-04", **more):
    return api.call("POST", "/network", body={"name": name, "region_name": region} | more)


@pytest.fixture
def mesh(api):
    """The id of a network in TW-04."""
    return create_network(api)["network_id"]


@pytest.fixture
def run(server, api):
    """Make machines that run, in TW-04 unless told otherwise, and return their ids."""

    def make(*keys, caller=api, **changes):
        ids = [caller.create(key, **changes)["instance"]["instanceID"] for key in keys]
        server.clock.advance(47)
        return ids

    return make


def attach(api, network_id, *instance_ids):
    return api.call("POST", "/network/endpoint", body={"network_id": network_id, "instance_ids": list(instance_ids)})


def endpoints(api, network_id, **params):
    return api.get("/network/endpoint/list", network_id=network_id, **params)["endpoints"]


def test_network_is_listed_in_its_own_domain_alone(api, mesh):
    assert api.get("/network/list")["networks"] == []  # of domain 0, TW-01
    answer = api.get("/network/list", domain=3)
    assert answer["pagination"] == {"total": 1, "numPages": 1, "page": 1, "perPage": 20}
    [network] = answer["networks"]
    assert network["netID"] == mesh
    assert network["createTime"] == {"seconds": network["create_time"]}
    assert (network["name"], network["clusterType"], network["domain"]) == ("mesh", "Overlay", 3)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "region_name": "TW-04", "network_type": 0}, 0),
        ({"name": "雲" * 32, "region_name": "TW-04"}, 0),
        ({"name": "x" * 33, "region_name": "TW-04"}, 6),
        ({"name": "", "region_name": "TW-04"}, 6),
        ({"region_name": "TW-04"}, 6),
        ({"name": "x"}, 6),
        ({"name": "x", "region_name": "TW-04", "network_type": 6}, 6),
        ({"name": "x", "region_name": "TW-04", "network_type": 8}, 6),
        ({"name": "x", "region_name": "TW-04", "network_type": "0"}, 6),
        ({"name": "x", "region_name": "TW-99"}, 206),
    ],
)
def test_network_parameters_are_checked(api, body, code):
    assert api.call("POST", "/network", body=body)["code"] == code


def test_name_repeats_and_quota_are_told_apart(api, mesh):
    assert create_network(api, region="TW-03") == {"code": 133, "msg": "net name repeat"}
    assert create_network(api, "second")["code"] == 0
    assert create_network(api, "second")["code"] == 133
    assert create_network(api, "third") == {"code": 88, "msg": "out of net count limit"}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"network_type": 6}, 0),
        ({"network_type": 3}, 0),
        ({"domain": 99}, 0),
        ({"network_type": 8}, 6),
        ({"domain": "TW-04"}, 6),
        ({"per_page": 21}, 6),
    ],
)
def test_network_list_parameters_are_checked(api, mesh, params, code):
    answer = api.get("/network/list", **params)
    assert answer["code"] == code
    assert answer.get("networks", []) == []


def test_attached_machine_connects_after_a_while_and_shows_it(server, api, mesh, run):
    [machine] = run("one")
    answer = attach(api, mesh, machine)
    assert (answer["network_id"], len(answer["endpoint_ids"])) == (mesh, 1)
    [endpoint] = endpoints(api, mesh)
    assert (endpoint["endpoint_id"], endpoint["instance_id"]) == (answer["endpoint_ids"][0], machine)
    assert (endpoint["status"], endpoint["cidr"]) == (1, "192.168.2.1/24")
    [info] = api.machine("one")["netEndpointInfos"]
    assert info == {"netID": mesh, "cidr": endpoint["cidr"], "mac": endpoint["mac"], "status": "Connecting"}
    server.clock.advance(10)
    assert endpoints(api, mesh)[0]["status"] == 2
    assert api.machine("one")["netEndpointInfos"][0]["status"] == "Connected"
    assert api.get("/instance/list", page=1, per_page=5)["instances"][0]["netEndpointInfos"][0]["netID"] == mesh


def test_duplicates_are_ignored_before_the_quota(api, mesh, run):
    ids = run(*"abcdef")
    assert attach(api, mesh, *ids) == {"code": 164, "msg": "out of net endpoint count limit"}
    assert endpoints(api, mesh) == []
    doubled = [name for instance_id in ids[:5] for name in (instance_id, instance_id[4:])]
    assert len(attach(api, mesh, *doubled)["endpoint_ids"]) == 5
    assert attach(api, mesh, ids[5])["code"] == 164


def test_machine_that_is_in_the_network_already_is_passed_over(api, mesh, run):
    one, other = run("one", "other")
    attach(api, mesh, one)
    assert attach(api, mesh, one) == {"code": 89, "msg": "endpoint exist"}
    assert len(attach(api, mesh, one, other)["endpoint_ids"]) == 1
    assert [endpoint["instance_id"] for endpoint in endpoints(api, mesh)] == [other, one]
    assert attach(api, mesh, one, other)["code"] == 89


def test_only_running_machines_of_the_same_region_are_attached(api, mesh, run):
    [elsewhere] = run("elsewhere", region_name="TW-03")
    queued = api.create("queued")["instance"]["instanceID"]
    assert attach(api, mesh, queued) == {"code": 20, "msg": "illegal status"}
    assert attach(api, mesh, elsewhere)["code"] == 6
    assert endpoints(api, mesh) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"network_id": "net-nobodyxx"},
        {"instance_ids": []},
        {"instance_ids": ["ins-x"] * 11},
        {"instance_ids": ["ins-nobodyxx"]},
        {"instance_ids": [5]},
        {"instance_ids": [""]},
        {"instance_ids": "ins-x"},
        {"network_id": None},
    ],
)
def test_attach_that_breaks_a_rule_is_code_6(api, mesh, run, body):
    [machine] = run("one")
    good = {"network_id": mesh, "instance_ids": [machine]}
    changed = good | body if body else {}
    assert api.call("POST", "/network/endpoint", body=changed)["code"] == 6
    assert api.call("POST", "/network/endpoint", body=good)["code"] == 0


def test_ended_machine_leaves_its_place_to_another(server, api, mesh, run):
    one, _ = run("one", "two")
    attach(api, mesh, one, api.machine("two")["instanceID"])
    api.cancel("one")
    server.clock.advance(20)
    assert api.machine("one")["netEndpointInfos"] == []
    [left] = endpoints(api, mesh)
    assert left["cidr"] == "192.168.2.2/24"
    [three] = run("three")
    attach(api, mesh, three)
    assert endpoints(api, mesh)[0]["cidr"] == "192.168.2.1/24"


def test_endpoints_page_newest_first(api, mesh, run):
    ids = run(*"abc")
    attach(api, mesh, *ids)
    first = api.get("/network/endpoint/list", network_id=mesh, page=1, per_page=2)
    assert first["pagination"] == {"total": 3, "numPages": 2, "page": 1, "perPage": 2}
    parts = [*first["endpoints"], *endpoints(api, mesh, page=2, per_page=2)]
    assert [endpoint["instance_id"] for endpoint in parts] == ids[::-1]
    assert api.get("/network/endpoint/list")["code"] == 6
    assert api.get("/network/endpoint/list", network_id=mesh, per_page=21)["code"] == 6


def test_machine_created_into_a_network_connects_when_it_runs(server, api, mesh):
    assert api.create("one", net_ids=[mesh])["instance"]["netEndpointInfos"] is None
    [info] = api.machine("one")["netEndpointInfos"]
    assert (info["netID"], info["status"]) == (mesh, "Connecting")
    server.clock.advance(47)
    assert endpoints(api, mesh)[0]["status"] == 1
    server.clock.advance(10)
    assert endpoints(api, mesh)[0]["status"] == 2
    for number in range(4):
        assert api.create(f"more-{number}", net_ids=[mesh[4:]])["code"] == 0
    assert api.create("sixth", net_ids=[mesh])["code"] == 164
    assert api.get("/instance", meta_key="sixth")["code"] == 6


@pytest.mark.parametrize("changes", [{"region_name": "TW-03"}, {"network_type": 6}, {"net_ids": ["net-nobodyxx"]}])
def test_create_into_a_network_that_does_not_fit_is_code_6(api, mesh, changes):
    assert api.create("one", **({"net_ids": [mesh]} | changes))["code"] == 6


def test_public_ip_is_listed_apart_and_belongs_to_one_machine_at_a_time(server, api, mesh):
    granted = grant_public_ip(server.store, server.store.users.user("researcher").uid, "TW-04", 3)
    public_ip = f"net-{granted.hash}"
    [shown] = api.get("/network/list", network_type=6, domain=3)["networks"]
    assert shown["netID"] == public_ip
    assert [network["netID"] for network in api.get("/network/list", domain=3)["networks"]] == [mesh]
    # The server forces the type, whatever network_type says.
    assert api.create("one", public_ip_id=public_ip, network_type=0)["code"] == 0
    assert api.machine("one")["netEndpointInfos"][0]["netID"] == public_ip
    assert api.create("two", public_ip_id=public_ip)["code"] == 89
    api.cancel("one")
    server.clock.advance(20)
    assert api.create("two", public_ip_id=public_ip)["code"] == 0
    assert api.create("three", public_ip_id=mesh)["code"] == 6
    assert api.create("three", net_ids=[public_ip])["code"] == 6
    assert api.create("three", public_ip_id=public_ip, net_ids=[mesh])["code"] == 6
    assert attach(api, public_ip, api.machine("two")["instanceID"])["code"] == 6


def test_networks_of_others_are_not_there(server, as_user, api, mesh, run):
    other = as_user(server, "other")
    [machine] = run("theirs", caller=other)
    assert other.get("/network/list", domain=3)["networks"] == []
    assert other.get("/network/endpoint/list", network_id=mesh)["code"] == 6
    assert attach(other, mesh, machine)["code"] == 6
    assert attach(api, mesh, machine)["code"] == 6
    assert other.create("into", net_ids=[mesh])["code"] == 6
    assert create_network(other)["code"] == 0
