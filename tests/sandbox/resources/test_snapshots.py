"""Snapshots: how one is taken, what it does to its machine, and machines that are made from one."""

import pytest

from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits, Switches

RTX_4090 = "NVIDIA GeForce RTX 4090"
WINDOWS = "img-17l3gyqd"
VM_IMAGE = "img-9rp47yp3"
TAKING_SECONDS = 40


def take(api, key, **more):
    return api.call("POST", "/snapshot", body={"instance_id": api.machine(key)["instanceID"]} | more)


@pytest.fixture
def running(server, api):
    """A machine of the key `source` that runs; its id."""
    machine = api.create("source")["instance"]["instanceID"]
    server.clock.advance(47)
    return machine


@pytest.fixture
def taken(server, api, running):
    """The id of a snapshot of `source` that is available."""
    [snapshot] = take(api, "source")["snapshot_ids"]
    server.clock.advance(TAKING_SECONDS)
    return snapshot


def from_snapshot(api, key, snapshot, **changes):
    return api.create(key, **({"from_image_id": None, "from_snap_id": snapshot} | changes))


def test_machine_pauses_and_runs_on_while_its_snapshot_becomes_available(server, api, running):
    answer = take(api, "source", name="checkpoint")
    assert (answer["instance_id"], answer["status"]) == (running, "Pausing")
    [snapshot] = answer["snapshot_ids"]
    seen = []
    for seconds in (0, 5, 30, 5):
        server.clock.advance(seconds)
        [shown] = api.get("/snapshot/list")["snapshots"]
        seen.append((api.machine("source")["status"], shown["status"]))
    assert seen == [("Pausing", 1), ("Paused", 2), ("Resuming", 3), ("Running", 3)]
    assert (shown["snapshot_id"], shown["instance_id"], shown["type"], shown["domain"]) == (snapshot, running, 1, 3)
    assert (shown["size_bytes"], shown["vol_size_bytes"]) == (2**30, 10 * 2**30)  # as the sample's
    assert 0 <= shown["modify_time"] - shown["create_time"] <= 5
    assert "checkpoint" not in str(api.get("/snapshot/list"))


def test_machine_keeps_its_addresses_and_hardware_through_a_snapshot(server, api, running):
    before = api.machine("source")
    take(api, "source")
    server.clock.advance(TAKING_SECONDS)
    assert api.machine("source") == before


def test_machine_cannot_be_released_or_saved_again_meanwhile(server, api, running):
    take(api, "source")
    for seconds in (0, 5, 30):
        server.clock.advance(seconds)
        assert api.cancel("source") == {"code": 20, "msg": "illegal status"}
        assert take(api, "source")["code"] == 20
    server.clock.advance(5)
    assert api.cancel("source")["code"] == 0


@pytest.mark.parametrize("end", [False, True])
def test_only_a_running_machine_can_be_saved(server, api, end):
    api.create("source")
    if end:
        api.cancel("source")
        server.clock.advance(20)
    assert take(api, "source")["code"] == 20
    assert api.get("/snapshot/list")["snapshots"] == []


def test_unsupported_machine_is_told_apart(server, api):
    api.create("windows", from_image_id=WINDOWS, instance_category="vm")
    server.clock.advance(47)
    assert take(api, "windows") == {"code": 114, "msg": "taking snap not allowed"}


@pytest.mark.parametrize(
    "body",
    [{}, {"instance_id": "ins-nobodyxx"}, {"instance_id": 5}, {"name": "n" * 33}, {"name": 5}, {"instance_id": None}],
)
def test_snapshot_that_breaks_a_rule_is_code_6(api, running, body):
    changed = {"instance_id": running, "name": "n" * 32} | body if body else {}
    assert api.call("POST", "/snapshot", body=changed)["code"] == 6
    assert api.machine("source")["status"] == "Running"


def test_quotas_of_number_and_storage_are_told_apart(as_user):
    for limits, code in ((Limits(snapshots=1), 199), (Limits(storage_gb=19), 17)):
        with SandboxServer(seed=1, limits=limits) as server:
            server.clock.pause()
            api = as_user(server)
            api.create("source")
            server.clock.advance(47)
            assert take(api, "source")["code"] == 0
            server.clock.advance(TAKING_SECONDS)
            assert take(api, "source")["code"] == code
            assert api.machine("source")["status"] == "Running"


def test_one_request_can_make_several_snapshots(as_user):
    with SandboxServer(seed=1, switches=Switches(snapshot_volumes=2)) as server:
        server.clock.pause()
        api = as_user(server)
        api.create("source")
        server.clock.advance(47)
        ids = take(api, "source")["snapshot_ids"]
        assert len(set(ids)) == 2
        assert [shown["snapshot_id"] for shown in api.get("/snapshot/list")["snapshots"]] == ids[::-1]


def test_snapshots_are_filtered_by_status_and_paged(server, api, taken):
    [second] = take(api, "source")["snapshot_ids"]

    def listed(**params):
        answer = api.get("/snapshot/list", **params)
        return answer["pagination"]["total"], [shown["snapshot_id"] for shown in answer["snapshots"]]

    assert listed() == (2, [second, taken])
    assert listed(status=3) == (1, [taken])
    assert listed(status=[3, 1]) == (2, [second, taken])
    assert listed(status=0) == (0, [])
    assert listed(status="") == (2, [second, taken])
    assert listed(page=2, per_page=1) == (2, [taken])
    for wrong in ({"status": 8}, {"status": "available"}, {"status": [3, -1]}, {"per_page": 21}):
        assert api.get("/snapshot/list", **wrong)["code"] == 6


@pytest.mark.parametrize("spell", [str, lambda i: i[5:], lambda i: "snp-" + i[5:]])
def test_machine_is_made_from_a_snapshot_however_its_id_is_spelt(server, api, taken, spell):
    created = from_snapshot(api, "copy", spell(taken))["instance"]
    assert created["baseSnap"] == {"snapID": taken, "snapName": ""}
    assert created["baseImage"]["imageID"] == "img-6np5yvq2"
    server.clock.advance(26)
    assert api.machine("copy")["status"] == "Pending"
    server.clock.advance(63)
    assert api.machine("copy")["status"] == "Pending"
    server.clock.advance(1)
    assert api.machine("copy")["status"] == "Running"


def test_snapshot_outlives_its_machine_and_starts_anywhere(server, api, taken):
    api.cancel("source")
    server.clock.advance(20)
    assert from_snapshot(api, "elsewhere", taken, region_name="TW-03")["code"] == 0
    cpu = "Intel(R) Xeon(R) Platinum 8468"
    assert from_snapshot(api, "cpu", taken, gpu_name=None, cpu_name=cpu)["code"] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"from_image_id": "img-6np5yvq2"}, 6),
        ({"from_snap_id": None}, 6),
        ({"from_snap_id": "snap-nobodyxx"}, 6),
        ({"from_snap_id": "ins-nobodyxx"}, 6),
        ({"instance_category": "vm"}, 6),
        ({"from_snapshot_id": "snap-nobodyxx"}, 6),
        ({"region_name": "TW-99"}, 206),
    ],
)
def test_create_from_a_snapshot_is_checked(api, taken, changes, code):
    assert from_snapshot(api, "copy", **({"snapshot": taken} | changes))["code"] == code


def test_the_sister_services_name_means_a_snapshot_when_switched(server, api, taken):
    """The one public client that sends it sends no image beside it."""
    fields = {"from_image_id": None, "from_snapshot_id": taken}
    assert api.create("one", **fields)["code"] == 6
    server.admin.switches(refuses_from_snapshot_id=False)
    assert api.create("one", **fields)["code"] == 0
    assert api.machine("one")["baseSnap"]["snapID"] == taken
    assert api.create("two", **(fields | {"from_snapshot_id": "snap-nobodyxx"}))["code"] == 6


def test_snapshot_cannot_be_used_before_it_is_available(server, api, running):
    [snapshot] = take(api, "source")["snapshot_ids"]
    assert from_snapshot(api, "copy", snapshot)["code"] == 20
    server.clock.advance(35)
    assert from_snapshot(api, "copy", snapshot)["code"] == 0


def test_snapshots_of_others_are_not_there(server, as_user, api, running, taken):
    other = as_user(server, "other")
    assert other.get("/snapshot/list")["snapshots"] == []
    assert other.call("POST", "/snapshot", body={"instance_id": running})["code"] == 6
    assert from_snapshot(other, "copy", taken)["code"] == 6


def test_vm_of_a_snapshot_is_a_vm(server, api):
    api.create("vm", from_image_id=VM_IMAGE, instance_category="vm")
    server.clock.advance(47)
    [snapshot] = take(api, "vm")["snapshot_ids"]
    server.clock.advance(TAKING_SECONDS)
    assert from_snapshot(api, "copy", snapshot)["code"] == 6
    created = from_snapshot(api, "copy", snapshot, instance_category="vm")["instance"]
    assert created["sshCred"]["user"] == "glows"
