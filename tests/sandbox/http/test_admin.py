"""The admin side: who may use it, the clock, the bills, users and what they may have."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from glows_nb.sandbox.http.admin_client import AdminClient, AdminError
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Switches


@pytest.fixture
def admin(server):
    return server.admin


@pytest.mark.parametrize("path", ["/faults", "/clock", "/bills", "/transcript", "/users/x", "/switches", "/scenarios"])
def test_only_the_admin_token_opens_the_admin_side(server, api, path):
    url = server.base_url.removesuffix("/sdk/v1")
    for token in ("", api.token, "é"):
        with pytest.raises(AdminError, match="admin token"):
            AdminClient(url, token.encode().decode("latin-1"))._call("GET", path)
    assert server.admin._call("GET", path) is not None
    api.token = server.admin_token
    assert api.get("/instance/stats")["code"] == 176


def test_clock_is_paused_moved_and_sped_up(server, api, admin):
    before = admin.clock()
    assert before["is_paused"]
    assert admin.clock(advance=60)["now"] == before["now"] + 60
    assert admin.clock(speed=1000, is_paused=False) | {"now": 0} == {"now": 0, "speed": 1000, "is_paused": False}
    for wrong in ({"advance": -1}, {"speed": 0}, {"speed": True}, {"is_paused": 1}):
        with pytest.raises(AdminError):
            admin.clock(**wrong)
    assert admin.clock()["speed"] == 1000


@pytest.mark.parametrize(
    "body",
    [
        '{"advance": 1e308}',
        '{"advance": 1e999}',
        '{"advance": NaN}',
        '{"speed": 1e300}',
        '{"speed": Infinity}',
        '{"speed": 5, "advance": -1}',
        '{"speed": 5, "advance": 1e12, "is_paused": false}',
        '{"speed": 5, "is_paused": false, "now": 1}',
        '{"advance": ' + "[" * 100_000,
        '{"advance": ' + '{"a":' * 900 + "1" + "}" * 900 + "}",
        "[" * 100_000,
        '{"advance": ' + "9" * 400 + "}",
    ],
)
def test_what_is_refused_is_not_carried_out_in_part(server, admin, body):
    before = admin.clock()
    assert raw(server, "POST", "/clock", body)[0] == 400
    assert admin.clock() == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens", '{"user": "new", "lifetime": 1e308}'),
        ("/tokens", '{"user": "new", "lifetime": {}}'),
        ("/scenarios/peak-hours", '{"seed": 1e308}'),
        ("/scenarios/peak-hours", "[" * 100_000),
        ("/faults", '{"kind": "latency", "seconds": 1e999}'),
        ("/faults", '{"kind": ' + "[" * 100_000),
        ("/hashes", '{"hashes": [' + "[" * 100_000),
    ],
)
def test_nested_and_endless_orders_are_refused_with_a_reason(server, admin, path, body):
    status, answer = raw(server, "POST", path, body)
    assert (status, set(answer)) == (400, {"error"})
    assert admin.faults() == []
    assert [bill for bill in admin.bills() if bill["user"] == "new"] == []


def raw(server, method, path, body):
    """Status and answer for a body as it is."""
    address = urlsplit(server.base_url)
    connection = HTTPConnection(address.hostname, address.port, timeout=20)
    try:
        connection.request(method, f"/_sandbox{path}", body, {"Authorization": f"Bearer {server.admin_token}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_machine_is_billed_by_the_second_while_it_runs(server, api, admin):
    machine = api.create("billed", unit_qty=2)["instance"]["instanceID"]
    server.clock.advance(46)
    assert admin.bills() == []
    server.clock.advance(1 + 90.7)
    [bill] = admin.bills()
    assert (bill["instance_id"], bill["user"], bill["millicent_per_hour"]) == (machine, "researcher", 98000)
    assert (bill["seconds"], bill["millicents"], bill["settled_cents"]) == (90, 2450, None)
    # Free while a snapshot is taken, which lasts 40 seconds (FACTS 4.4).
    api.call("POST", "/snapshot", body={"instance_id": machine})
    server.clock.advance(40 + 509.5)
    api.cancel("billed")
    server.clock.advance(1000)
    [bill] = admin.bills()
    assert (bill["seconds"], len(bill["periods"])) == (90 + 509, 2)
    assert (bill["millicents"], bill["settled_cents"]) == (round(98000 * 599 / 3600), 16)


def test_bills_are_those_of_one_user_when_asked(server, as_user, admin):
    for user in ("one", "other"):
        as_user(server, user).create(user)
    server.clock.advance(50)
    assert [bill["user"] for bill in admin.bills()] == ["one", "other"]
    assert [bill["user"] for bill in admin.bills("other")] == ["other"]


def test_bills_can_begin_with_the_order(as_user):
    with SandboxServer(seed=1, switches=Switches(bills_from_order=True)) as server:
        server.clock.pause()
        as_user(server).create("billed")
        server.clock.advance(100)
        assert server.admin.bills()[0]["seconds"] == 100
        as_user(server).cancel("billed")
        server.clock.advance(100)
        assert server.admin.bills()[0]["seconds"] == 100


def test_bill_goes_on_where_it_was_after_a_restart(tmp_path, as_user):
    path = tmp_path / "sandbox.db"
    with SandboxServer(path=path) as server:
        as_user(server).create("billed")
        server.clock.advance(100_000)
        server.clock.pause()
        before = server.admin.bills()[0]["seconds"]
    with SandboxServer(path=path) as server:
        server.clock.pause()
        assert before <= server.admin.bills()[0]["seconds"] < before + 60


def test_lost_host_is_not_billed(server, api, admin):
    api.create("billed")
    server.clock.advance(57)
    admin.order("host_unavailable")
    server.clock.advance(100)
    admin.clear()
    server.clock.advance(10)
    assert admin.bills()[0]["seconds"] == 20


def test_token_is_made_for_any_user(server, api, admin):
    api.token = admin.token("somebody else")
    assert api.get("/instance/stats") == {"code": 0, "msg": "", "stats": {}}
    api.token = admin.token("somebody else", lifetime=-1)
    assert api.get("/instance/stats")["code"] == 176
    with pytest.raises(AdminError, match="no name"):
        admin.token("")


def test_region_can_be_denied_to_one_user(server, as_user, api, admin):
    assert admin.limits("researcher")["regions"] is None
    assert admin.limits("researcher", regions=["TW-03"])["regions"] == ["TW-03"]
    assert api.create("one") == {"code": 208, "msg": "region access denied"}
    network = api.call("POST", "/network", body={"name": "mesh", "region_name": "TW-04"})
    assert network["code"] == 208
    assert api.create("one", region_name="TW-99")["code"] == 206
    assert api.create("one", region_name="TW-03")["code"] == 0
    assert as_user(server, "other").create("other")["code"] == 0


def test_user_who_may_only_look_is_denied_every_write(api, admin):
    api.create("mine")
    admin.limits("researcher", may_write=False)
    for method, path in (
        ("POST", "/instance"),
        ("DELETE", "/instance"),
        ("POST", "/image"),
        ("DELETE", "/image"),
        ("POST", "/network"),
        ("POST", "/network/endpoint"),
        ("POST", "/snapshot"),
    ):
        assert api.call(method, path) == {"code": 7, "msg": "permission denied"}
    assert api.machine("mine")["status"] == "SchedQueued"


def test_quotas_are_set_for_one_user_and_kept_in_the_file(tmp_path, as_user):
    path = tmp_path / "sandbox.db"
    with SandboxServer(path=path) as server:
        server.admin.limits("researcher", instances=1)
    with SandboxServer(path=path) as server:
        api, other = as_user(server), as_user(server, "other")
        assert [api.create(key)["code"] for key in "ab"] == [0, 198]
        assert [other.create(key)["code"] for key in "cd"] == [0, 0]


@pytest.mark.parametrize("wrong", [{"instances": "many"}, {"instances": -1}, {"cars": 1}, {"regions": "TW-03"}])
def test_limit_that_makes_no_sense_is_refused(admin, wrong):
    before = admin.limits("researcher")
    with pytest.raises(AdminError):
        admin.limits("researcher", **wrong)
    assert admin.limits("researcher") == before


def test_key_of_an_ended_machine_is_freed_only_when_switched(server, as_user, api, admin):
    api.create("key")
    api.cancel("key")
    assert admin.switches()["frees_meta_keys"] is False
    admin.switches(frees_meta_keys=True)
    assert api.create("key")["code"] == 10  # it has not ended yet
    server.clock.advance(20)
    other = as_user(server, "other")
    assert other.create("key")["code"] == 0
    assert api.create("key")["code"] == 10
    # Each finds their own under the key that both have had.
    assert api.machine("key")["status"] == "Finished"
    assert other.machine("key")["status"] == "SchedQueued"


def test_public_ip_is_given_to_a_user(api, admin):
    network_id = admin.grant_public_ip("researcher", "TW-04")
    assert api.get("/network/list", network_type=6, domain=3)["networks"][0]["netID"] == network_id
    with pytest.raises(AdminError, match="unknown region"):
        admin.grant_public_ip("researcher", "TW-99")


def test_command_that_ends_takes_the_machine_with_it(server, api, admin):
    machine = api.create("server", cmd="python -m http.server 8080")["instance"]["instanceID"]
    with pytest.raises(AdminError, match="SchedQueued"):
        admin.end_command(machine)
    server.clock.advance(10_000)
    assert api.machine("server")["status"] == "Running"
    admin.end_command(machine)
    assert api.machine("server")["status"] == "Exited"
    server.clock.advance(22)
    assert api.machine("server")["status"] == "Finished"
    with pytest.raises(AdminError, match="no such machine"):
        admin.end_command("ins-nobodyxx")


def test_ids_can_be_reserved_for_what_comes_next(server, api, admin):
    admin._call("POST", "/hashes", {"hashes": ["boyqp4g8"]})
    assert api.create("one")["instance"]["instanceID"] == "ins-boyqp4g8"


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'{"user": 5}', b"{}"])
def test_order_that_cannot_be_read_is_an_error_400(server, api, body):
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    api._connection.request("POST", "/_sandbox/tokens", body, headers)
    response = api._connection.getresponse()
    assert response.status == 400
    assert json.loads(response.read())["error"]
