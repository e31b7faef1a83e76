"""Faults and scenarios, ordered over HTTP: what they do on the wire, when they fire, and what was done meanwhile."""

import json
import os
import subprocess
import sys
import time
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected

import pytest

from glows_nb.sandbox.http.admin_client import AdminError
from glows_nb.sandbox.resources.routes import OPERATIONS
from glows_nb.sandbox.server import SandboxServer

BROKEN_OFF = (ConnectionResetError, RemoteDisconnected, BadStatusLine)


@pytest.fixture
def admin(server):
    return server.admin


def until(check, seconds=5):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def exists(api, key):
    return api.get("/instance", meta_key=key)["code"] == 0


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("code", [1, 7, 208, 999])
def test_any_operation_can_answer_any_code_once(api, admin, operation, code):
    admin.order("code", operation.name, code=code)
    method, path = operation.routes[0].split()
    assert api.call(method, path)["code"] == code
    assert api.call(method, path)["code"] in (0, 6)
    [fault] = admin.faults()
    assert (fault["seen"], fault["fired"]) == (2, 1)


def test_code_has_its_own_text_or_the_one_that_is_given(api, admin):
    admin.order("code", code=215)
    admin.order("code", code=999, msg="something new")
    assert api.get("/instance/stats") == {"code": 215, "msg": "no resource available"}
    assert api.get("/instance/stats") == {"code": 999, "msg": "something new"}


def test_burst_of_429_is_plain_text(api, admin):
    admin.order("rate_limit", "instance_*", count=3)
    for _ in range(3):
        assert api.send("GET", "/instance/stats") == (429, b"too many requests")
    assert api.get("/instance/stats")["code"] == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_gateway_errors_are_pages_of_html(api, admin, status):
    admin.order("http_error", "instance_stats", status=status)
    got, raw = api.send("GET", "/instance/stats")
    assert (got, raw[:6]) == (status, b"<html>")
    assert api.get("/instance/stats")["code"] == 0


@pytest.mark.parametrize("kind", ["http_error", "reset", "cut", "rate_limit", "code"])
@pytest.mark.parametrize("when", ["before", "after", "late"])
def test_work_is_done_before_or_late_or_not_at_all(server, api, as_user, admin, kind, when):
    admin.order(kind, "instance_create", when=when, delay=0.2)
    try:
        status, raw = api.send("POST", "/instance", body=order("lost"))
        assert kind in ("http_error", "rate_limit", "code")
        assert status != 200 or json.loads(raw) == {"code": 1, "msg": "internal error"}
    except (*BROKEN_OFF, IncompleteRead):
        assert kind in ("reset", "cut")
    fresh = as_user(server)
    if when == "late":
        assert not exists(fresh, "lost")
        until(lambda: exists(fresh, "lost"))
    else:
        assert exists(fresh, "lost") == (when == "after")


def order(key):
    return {
        "from_image_id": "img-6np5yvq2",
        "gpu_name": "NVIDIA GeForce RTX 4090",
        "custom_meta_key": key,
        "instance_category": "container",
        "region_name": "TW-04",
    }


def test_cut_answer_has_all_headers_and_half_of_its_body(api, admin):
    admin.order("cut", "instance_stats", when="after")
    with pytest.raises(IncompleteRead) as caught:
        api.send("GET", "/instance/stats")
    assert caught.value.partial == b'{"code": 0, "msg": ""'[: len(caught.value.partial)]
    assert caught.value.expected > 0


def test_third_create_is_hit_and_no_other(api, admin):
    admin.order("code", "instance_create", code=215, first=3)
    codes = [api.create(f"m{number}")["code"] for number in range(5)]
    assert codes == [0, 0, 215, 0, 0]


def test_latency_is_waited_out_before_or_after_the_work(api, admin):
    admin.order("latency", "instance_stats", seconds=0.4)
    begun = time.monotonic()
    assert api.get("/instance/stats")["code"] == 0
    assert time.monotonic() - begun >= 0.4
    begun = time.monotonic()
    api.get("/instance/stats")
    assert time.monotonic() - begun < 0.4


def test_slow_answer_of_work_that_is_done_can_be_seen_done_meanwhile(server, api, as_user, admin):
    admin.order("latency", "instance_create", when="after", seconds=2.0)
    api._connection.request(
        "POST", "/sdk/v1/instance", json.dumps(order("slow")), {"Authorization": f"Bearer {api.token}"}
    )
    until(lambda: exists(as_user(server), "slow"), seconds=1.8)
    assert json.loads(api._connection.getresponse().read())["code"] == 0


def test_token_expires_for_one_user_only(server, as_user, api, admin):
    admin.order("token_expired", user="researcher", count=None)
    for _ in range(3):
        assert api.get("/instance/stats") == {"code": 176, "msg": "check jwt token failed"}
    assert as_user(server, "other").get("/instance/stats")["code"] == 0


def test_faults_are_listed_cleared_and_those_that_never_fired_asked_for(api, admin):
    used, unused = admin.order("code", "instance_stats"), admin.order("reset", "snapshot_create", when="after")
    api.get("/instance/stats")
    assert [fault["id"] for fault in admin.faults(fired=True)] == [used]
    [never] = admin.faults(fired=False)
    assert (never["id"], never["kind"], never["when"], never["seen"]) == (unused, "reset", "after", 0)
    admin.clear(used)
    assert [fault["id"] for fault in admin.faults()] == [unused]
    admin.clear()
    assert admin.faults() == []
    with pytest.raises(AdminError, match="no such fault"):
        admin.clear(used)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "earthquake"}, "kind must be"),
        ({"kind": "code", "operation": "instance_delete"}, "no operation"),
        ({"kind": "code", "colour": "red"}, "no 'colour'"),
        ({"kind": "code", "code": "6"}, "code can't"),
        ({"kind": "code", "count": -1}, "count can't"),
        ({"kind": "code", "when": "never"}, "when must"),
        ({"kind": "no_stock", "when": "after"}, "when must"),
        ({"kind": "latency", "when": "late"}, "own delay"),
        ({"kind": "http_error", "status": 200}, "status must"),
        ({"kind": "code", "first": 0}, "first"),
        ({"kind": "code", "probability": 1.5}, "probability"),
    ],
)
def test_order_that_makes_no_sense_is_refused_with_its_reason(admin, fault, reason):
    with pytest.raises(AdminError, match=reason):
        admin.order(**fault)
    assert admin.faults() == []


def test_no_stock_in_a_region_is_seen_refused_and_queued(server, api, admin):
    api.create("queued")
    fault = admin.order("no_stock", region="TW-04")
    assert api.stock("TW-04") == 0
    assert api.stock("TW-03") == 9
    assert api.create("refused")["code"] == 215
    server.clock.advance(100)
    assert api.machine("queued")["status"] == "SchedQueued"
    admin.clear(fault)
    assert api.stock("TW-04") == 8
    assert api.machine("queued")["status"] == "Pending"


def test_second_machine_is_stuck_in_the_queue_until_it_is_cleared(server, api, admin):
    fault = admin.order("stuck_queue", first=2, count=1)
    for key in "abc":
        api.create(key)
    server.clock.advance(1000)
    assert [api.machine(key)["status"] for key in "abc"] == ["Running", "SchedQueued", "Running"]
    assert api.cancel("b")["code"] == 0
    server.clock.advance(20)
    api.create("d")
    admin.clear(fault)
    server.clock.advance(1000)
    assert [api.machine(key)["status"] for key in "bd"] == ["Finished", "Running"]


def test_price_rises_for_what_is_ordered_from_now_on(server, api, admin):
    api.create("before")
    admin.order("price_change", region="TW-04", factor=2)
    assert price(api, "TW-04") == 98000
    assert price(api, "TW-03") == 49000
    api.create("after")
    server.clock.advance(47)
    assert (api.machine("before")["priceCent"], api.machine("after")["priceCent"]) == (49, 98)
    admin.clear()
    assert price(api, "TW-04") == 49000


def price(api, region):
    specs = api.get("/spec/list", machine_category=0, from_image_id="img-6np5yvq2", region_name=region)["specs"]
    return specs[0]["price"]["millicent_per_hour"]


def test_host_is_lost_and_comes_back(server, api, admin):
    api.create("lost")
    api.create("elsewhere", region_name="TW-03")
    server.clock.advance(47)
    running = api.machine("lost")
    fault = admin.order("host_unavailable", region="TW-04")
    assert [api.machine(key)["status"] for key in ("lost", "elsewhere")] == ["Unavail", "Running"]
    api.create("later")
    server.clock.advance(47)
    assert api.machine("later")["status"] == "Unavail"
    assert api.cancel("later")["code"] == 0
    admin.clear(fault)
    assert api.machine("lost") == running
    assert api.machine("later")["status"] == "Canceling"


def test_scenarios_have_names_and_play_until_they_are_cleared(api, admin):
    assert {"peak-hours", "flaky-network", "price-rise"} <= admin.scenarios().keys()
    before = price(api, "TW-04")
    ids = admin.play("price-rise")
    assert [price(api, "TW-04") for _ in range(2)] == [before, 61250]
    assert [fault["id"] for fault in admin.faults()] == ids
    admin.clear()
    assert price(api, "TW-04") == before
    with pytest.raises(AdminError, match="no such scenario"):
        admin.play("sunshine")


def test_every_scenario_can_be_played(admin):
    for name in admin.scenarios():
        assert admin.play(name, seed=3)


def test_peak_hours_leave_the_first_machine_in_the_queue(server, api, admin):
    admin.play("peak-hours")

    def patient(ask):
        while True:
            status, raw = ask()
            if status == 200:
                return json.loads(raw)

    create = lambda key, region: patient(  # noqa: E731
        lambda: api.send("POST", "/instance", body=order(key) | {"region_name": region})
    )
    assert create("none", "TW-03")["code"] == 215
    assert [create(key, "TW-04")["code"] for key in "ab"] == [0, 0]
    server.clock.advance(100)
    machines = [patient(lambda key=key: api.send("GET", "/instance", {"meta_key": key}))["instance"] for key in "ab"]
    assert [machine["status"] for machine in machines] == ["SchedQueued", "Running"]


PROGRAM = """
import json, sys, urllib.request
from glows_nb.sandbox.server import SandboxServer
with SandboxServer(seed=5) as server:
    server.clock.pause()
    server.admin.play("flaky-network", seed=int(sys.argv[1]))
    for number in range(120):
        request = urllib.request.Request(
            f"{server.base_url}/instance/stats", headers={"Authorization": f"Bearer {server.token}"})
        try:
            urllib.request.urlopen(request, timeout=5).read()
        except Exception:
            pass
    print(json.dumps(server.admin.transcript()))
"""


def test_same_seed_makes_the_same_transcript_whatever_the_hash_seed():
    runs = []
    for seed, hash_seed in (("1", "0"), ("1", "77"), ("2", "0")):
        runs.append(
            subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", PROGRAM, seed],
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
            )
        )
    one, again, other = (json.loads(run.communicate(timeout=60)[0]) for run in runs)
    assert len(one) == 120
    assert {"0", "broken off", "HTTP 502"} == {entry["answered"] for entry in one}
    assert one == again
    assert one != other


def test_faults_leave_other_servers_alone(as_user):
    with SandboxServer() as one, SandboxServer() as other:
        one.admin.order("code", count=None)
        assert as_user(one).get("/instance/stats")["code"] == 1
        assert as_user(other).get("/instance/stats")["code"] == 0


def test_exhausted_balance_saves_and_releases_machines_and_holds_the_queue(server, api, admin):
    api.create("trained", region_name="TW-03")
    api.create("spared", region_name="TW-03")
    server.clock.advance(47 + 60)
    machine = api.machine("trained")["instanceID"]
    fault = admin.order("balance_exhausted", meta_key="[!s]*")
    assert api.create("later")["code"] == 0
    statuses = []
    for _ in range(40):
        statuses.append(api.machine("trained")["status"])
        server.clock.advance(2)
    assert list(dict.fromkeys(statuses)) == ["Pausing", "Paused", "Canceling", "Finished"]
    assert [(each["instance_id"], each["status"]) for each in api.get("/snapshot/list")["snapshots"]] == [(machine, 3)]
    assert api.machine("spared")["status"] == "Running"
    assert api.machine("later")["status"] == "SchedQueued"
    (bill,) = [bill for bill in admin.bills() if bill["instance_id"] == machine]
    assert bill["seconds"] == 60
    admin.clear(fault)
    server.clock.advance(47)
    assert [api.machine(key)["status"] for key in ("trained", "later")] == ["Finished", "Running"]


def test_exhausted_balance_in_one_leap_of_the_clock_saves_each_machine_once(server, api, admin):
    api.create("trained")
    server.clock.advance(47)
    admin.play("balance-exhausted")
    server.clock.advance(10_000)
    assert api.machine("trained")["status"] == "Finished"
    assert len(api.get("/snapshot/list")["snapshots"]) == 1


def test_balance_that_is_topped_up_while_a_machine_is_saved_lets_it_run_on(server, api, admin):
    api.create("trained")
    server.clock.advance(47)
    fault = admin.order("balance_exhausted")
    assert api.machine("trained")["status"] == "Pausing"
    admin.clear(fault)
    server.clock.advance(40)
    assert api.machine("trained")["status"] == "Running"
    assert [each["status"] for each in api.get("/snapshot/list")["snapshots"]] == [3]


def test_machine_that_can_not_be_saved_is_released_all_the_same_when_the_balance_is_exhausted(server, api, admin):
    assert api.create("windows", from_image_id="img-17l3gyqd", instance_category="vm")["code"] == 0
    server.clock.advance(47)
    admin.order("balance_exhausted")
    assert api.machine("windows")["status"] == "Canceling"
    assert api.get("/snapshot/list")["pagination"]["total"] == 0
