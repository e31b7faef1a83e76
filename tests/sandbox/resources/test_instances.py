"""The instance operations: what a create must and may say, who sees what, and how lists page."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from glows_nb.sandbox.http.admin_client import AdminError
from glows_nb.sandbox.machines import lifecycle

RTX_4090 = "NVIDIA GeForce RTX 4090"
VM_IMAGE = "img-9rp47yp3"


def ports(*pairs):
    return json.dumps([{"port": port, "protocol": protocol} for port, protocol in pairs])


def resource(slug):
    return {"resource_id": base64.b64encode(slug.encode()).decode()}


@pytest.mark.parametrize(
    "changes",
    [
        {"from_image_id": None},
        {"from_image_id": ""},
        {"from_image_id": "img-99999999"},
        {"from_image_id": "i" * 65},
        {"from_image_id": 5},
        {"from_snap_id": "snap-5mrq9a2w"},
        {"from_image_id": None, "from_snapshot_id": "snap-5mrq9a2w"},
        {"gpu_name": None},
        {"gpu_name": "g" * 129},
        {"cpu_name": "Intel(R) Xeon(R) Platinum 8468"},
        {"gpu_name": None, "base_resource": {}},
        {"gpu_name": None, "base_resource": {"resource_id": "nobody"}},
        {"gpu_name": None, "base_resource": "tw-04-rtx4090-1gpu"},
        {"custom_meta_key": None},
        {"custom_meta_key": "k" * 65},
        {"custom_meta_key": "\ud800"},
        {"instance_category": None},
        {"instance_category": "pod"},
        {"instance_category": "vm"},
        {"from_image_id": VM_IMAGE},
        {"from_image_id": VM_IMAGE, "instance_category": "vm", "cmd": "sleep 9"},
        {"region_name": None},
        {"region_name": "r" * 129},
        {"remark": "r" * 33},
        {"cmd": "c" * 513},
        {"envs": "A=" + "v" * 511},
        {"unit_qty": -1},
        {"unit_qty": 1.5},
        {"unit_qty": True},
        {"unit_qty": "1"},
        {"unit_qty": 2**63},
        {"ports": "8080"},
        {"ports": "[8080]"},
        {"ports": "["},
        {"ports": [{"port": 8080, "protocol": 2}]},
        {"ports": ports((0, 2))},
        {"ports": ports((65536, 2))},
        {"ports": ports((8080, 3))},
        {"ports": ports((8080, None))},
        {"net_ids": ["net-a", "net-b"]},
        {"net_ids": ["net-a"]},
        {"net_ids": "net-a"},
        {"network_type": 8},
        {"public_ip_id": "net-abcdefg"},
        {"extra_resource": {"cpus": -4}},
        {"extra_resource": {"cpus": "4"}},
        {"extra_resource": {"cpus": 2**62}},
        {"ports": ports((22, 1), (22, 2))},
        {"extra_resource": 4},
        {"base_resource": {"unit_spec": {"gpu_name": "NVIDIA GeForce RTX 9999"}}},
        {"base_resource": {"unit_spec": {"cpus": "10"}}},
        {"base_resource": resource("tw-02-h100-sxm5-1gpu")},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_create_that_breaks_a_rule_is_code_6_and_makes_nothing(reader, changes):
    assert reader.create("some.key", **changes)["code"] == 6
    assert reader.get("/instance/stats")["stats"] == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"from_image_id": "6np5yvq2"},
        {"gpu_name": "NVIDIA RTX 6000 Ada", "region_name": "TW-07"},
        {"gpu_name": None, "cpu_name": "Intel(R) Xeon(R) Platinum 8468"},
        {"gpu_name": None, "base_resource": resource("tw-04-rtx4090-1gpu") | {"unit_qty": 3, "x": 1}},
        {"base_resource": resource("tw-04-rtx4090-1gpu"), "region_name": "TW-04"},
        {"base_resource": {"unit_spec": {"gpu_name": "NVIDIA GeForce RTX 4090", "ram_mb": 50 * 1024}}},
        {"envs": "A"},
        {"envs": "=1"},
        {"custom_meta_key": "k" * 64},
        {"from_image_id": VM_IMAGE, "instance_category": "vm"},
        {"remark": "雲" * 32},
        {"cmd": "c" * 512},
        {"envs": "A=" + "v" * 510},
        {"envs": "foo=bar;tik=tok=1;"},
        {"unit_qty": 0},
        {"unit_qty": 9},
        {"ports": ports((1, 1), (65535, 2))},
        {"net_ids": [], "network_type": 0, "public_ip_id": "", "from_snap_id": "", "extra_resource": {}},
        {"something_new": {"a": [1]}},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_create_at_the_limits_is_accepted(api, changes):
    assert api.create("some.key", **changes)["code"] == 0
    assert api.get("/instance/stats")["stats"] == {"SchedQueued": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 60000, b'{"a":' + b"9" * 5000 + b"}"])
def test_body_that_is_no_json_object_is_code_6(reader, body):
    assert reader.call("POST", "/instance", body=body)["code"] == 6


def test_oversized_body_is_refused_and_the_server_goes_on(api):
    status, raw = api.send("POST", "/instance", body=b"x" * 200_000)
    assert (status, json.loads(raw)["code"]) == (200, 6)
    assert api.create("after")["code"] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"region_name": "TW-99"}, 206),
        ({"region_name": "JP-01"}, 215),  # known region, but no RTX 4090 there
        ({"gpu_name": "NVIDIA L40S PCIe", "region_name": "TW-01"}, 215),  # sold, but none left
        ({"unit_qty": 10}, 215),  # nine are there
        ({"gpu_name": None, "base_resource": resource("tw-03-rtx4090-1gpu")}, 215),  # elsewhere
        ({"gpu_name": "NVIDIA GeForce RTX 5090", "instance_category": "vm", "from_image_id": VM_IMAGE}, 215),
    ],
)
def test_what_cannot_be_had_is_told_apart(reader, changes, code):
    assert reader.create("some.key", **changes)["code"] == code


def test_created_machine_is_queued_with_a_password_and_nothing_else(api):
    machine = api.create("some.key", ports=ports((3306, 1), (7890, 2)))["instance"]
    assert (machine["status"], machine["priceCent"]) == ("SchedQueued", 0)
    assert machine["hardware"] == {
        "gpuName": RTX_4090, "cpuName": "", "gpuNum": 1, "gpuRamMB": 0, "cpuCoresNum": 0, "ramMB": 0, "diskGB": 0,
    }  # fmt: skip
    assert len(machine["sshCred"]["password"]) == 16
    assert machine["accesses"] == [
        {"protocol": "ssh", "listenPort": 22, "url": ""},
        {"protocol": "http", "listenPort": 8888, "url": ""},  # the image's own
        {"protocol": "ssh", "listenPort": 3306, "url": ""},
        {"protocol": "http", "listenPort": 7890, "url": ""},
    ]


def test_port_that_is_asked_for_replaces_the_default_of_its_number(api):
    machine = api.create("some.key", ports=ports((8888, 1)))["instance"]
    assert [(a["listenPort"], a["protocol"]) for a in machine["accesses"]] == [(22, "ssh"), (8888, "ssh")]


def test_vm_logs_in_as_glows_and_container_as_root(api):
    vm = api.create("vm", from_image_id=VM_IMAGE, instance_category="vm")["instance"]
    assert vm["sshCred"]["user"] == "glows"
    assert api.create("container")["instance"]["sshCred"]["user"] == "root"


def test_ambiguous_name_gets_the_cheapest_until_it_is_gone(server, api):
    for key, units in (("cheap", 9), ("dear", 1)):
        assert api.create(key, region_name="TW-03", unit_qty=units)["code"] == 0
        server.clock.advance(47)
    assert api.machine("cheap")["priceCent"] == 9 * 49
    assert api.machine("dear")["priceCent"] == 55


def test_base_resource_pins_the_dearer_of_two_with_one_name(server, api):
    api.create("pinned", region_name="TW-03", gpu_name=None, base_resource=resource("tw-03-rtx4090-1gpu-64gb"))
    server.clock.advance(47)
    assert (api.machine("pinned")["priceCent"], api.machine("pinned")["hardware"]["ramMB"]) == (55, 65536)


def test_cpu_machine_has_a_cpu_and_no_gpu(server, api):
    created = api.create("cpu", gpu_name=None, cpu_name="Intel(R) Xeon(R) Platinum 8468")["instance"]
    assert (created["hardware"]["cpuName"], created["hardware"]["gpuNum"]) == ("Intel(R) Xeon(R) Platinum 8468", 0)
    server.clock.advance(47)
    assert api.machine("cpu")["hardware"]["cpuCoresNum"] == 8


def test_meta_key_is_taken_for_every_user_even_after_release(server, as_user):
    one, other = as_user(server, "one"), as_user(server, "other")
    assert one.create("shared")["code"] == 0
    assert other.create("shared")["code"] == 10
    one.cancel("shared")
    server.clock.advance(20)
    assert one.machine("shared")["status"] == "Finished"
    assert (one.create("shared")["code"], other.create("shared")["code"]) == (10, 10)


def test_key_that_exists_is_told_before_region_stock_and_quota(server, api):
    api.create("taken", unit_qty=9)
    server.clock.advance(26)
    assert api.create("taken", unit_qty=9)["code"] == 10
    assert api.create("taken", region_name="TW-99")["code"] == 10


def test_concurrent_creates_with_one_key_make_one_machine(server, as_user):
    callers = [as_user(server) for _ in range(8)]
    with ThreadPoolExecutor(len(callers)) as pool:
        codes = sorted(answer["code"] for answer in pool.map(lambda caller: caller.create("race"), callers))
    assert codes == [0] + [10] * 7
    assert callers[0].get("/instance/stats")["stats"] == {"SchedQueued": 1}


def test_twenty_first_live_machine_exceeds_the_quota_until_one_has_ended(server, api):
    codes = {
        api.create(f"cpu-{n}", gpu_name=None, cpu_name="Intel(R) Xeon(R) Platinum 8468")["code"] for n in range(20)
    }
    assert codes == {0}
    assert api.create("one-more")["code"] == 198
    api.cancel("cpu-0")
    assert api.create("one-more")["code"] == 198
    server.clock.advance(20)
    assert api.create("one-more")["code"] == 0


def test_users_see_and_cancel_only_their_own_machines(server, as_user):
    one, other = as_user(server, "one"), as_user(server, "other")
    machine_id = one.create("mine")["instance"]["instanceID"]
    for params in ({"meta_key": "mine"}, {"request_id": machine_id}):
        assert other.get("/instance", **params)["code"] == 6
        assert other.call("DELETE", "/instance", params)["code"] == 6
    assert other.get("/instance/list", page=1, per_page=20)["instances"] == []
    assert other.get("/instance/stats")["stats"] == {}
    assert one.machine("mine")["status"] == "SchedQueued"


def test_machine_is_found_by_id_bare_id_and_key(api):
    machine = api.create("mine")["instance"] | {"netEndpointInfos": []}
    machine_id = machine["instanceID"]
    for params in ({"request_id": machine_id}, {"request_id": machine_id[4:]}, {"meta_key": "mine"}):
        assert api.get("/instance", **params)["instance"] == machine
    assert machine_id.startswith("ins-")
    assert set(machine_id[4:]) <= set("123456789bdegjklmnopqrvwxyz")


def test_request_id_counts_when_a_key_is_given_too(api):
    first = api.create("first")["instance"]["instanceID"]
    api.create("second")
    assert api.get("/instance", request_id=first, meta_key="second")["instance"]["metaKey"] == "first"
    assert api.get("/instance", request_id="ins-nobodyxx", meta_key="second")["code"] == 6


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "params", [{}, {"request_id": ""}, {"request_id": "img-6np5yvq2"}, {"meta_key": "nobody"}, {"meta_key": "k" * 65}]
)
def test_machine_that_cannot_be_meant_is_code_6(reader, method, params):
    assert reader.call(method, "/instance", params)["code"] == 6


@pytest.fixture
def five(server, api):
    """Five machines, a to e in that order; a is Finished, the others queued."""
    for key in "abcde":
        api.create(key)
    api.cancel("a")
    server.clock.advance(20)
    return api


def keys(answer):
    return "".join(machine["metaKey"] for machine in answer["instances"])


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"page": 1},
        {"per_page": 20},
        {"page": 0, "per_page": 20},
        {"page": 1, "per_page": 0},
        {"page": 1, "per_page": 21},
        {"page": -1, "per_page": 20},
        {"page": "one", "per_page": 20},
        {"page": "1.0", "per_page": 20},
        {"page": 2**32, "per_page": 20},
        {"page": 1, "per_page": 20, "ascending": "yes"},
    ],
)
def test_instance_list_requires_a_page_within_its_limits(reader, params):
    assert reader.get("/instance/list", **params)["code"] == 6


def test_list_is_newest_first_and_pages(five):
    pages = [five.get("/instance/list", page=page, per_page=2) for page in (1, 2, 3, 4, 2**32 - 1)]
    assert [keys(page) for page in pages] == ["ed", "cb", "a", "", ""]
    assert pages[1]["pagination"] == {"total": 5, "numPages": 3, "page": 2, "perPage": 2}
    assert keys(five.get("/instance/list", page=1, per_page=3, ascending="true")) == "abc"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "edcba"),
        ([""], "edcba"),
        (["Finished"], "a"),
        (["SchedQueued"], "edcb"),
        (["Finished", "SchedQueued"], "edcba"),
        (["Finished", "Nonsense"], "a"),
        (["Nonsense"], "edcba"),
        (["Running"], ""),
    ],
)
def test_list_keeps_to_the_statuses_it_knows(five, statuses, expected):
    answer = five.get("/instance/list", page=1, per_page=20, statuses=statuses)
    assert keys(answer) == expected
    assert answer["pagination"]["total"] == len(expected)


def test_stats_count_only_statuses_that_occur(five):
    assert five.get("/instance/stats")["stats"] == {"Finished": 1, "SchedQueued": 4}


def test_more_cpus_are_sold_in_the_steps_of_spec_list(server, api):
    """The offer's own sample: 4 more cpus for 0.20 Credits an hour, added to each unit."""
    fields = {"region_name": "TW-01", "unit_qty": 2}
    for number, extra in enumerate(({"cpus": 8}, {"resource": {"cpus": 8}})):
        key = f"some.key{number}"
        assert api.create(key, **fields, extra_resource=extra)["code"] == 0
        server.clock.advance(60)
        machine = api.machine(key)
        assert (machine["hardware"]["cpuCoresNum"], machine["priceCent"]) == (36, 158)
    assert api.create("odd", **fields, extra_resource={"cpus": 3})["code"] == 215
    server.admin.switches(sells_extras=False)
    assert api.create("refused", **fields, extra_resource={"cpus": 4})["code"] == 6


def test_units_may_stand_in_the_resource(server, api):
    pinned = {
        "gpu_name": None,
        "region_name": "TW-04",
        "base_resource": resource("tw-04-rtx4090-1gpu") | {"unit_qty": 2},
    }
    assert api.create("some.key", **pinned)["code"] == 0
    server.clock.advance(60)
    assert api.machine("some.key")["hardware"]["gpuNum"] == 2


def test_what_stands_for_the_required_name_can_be_switched_off(server, api):
    server.admin.switches(takes_base_resource=False, takes_cpu_name=False)
    pin = {"base_resource": resource("tw-04-rtx4090-1gpu"), "region_name": "TW-04"}
    assert api.create("one", gpu_name=None, **pin)["code"] == 6
    assert api.create("one", **pin)["code"] == 0
    assert api.create("two", gpu_name=None, cpu_name="Intel(R) Xeon(R) Platinum 8468")["code"] == 6


def test_any_status_and_source_can_be_put_there(server, api):
    api.create("one")
    server.clock.advance(60)
    id_ = api.machine("one")["instanceID"]
    for status in lifecycle.STATUS_NAMES:
        assert server.admin.change_machine(id_, status=status) == {"status": status, "source_type": "SourceSDK"}
        assert api.machine("one")["status"] == status
    server.admin.change_machine(id_, source_type="SourceConsole")
    assert api.machine("one")["sourceType"] == "SourceConsole"
    for wrong in ({"status": "Asleep"}, {"state": "Running"}):
        with pytest.raises(AdminError, match="status"):
            server.admin.change_machine(id_, **wrong)


def test_the_scenario_of_rare_statuses_shows_each_of_them(server, api):
    server.admin.limits("researcher", instances=20)
    server.admin.play("rare-statuses")
    for number in range(len(lifecycle.RARE_STATUSES) + 1):
        assert (
            api.create(
                f"k{number}",
                gpu_name="NVIDIA H100 SXM5" if number % 2 else "NVIDIA GeForce RTX 4090",
                region_name="TW-02" if number % 2 else "TW-04",
            )["code"]
            == 0
        )
        server.clock.advance(60)
        api.machine(f"k{number}")
    shown = [api.machine(f"k{number}")["status"] for number in range(len(lifecycle.RARE_STATUSES) + 1)]
    assert shown == [*lifecycle.RARE_STATUSES, "Running"]


@pytest.mark.parametrize("status", [1.5, True, "3", 8, -1, None])
def test_a_snapshot_gets_into_no_status_that_is_none(server, api, status):
    api.create("one")
    server.clock.advance(60)
    [snapshot] = api.call("POST", "/snapshot", body={"instance_id": api.machine("one")["instanceID"]})["snapshot_ids"]
    with pytest.raises(AdminError, match="status must be a whole number from 0 to 7"):
        server.admin.change_snapshot(snapshot, status)
    server.admin.change_snapshot(snapshot, 4)
    assert api.get("/snapshot/list")["snapshots"][0]["status"] == 4
