"""Park and unpark, stopped anywhere, at once and under lists that lag: no work is lost and no second machine rented.

The service is played here with what only it knows: the state of the disk, and of each snapshot. GLOWS_NB_SEEDS says how
many seeds are tried.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from glows_nb.api.errors import GlowsError, TransportError
from glows_nb.api.errors.codes import api_error
from glows_nb.api.lifecycle import parking, unparking
from glows_nb.api.lifecycle.parking import Parked
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.steps import Adopted, AskBudget, Batch, Operation, Pause, Recall, Steps
from tests.api.fake_service import instance_row, spec_row

SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "60"))
MARK = "0123abcd"
KEY = f"train-{MARK}"
ID = "ins-00000001"
GPU = "NVIDIA H100 SXM5"
GPUS = 8
NEXT = {"Pausing": "Paused", "Paused": "Resuming", "Resuming": "Running", "Canceling": "Finished"}


def page(field: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    pagination = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
    return {"code": 0, "msg": "", "pagination": pagination, field: rows}


class World:
    """One account: a machine with a disk that changes while it runs, its snapshots, and a list of them that lags."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.time = 1000.0
        self.lag = chance.choice([0, 0, 1, 2, 3, 5])
        self.fails = chance.choice([0.0, 0.0, 0.4])
        self.loses = chance.choice([0.0, 0.0, 0.2])
        self.disk = 7
        self.reads = 0
        hardware = {"gpuName": GPU, "gpuNum": GPUS, "cpuCoresNum": 160, "ramMB": 1_600_000}
        self.machines = {KEY: instance_row(KEY, 1, "Running", hardware=hardware, priceCent=2368, regionName="TW-03")}
        self.saved: dict[str, int] = {}
        self.states: dict[str, list[tuple[int, int]]] = {}
        self.started = 0
        if chance.random() < 0.5:
            self._change("snp-old", 3)
            self.states["snp-old"] = [(0 if chance.random() < 0.7 else self.lag, 3)]
            self.saved["snp-old"] = 3
        off = chance.choice([0, 0, 1, -1])
        one = spec_row("TW-03", GPU, 296_000, 64, "one", gpus=1)
        one["base_resource"]["unit_spec"] |= {"cpus": 20 + off, "ram_mb": 200_000 + 1000 * off}
        eight = spec_row("TW-03", GPU, 2_368_000, 8, "eight", gpus=8)
        eight["base_resource"]["unit_spec"] |= {"cpus": 160 + off, "ram_mb": 1_600_000 + 1000 * off}
        self.specs = chance.choice([[one], [eight], [one, eight]])
        self.orders: list[dict[str, Any]] = []

    @property
    def machine(self) -> dict[str, Any]:
        return self.machines[KEY]

    def tick(self) -> None:
        for machine in self.machines.values():
            status = machine["status"]
            if machine is self.machine and status == "Paused":
                for id_, states in self.states.items():
                    if states[-1][1] in (1, 2):
                        self._change(id_, 4 if self.chance.random() < self.fails else 3)
            if machine is self.machine and status == "Pausing":
                for id_, states in self.states.items():
                    if states[-1][1] == 1:
                        self._change(id_, 2)
            machine["status"] = NEXT.get(status, status)
            if machine is self.machine and machine["status"] == "Running":
                self.disk += 1

    def answer(self, step: Any) -> Any:
        if isinstance(step, Pause):
            self.time += step.seconds
            self.tick()
            return None
        if isinstance(step, Recall):
            return []
        if isinstance(step, Adopted):
            return None
        if isinstance(step, AskBudget):
            return None
        if isinstance(step, Batch):
            return [step.keep(self.answer(operation)) for operation in step.operations]
        if self.chance.random() < 0.2:
            self.tick()
        params = dict(step.params)
        return step.read(getattr(self, f"_{step.name.replace(' ', '_')}")(params, step))

    def right(self, needed: int) -> set[str]:
        """The snapshots that are there and hold at least so much work."""
        return {id_ for id_, states in self.states.items() if states[-1][1] == 3 and self.saved[id_] >= needed}

    def _change(self, id_: str, state: int) -> None:
        self.states.setdefault(id_, []).append((self.reads + self.lag, state))

    def _get_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        found = [
            row
            for key, row in self.machines.items()
            if key == params.get("meta_key") or row["instanceID"] == params.get("request_id")
        ]
        if not found:
            raise api_error(6, "param illegal", "get instance")
        return {"code": 0, "msg": "", "instance": dict(found[0])}

    def _list_instances(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        return page("instances", [row for row in self.machines.values() if row["status"] != "Finished"])

    def _list_specs(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        return page("specs", self.specs if params["machine_category"] == 0 else []) | {"regions": []}

    def _list_snapshots(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        self.reads += 1
        rows = []
        for number, (id_, states) in enumerate(self.states.items()):
            visible = [state for since, state in states if since < self.reads]
            if visible:
                rows.append({"snapshot_id": id_, "instance_id": ID, "status": visible[-1], "create_time": number + 1})
        return page("snapshots", rows)

    def _create_snapshot(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        if self.chance.random() < self.loses:
            raise TransportError("reset")
        if self.machine["status"] != "Running":
            raise api_error(20, "illegal status", "create snapshot")
        self.machine["status"] = "Pausing"
        id_ = f"snp-{len(self.states)}"
        self._change(id_, 1)
        self.saved[id_] = self.disk
        if self.chance.random() < self.loses:
            raise TransportError("reset")
        return {"code": 0, "msg": "", "snapshot_ids": [id_], "instance_id": ID, "status": "Pausing"}

    def _cancel_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        if self.machine["status"] not in ("Running", "Canceling"):
            raise api_error(20, "illegal status", "cancel instance")
        if self.machine["status"] == "Running":
            assert self.right(self.needed), "released though no snapshot holds the work"
            self.machine["status"] = "Canceling"
        return {"code": 0, "msg": ""}

    needed = 0
    """How much work was done when the park that is at turn began."""

    def _create_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        body = dict(step.body or {})
        key = body["custom_meta_key"]
        if self.chance.random() < self.loses:
            raise TransportError("reset")
        if key in self.machines:
            raise api_error(10, "meta key exist", "create instance")
        self.orders.append(body)
        row = instance_row(key, len(self.machines) + 1, "SchedQueued", regionName=body["region_name"])
        self.machines[key] = row
        if self.chance.random() < self.loses:
            raise TransportError("reset")
        return {"code": 0, "msg": "", "instance": dict(row)}


class Actor:
    """One kernel that parks, or unparks, and is stopped and begun anew now and then."""

    def __init__(self, world: World, begin: Callable[[], Steps[Any]], stops: int) -> None:
        self.world = world
        self.begin = begin
        self.stops = stops
        self.result: Any = None
        self.errors: list[GlowsError] = []
        self._start()

    def _start(self) -> None:
        self.needed = self.world.disk if self.world.machine["status"] == "Running" else max(self.world.saved.values())
        self.steps: Iterator[Any] | None = self.begin()
        self.send: tuple[str, Any] = ("send", None)

    def turn(self) -> None:
        """One step: sometimes stopped before the request, sometimes after it."""
        assert self.steps is not None
        how, what = self.send
        try:
            step = getattr(self.steps, how)(what)
        except StopIteration as stop:
            self.result, self.steps = stop.value, None
            return None
        except GlowsError as error:
            self.errors.append(error)
            self.steps = None
            return None
        moment = self.world.chance.random() if self.stops else 1.0
        if moment < 0.05:
            return self._stop()
        self.world.needed = self.needed
        try:
            self.send = ("send", self.world.answer(step))
        except GlowsError as error:
            self.send = ("throw", error)
        if moment < 0.1:
            self._stop()
        return None

    def _stop(self) -> None:
        self.stops -= 1
        self._start()


def play(world: World, actors: list[Actor]) -> None:
    for _ in range(6000):
        at_work = [actor for actor in actors if actor.steps is not None]
        if not at_work:
            return
        world.chance.choice(at_work).turn()
    raise AssertionError("they never end")


def machine_of(world: World) -> Instance:
    return Instance.model_validate(dict(world.machine))


def parks(world: World, how_many: int) -> list[Actor]:
    def begin() -> Steps[Parked]:
        return parking.park(machine_of(world), timeout=900, backoff=0.1, clock=lambda: world.time)

    return [Actor(world, begin, world.chance.choice([0, 0, 1, 2])) for _ in range(how_many)]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_park_releases_without_the_work_and_no_unpark_rents_more_than_was_had(seed: int) -> None:
    world = World(random.Random(seed))  # noqa: S311 - no secret
    actors = parks(world, world.chance.choice([1, 2, 3]))
    play(world, actors)
    done = [actor for actor in actors if actor.result is not None]
    for actor in done:
        # Of several at once, one that comes last may only find what the first has released.
        assert actor.result.snapshot_id in world.right(actor.needed if len(actors) == 1 else 0)
        assert world.machine["status"] == "Finished"
    if not done:
        again = parks(world, 1)
        play(world, again)
        done = [actor for actor in again if actor.result is not None]
    if not done:
        return

    def begin() -> Steps[Instance]:
        return unparking.unpark("train", MARK, backoff=0)

    world.loses = min(world.loses, 0.1)
    play(world, [Actor(world, begin, world.chance.choice([0, 1, 2])) for _ in range(world.chance.choice([1, 2]))])
    alive = [row for row in world.machines.values() if row["status"] != "Finished"]
    assert len(alive) == len(world.orders) <= 1
    for order in world.orders:
        assert order["unit_qty"] * order["base_resource"]["unit_spec"]["gpus"] == GPUS
        assert world.right(0) >= {order["from_snap_id"]}


def test_all_three_parks_at_once_say_the_same_end() -> None:
    ends: Counter[int] = Counter()
    for seed in range(SEEDS):
        world = World(random.Random(seed))  # noqa: S311 - no secret
        world.lag, world.fails, world.loses = 0, 0.0, 0.0
        actors = parks(world, 3)
        play(world, actors)
        assert [actor.errors for actor in actors] == [[], [], []]
        ends[len({actor.result for actor in actors})] += 1
    assert ends == {1: SEEDS}


def test_a_snapshot_that_failed_is_not_replaced_by_an_older_one() -> None:
    world = World(random.Random(1))  # noqa: S311 - no secret
    world.lag, world.fails, world.loses = 0, 1.0, 0.0
    world.states["snp-old"], world.saved["snp-old"] = [(0, 3)], 3
    (actor,) = parks(world, 1)
    actor.stops = 0
    play(world, [actor])
    assert [type(error).__name__ for error in actor.errors] == ["SnapshotFailed"]
    assert world.machine["status"] == "Running"


def test_a_snapshot_from_before_the_pause_is_not_taken_for_the_one_that_is_not_listed_yet() -> None:
    world = World(random.Random(1))  # noqa: S311 - no secret
    world.lag, world.fails, world.loses = 5, 0.0, 0.0
    world.states["snp-old"], world.saved["snp-old"] = [(0, 3)], 3
    world.machine["status"] = "Pausing"
    (actor,) = parks(world, 1)
    actor.needed, actor.stops = world.disk, 0
    play(world, [actor])
    assert actor.result.snapshot_id != "snp-old"
    assert world.saved[actor.result.snapshot_id] >= actor.needed


def test_an_order_whose_answer_is_lost_releases_nothing_and_is_not_sent_again_blindly() -> None:
    world = World(random.Random(1))  # noqa: S311 - no secret
    world.lag, world.fails, world.loses = 0, 0.0, 1.0
    (actor,) = parks(world, 1)
    actor.stops = 0
    orders: list[int] = []
    create = world._create_snapshot
    world._create_snapshot = lambda params, step: (orders.append(1), create(params, step))[1]  # type: ignore[method-assign,func-returns-value]
    play(world, [actor])
    assert [type(error).__name__ for error in actor.errors] == ["AmbiguousResult"]
    assert len(orders) == 1
    assert world.machine["status"] == "Running"


# Units and price of what comes back.


def parked_world(*specs: dict[str, Any], cents: Any = 2368) -> World:
    world = World(random.Random(3))  # noqa: S311 - no secret
    world.loses = 0.0
    world.lag = 0
    world.machine["status"] = "Finished"
    world.machine["priceCent"] = cents
    world.states, world.saved = {"snp-1": [(0, 3)]}, {"snp-1": 7}
    world.specs = list(specs)
    return world


def offer(gpus: int, millicents: int, cpus: int, ram_mb: int, id_: str = "offer", region: str = "TW-03") -> Any:
    row = spec_row(region, GPU, millicents, 64, id_, gpus=gpus)
    row["base_resource"]["unit_spec"] |= {"cpus": cpus, "ram_mb": ram_mb}
    return row


def run(world: World, steps: Steps[Any]) -> Any:
    actor = Actor(world, lambda: steps, 0)
    play(world, [actor])
    if actor.errors:
        raise actor.errors[0]
    return actor.result


@pytest.mark.parametrize(
    ("row", "units"),
    [
        (offer(8, 2_368_000, 160, 1_600_000), 1),
        (offer(8, 2_368_000, 161, 1_600_001), 1),
        (offer(4, 1_184_000, 80, 800_000), 2),
        (offer(1, 296_000, 20, 200_000), 8),
        (offer(1, 296_000, 21, 200_000), 8),
    ],
)
def test_units_come_from_the_offer_alone(row: dict[str, Any], units: int) -> None:
    world = parked_world(row)
    run(world, unparking.unpark("train", MARK))
    assert [order["unit_qty"] for order in world.orders] == [units]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            offer(8, 2_368_000, 159, 1_600_000),
            "with less CPUs, RAM or disk only; the nearest is 8 × NVIDIA H100 SXM5, 159 CPUs",
        ),
        (offer(3, 888_000, 60, 600_000), "does not offer 8 × NVIDIA H100 SXM5 in whole units; the nearest is 3 ×"),
        (offer(16, 4_736_000, 320, 3_200_000), "in whole units; the nearest is 16 ×"),
        (
            offer(8, 2_368_000, 160, 1_600_000, region="JP-01"),
            r"TW-03 does not offer 8 × .*in JP-01 at 23\.680 Credits/h: regions=\['JP-01'\] takes it",
        ),
    ],
)
def test_where_no_offer_has_what_the_machine_had_nothing_is_rented(row: dict[str, Any], said: str) -> None:
    world = parked_world(row)
    with pytest.raises(GlowsError, match=said):
        run(world, unparking.unpark("train", MARK))
    assert world.orders == []


def test_unpark_costs_no_more_than_the_machine_did_unless_told_so() -> None:
    world = parked_world(offer(8, 2_369_000, 160, 1_600_000))
    for steps in (unparking.unpark("train", MARK), unparking.plan_unpark("train", MARK)):
        with pytest.raises(GlowsError, match=r"cost 23\.680 Credits/h; max_price_per_hour= allows more"):
            run(world, steps)
    assert world.orders == []
    run(world, unparking.unpark("train", MARK, max_price_per_hour=23.69))
    assert len(world.orders) == 1


def test_a_price_whose_third_decimal_a_machine_does_not_report_is_what_it_cost() -> None:
    world = parked_world(offer(8, 2_368_999, 160, 1_600_000))
    run(world, unparking.unpark("train", MARK))
    assert len(world.orders) == 1


@pytest.mark.parametrize("cents", [0, None, -5, True])
def test_where_nobody_knows_what_it_cost_a_cap_is_asked_for_and_a_plan_shows_the_price(cents: Any) -> None:
    world = parked_world(offer(8, 2_368_000, 160, 1_600_000), cents=cents)
    with pytest.raises(GlowsError, match=f"max_price_per_hour: is required.*{ID}"):
        run(world, unparking.unpark("train", MARK))
    planned, wanted = run(world, unparking.plan_unpark("train", MARK))
    assert isinstance(planned, Plan)
    assert wanted is not None
    assert "23.680 Credits/h" in str(planned)
    assert world.orders == []


def test_another_region_is_tried_with_its_own_offer_s_units() -> None:
    world = parked_world(offer(1, 296_000, 20, 200_000, "one", "JP-01"))
    run(world, unparking.unpark("train", MARK, regions=["JP-01"]))
    assert [(order["region_name"], order["unit_qty"]) for order in world.orders] == [("JP-01", 8)]
