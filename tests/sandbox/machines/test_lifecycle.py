"""What happens to machines as virtual time goes by."""

import dataclasses
import re
import time

import pytest

from glows_nb.sandbox.catalogue import CATALOGUE
from glows_nb.sandbox.clock import Clock
from glows_nb.sandbox.machines.lifecycle import command_seconds
from glows_nb.sandbox.server import SandboxServer

RTX_4090 = "NVIDIA GeForce RTX 4090"


@pytest.fixture
def server():
    """A sandbox with two RTX 4090 in TW-04, whose time stands still."""
    offers = tuple(
        dataclasses.replace(offer, stock=2) if offer.slug == "tw-04-rtx4090-1gpu" else offer
        for offer in CATALOGUE.offers
    )
    catalogue = dataclasses.replace(CATALOGUE, offers=offers)
    with SandboxServer(seed=1, catalogue=catalogue, is_reachable=False) as running:
        running.clock.pause()
        yield running


def test_machine_is_queued_for_26_seconds_and_pending_for_21(server, api):
    api.create("life")
    seen = []
    for seconds in (25, 1, 20, 1):
        server.clock.advance(seconds)
        seen.append(api.machine("life")["status"])
    assert seen == ["SchedQueued", "Pending", "Pending", "Running"]


def test_hardware_price_and_addresses_come_with_running(server, api):
    api.create("life", unit_qty=2)
    server.clock.advance(26)
    pending = api.machine("life")
    assert (pending["priceCent"], pending["hardware"]["ramMB"], pending["accesses"][0]["url"]) == (0, 0, "")
    server.clock.advance(21)
    running = api.machine("life")
    assert running["priceCent"] == 98
    assert running["hardware"] == {
        "gpuName": RTX_4090,
        "cpuName": "Intel(R) Xeon(R) Platinum 8352V CPU @ 2.10GHz",
        "gpuNum": 2,
        "gpuRamMB": 24564,
        "cpuCoresNum": 20,
        "ramMB": 2 * 50 * 1024,
        "diskGB": 100,
    }
    ssh, http = (access["url"] for access in running["accesses"])
    assert re.fullmatch(r"ssh://tw-0[2-7]\.access\.glows\.ai:2[3-7]\d{3}", ssh)
    assert re.fullmatch(r"https://tw-0[2-7]\.access\.glows\.ai:2[3-7]\d{3}\?token=\w{8}", http)
    assert "tw-04" not in ssh + http


def test_canceled_machine_ends_after_20_seconds_and_stays_listed(server, api):
    api.create("life")
    server.clock.advance(47)
    assert api.cancel("life") == {"code": 0, "msg": ""}
    assert api.machine("life")["status"] == "Canceling"
    server.clock.advance(20)
    assert api.machine("life")["status"] == "Finished"
    assert api.machine("life")["accesses"][0]["url"] == ""
    assert api.get("/instance/list", page=1, per_page=20)["pagination"]["total"] == 1


@pytest.mark.parametrize("seconds", [0, 26, 47])
def test_machine_can_be_canceled_in_every_status_before_its_end(server, api, seconds):
    api.create("life")
    server.clock.advance(seconds)
    assert api.cancel("life")["code"] == 0
    server.clock.advance(1000)
    assert api.machine("life")["status"] == "Finished"
    assert api.stock("TW-04") == 2


def test_canceling_again_succeeds_and_changes_nothing(server, api):
    api.create("life")
    api.cancel("life")
    server.clock.advance(19)
    assert api.cancel("life")["code"] == 0
    server.clock.advance(1)
    assert api.machine("life")["status"] == "Finished"
    assert api.cancel("life")["code"] == 0
    assert api.machine("life")["status"] == "Finished"


def test_stock_goes_down_at_pending_and_up_at_finished(server, api):
    stock = [api.stock("TW-04")]
    api.create("life", unit_qty=2)
    stock.append(api.stock("TW-04"))
    server.clock.advance(26)
    stock.append(api.stock("TW-04"))
    api.cancel("life")
    stock.append(api.stock("TW-04"))
    server.clock.advance(20)
    stock.append(api.stock("TW-04"))
    assert stock == [2, 2, 0, 0, 2]


def test_offer_without_stock_is_still_listed_but_not_available(server, api):
    api.create("all", unit_qty=2)
    server.clock.advance(26)
    specs = api.get("/spec/list", machine_category=0, from_image_id="img-6np5yvq2", region_name="TW-04")["specs"]
    [spec] = [spec for spec in specs if spec["base_resource"]["unit_spec"]["gpu_name"] == RTX_4090]
    assert (spec["avail"], spec["max_available_units"]) == (False, 0)
    assert api.create("late")["code"] == 215


def test_machines_that_find_nothing_left_wait_their_turn(server, api):
    for key in ("first", "second", "third"):
        assert api.create(key, unit_qty=2)["code"] == 0
    server.clock.advance(1000)
    assert [api.machine(key)["status"] for key in ("first", "second", "third")] == [
        "Running", "SchedQueued", "SchedQueued",
    ]  # fmt: skip
    api.cancel("first")
    server.clock.advance(20)
    assert [api.machine(key)["status"] for key in ("second", "third")] == ["Pending", "SchedQueued"]
    api.cancel("third")
    server.clock.advance(21)
    assert [api.machine(key)["status"] for key in ("second", "third")] == ["Running", "Finished"]
    assert api.stock("TW-04") == 0


def test_time_that_passed_unwatched_happens_in_order(server, api):
    api.create("early", unit_qty=2)
    server.clock.advance(47)
    api.cancel("early")
    assert api.create("late")["code"] == 215
    server.clock.advance(20)
    assert api.create("late")["code"] == 0
    server.clock.advance(10_000)
    assert (api.machine("early")["status"], api.machine("late")["status"]) == ("Finished", "Running")


def test_eight_gpu_unit_asks_for_units_and_gets_gpus(server, api):
    specs = api.get("/spec/list", machine_category=0, from_image_id="img-6np5yvq2", region_name="TW-02")["specs"]
    [unit] = [spec["base_resource"] for spec in specs if spec["base_resource"]["unit_spec"]["gpus"] == 8]
    created = api.create("big", region_name="TW-02", gpu_name=None, base_resource=unit)["instance"]
    assert created["hardware"]["gpuNum"] == 1
    server.clock.advance(47)
    assert (api.machine("big")["hardware"]["gpuNum"], api.machine("big")["priceCent"]) == (8, 2368)


def test_create_time_is_real_however_far_virtual_time_has_run(server, api):
    server.clock.advance(100_000)
    created = api.create("life")["instance"]["createTime"]["seconds"]
    assert abs(created - time.time()) < 5


def test_same_seed_makes_the_same_ids_and_passwords(as_user):
    seen = []
    for _ in range(2):
        with SandboxServer(seed=7) as running:
            created = as_user(running).create("life")["instance"]
            seen.append((created["instanceID"], created["sshCred"]["password"]))
    assert seen[0] == seen[1]


def test_clock_runs_at_its_speed_stands_still_and_jumps():
    clock = Clock(speed=1e6, start=0.0)
    deadline = time.monotonic() + 5
    while clock.now() < 1000 and time.monotonic() < deadline:
        pass
    assert clock.now() >= 1000
    clock.pause()
    still = clock.now()
    assert clock.now() == still
    clock.advance(60)
    assert clock.now() == still + 60
    clock.speed = 1e-9
    clock.resume()
    assert still + 60 <= clock.now() < still + 61


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_clock_refuses_a_speed_that_is_none(speed):
    with pytest.raises(ValueError, match="speed"):
        Clock(speed=speed)
    with pytest.raises(ValueError, match="back"):
        Clock().advance(-1)


@pytest.mark.parametrize(
    ("cmd", "seconds"),
    [
        ("", None),
        ("python -m http.server 8080", None),
        ("sleep infinity", None),
        ("sleep 90", 90),
        ("sleep 1.5m", 90),
        ("echo hello && sleep 30; sleep 1h", 3630),
        ("true", 0),
        ("nvidia-smi", 0),
        ("sleep 5 && tail -f /dev/null", None),
        ("trueish", None),
        ("echo a | tee b", None),
    ],
)
def test_it_is_known_of_simple_commands_when_they_end(cmd, seconds):
    assert command_seconds(cmd) == seconds


def test_command_that_ends_releases_the_machine(server, api):
    api.create("job", cmd="sleep 60")
    server.clock.advance(47)
    seen = []
    for seconds in (0, 59, 1, 2, 20):
        server.clock.advance(seconds)
        seen.append(api.machine("job")["status"])
    assert seen == ["Running", "Running", "Exited", "Canceling", "Finished"]
    assert api.stock("TW-04") == 2


def test_command_stands_still_while_a_snapshot_is_taken(server, api):
    machine = api.create("job", cmd="sleep 60")["instance"]["instanceID"]
    server.clock.advance(47 + 50)
    assert api.call("POST", "/snapshot", body={"instance_id": machine})["code"] == 0
    server.clock.advance(40)
    assert api.machine("job")["status"] == "Running"
    server.clock.advance(9)
    assert api.machine("job")["status"] == "Running"
    server.clock.advance(1)
    assert api.machine("job")["status"] == "Exited"
