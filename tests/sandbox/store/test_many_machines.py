"""A list of 100,000 machines: what its pages hold, and what they cost."""

import json
from http.client import HTTPConnection

import pytest

from glows_nb.sandbox.parameters import Page
from glows_nb.sandbox.server import SandboxServer

MACHINES = 100_000
RUNNING = (7, 40_000, 99_999)


@pytest.fixture(scope="module")
def crowded():
    """A sandbox whose user has 100,000 machines, all but three of them ended."""
    with SandboxServer(seed=1, is_reachable=False) as server:
        server.clock.pause()
        store, owner = server.store, server.store.users.user("researcher").uid
        database = store._database
        order = {"from_image_id": "img-6np5yvq2", "gpu_name": "NVIDIA GeForce RTX 4090"}
        assert _create(server, order | {"custom_meta_key": "0"})["code"] == 0
        columns = [row["name"] for row in database.rows("PRAGMA table_info(instances)")]
        changing = {"seq": "n", "hash": "'h' || n", "meta_key": "'' || n", "next_at": "NULL", "next_status": "NULL"}
        changing["status"] = f"CASE WHEN n IN {RUNNING} THEN 'Running' ELSE 'Finished' END"
        with store.transaction():
            database.write(
                f"WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MACHINES})"  # noqa: S608
                f" INSERT INTO instances ({', '.join(columns)})"
                f" SELECT {', '.join(changing.get(name, name) for name in columns)}"
                " FROM numbers, (SELECT * FROM instances WHERE seq = 1) ORDER BY n"
            )
        yield server, owner


def _create(server, order):
    connection = HTTPConnection(server.base_url.split("/")[2], timeout=10)
    body = json.dumps({"instance_category": "container", "region_name": "TW-04"} | order)
    connection.request("POST", "/sdk/v1/instance", body, {"Authorization": f"Bearer {server.token}"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def steps(store, ask):
    """Count what SQLite does, in steps of its virtual machine: the same on every computer."""
    counted = 0

    def count():
        nonlocal counted
        counted += 1

    database = store._database
    # Taking the handler away waits for SQLite, which may be waiting for the interpreter to call the handler: nobody
    # else, such as the server's own thread, may use the connection meanwhile.
    with database.lock:
        database._connection.set_progress_handler(count, 10)
        try:
            ask()
        finally:
            database._connection.set_progress_handler(None, 0)
    return counted * 10


@pytest.mark.parametrize("statuses", [(), ("Finished",), ("Finished", "Running", "Pending")])
@pytest.mark.parametrize("ascending", [False, True])
def test_late_page_costs_what_the_first_does(crowded, statuses, ascending):
    server, owner = crowded

    def cost(number):
        return steps(
            server.store, lambda: server.store.machines(owner, Page(number, 20), statuses, ascending=ascending)
        )

    first = cost(1)
    for number in (500, 2500, 4321, 5000):
        assert cost(number) < 2 * first


def test_rare_machines_are_found_without_reading_all(crowded):
    server, owner = crowded
    total, machines = server.store.machines(owner, Page(1, 20), ["Running"])
    assert (total, [machine.meta_key for machine in machines]) == (3, ["99999", "40000", "7"])
    cost = steps(server.store, lambda: server.store.machines(owner, Page(1, 20), ["Running"]))
    assert cost < 20_000


def test_pages_hold_every_machine_in_its_place(crowded, as_user):
    server, _ = crowded
    api = as_user(server)
    for page in (1, 2, 26, 27, 2500, 5000):
        answer = api.get("/instance/list", page=page, per_page=20)
        first = MACHINES - (page - 1) * 20
        assert [machine["metaKey"] for machine in answer["instances"]] == [
            "0" if number == 1 else str(number) for number in range(first, first - 20, -1)
        ]
        assert answer["pagination"] == {"total": MACHINES, "numPages": 5000, "page": page, "perPage": 20}
    assert api.get("/instance/list", page=5001, per_page=20)["instances"] == []
    ascending = api.get("/instance/list", page=1286, per_page=7, ascending="true")["instances"]
    assert [machine["metaKey"] for machine in ascending] == [str(number) for number in range(8996, 9003)]


def test_pages_stay_right_while_machines_change(crowded, as_user):
    server, owner = crowded
    before = server.store.status_counts(owner)
    server.store.enter(server.store.machine_by_hash("h50000"), "Running", server.clock.now())
    counts = server.store.status_counts(owner)
    assert (counts["Running"], counts["Finished"]) == (before["Running"] + 1, before["Finished"] - 1)
    _, machines = server.store.machines(owner, Page(1, 20), ["Running"])
    assert [machine.meta_key for machine in machines] == ["99999", "50000", "40000", "7"]
    server.store.enter(server.store.machine_by_hash("h50000"), "Finished", server.clock.now())
    assert server.store.status_counts(owner) == before
