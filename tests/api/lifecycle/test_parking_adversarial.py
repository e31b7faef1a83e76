"""Park and unpark against what a list that lags, a lost answer or another park can make them believe.

The service is played with what only it knows: how much work is on the disk, and in each snapshot. A release by a park
is right only if the service holds an available snapshot with all the work that was done before that park began, and
what the park says, and `unpark` starts from, is such a one.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.errors import GlowsError, TransportError, api_error
from glows_nb.api.lifecycle import parking, unparking
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.steps import Adopted, Batch, Operation, Pause, Recall, Steps
from tests.api.fake_service import instance_row, spec_row

SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "60"))
MARK = "0123abcd"
KEY = f"train-{MARK}"
ID = "ins-00000001"
GPU = "NVIDIA H100 SXM5"
NEXT = {"Pausing": "Paused", "Paused": "Resuming", "Resuming": "Running", "Canceling": "Finished"}
SNAPSHOTTING = ("Pausing", "Paused", "Resuming")


def page(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pagination = {"total": len(rows), "numPages": 1, "page": 1, "perPage": 20}
    return {"code": 0, "msg": "", "pagination": pagination, name: list(rows)}


@dataclass
class Taken:
    """A snapshot as the service knows it; `shown` is (the list read from which it is shown so, status)."""

    id: str
    work: int
    created: int
    status: int
    shown: list[tuple[int, int]] = field(default_factory=list)


class World:
    """One account. `losses` are those of the next snapshot orders: "", "before", "after", "empty"."""

    def __init__(self, lag: int = 0, losses: Sequence[str] = (), fails: Sequence[bool] = ()) -> None:
        self.lag, self.losses, self.fails = lag, list(losses), list(fails)
        self.clock, self.reads, self.work = 1000.0, 0, 7
        hardware = {"gpuName": GPU, "gpuNum": 8, "cpuCoresNum": 160, "ramMB": 1_600_000, "diskGB": 800}
        row = instance_row(KEY, 1, "Running", hardware=hardware, priceCent=2368, regionName="TW-03")
        self.machines: dict[str, dict[str, Any]] = {KEY: row}
        self.snapshots: list[Taken] = []
        self.specs = [offer(8, 2_368_000)]
        self.orders: list[dict[str, Any]] = []
        self.needed: int | None = None
        """The work before the park at turn began; None is nobody's turn."""
        self.wrong: list[str] = []

    @property
    def machine(self) -> dict[str, Any]:
        return self.machines[KEY]

    def add(self, work: int, status: int, *, shown: list[tuple[int, int]] | None = None) -> Taken:
        taken = Taken(f"snap-{len(self.snapshots)}", work, 1_700_000_000 + 10 * len(self.snapshots), status)
        taken.shown = [(self.reads + self.lag, status)] if shown is None else shown
        self.snapshots.append(taken)
        return taken

    def become(self, taken: Taken, status: int) -> None:
        taken.status = status
        taken.shown.append((self.reads + self.lag, status))

    def tick(self) -> None:
        """One pause of anybody: statuses go on, and a machine that runs does work."""
        for row in self.machines.values():
            if row is self.machine and row["status"] == "Running":
                self.work += 1
            if row is self.machine and row["status"] == "Paused":
                for taken in self.snapshots:
                    if taken.status == 2:
                        self.become(taken, 4 if self.fails and self.fails.pop(0) else 3)
            row["status"] = NEXT.get(row["status"], row["status"])

    def holding(self, work: int) -> set[str]:
        return {taken.id for taken in self.snapshots if taken.status == 3 and taken.work >= work}

    def answer(self, step: Any) -> Any:
        if isinstance(step, Pause):
            self.clock += step.seconds
            self.tick()
            return None
        if isinstance(step, Recall):
            return []
        if isinstance(step, Adopted):
            return None
        if isinstance(step, Batch):
            return [step.keep(self.answer(operation)) for operation in step.operations]
        return step.read(getattr(self, f"_{step.name.replace(' ', '_')}")(dict(step.params), step))

    def _get_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        for key, row in self.machines.items():
            if key == params.get("meta_key") or row["instanceID"] == params.get("request_id"):
                return {"code": 0, "msg": "", "instance": dict(row)}
        raise api_error(6, "param illegal", "get instance")

    def _list_instances(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        return page("instances", [dict(row) for row in self.machines.values() if row["status"] != "Finished"])

    def _list_specs(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        return page("specs", self.specs if params["machine_category"] == 0 else []) | {"regions": []}

    def _list_snapshots(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        rows = []
        for taken in self.snapshots:
            visible = [status for since, status in taken.shown if since <= self.reads]
            if visible:
                rows.append(
                    {"snapshot_id": taken.id, "instance_id": ID, "status": visible[-1], "create_time": taken.created}
                )
        self.reads += 1
        return page("snapshots", rows[::-1])

    def _create_snapshot(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        loss = self.losses.pop(0) if self.losses else ""
        if loss == "before":
            raise TransportError("reset")
        if self.machine["status"] != "Running":
            raise api_error(20, "illegal status", "create snapshot")
        self.machine["status"] = "Pausing"
        taken = self.add(self.work, 2)
        if loss == "after":
            raise TransportError("reset")
        ids = [] if loss == "empty" else [taken.id]
        return {"code": 0, "msg": "", "snapshot_ids": ids, "instance_id": ID, "status": "Pausing"}

    def _cancel_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        if self.machine["status"] in SNAPSHOTTING:
            raise api_error(20, "illegal status", "cancel instance")
        if self.machine["status"] == "Running":
            if self.needed is not None and not self.holding(self.needed):
                self.wrong.append("released, and no snapshot holds the work from before the park began")
            self.machine["status"] = "Canceling"
        return {"code": 0, "msg": ""}

    def _create_instance(self, params: dict[str, Any], step: Operation[Any]) -> dict[str, Any]:
        body = dict(step.body or {})
        key = body["custom_meta_key"]
        if key in self.machines:
            raise api_error(10, "meta key exist", "create instance")
        self.orders.append(body)
        row = instance_row(key, len(self.machines) + 1, "SchedQueued", regionName=body["region_name"])
        self.machines[key] = row
        return {"code": 0, "msg": "", "instance": dict(row)}

    def park(self) -> Steps[parking.Parked]:
        machine = Instance.model_validate(dict(self.machine))
        return parking.park(machine, timeout=900, backoff=0.1, clock=lambda: self.clock)


class Kernel:
    """One kernel that parks; `stop` ends it where it stands, as a kill does, and it is run again."""

    def __init__(self, world: World, stop_at: Sequence[tuple[int, str]] = ()) -> None:
        self.world, self.stop_at = world, list(stop_at)
        self.result: parking.Parked | None = None
        self.error: BaseException | None = None
        self.is_done = False
        self.count = self.needed = 0
        self.begin()

    def begin(self) -> None:
        status = self.world.machine["status"]
        snapshotting = [taken.work for taken in self.world.snapshots if taken.status == 2]
        in_progress = status in SNAPSHOTTING and snapshotting
        if status not in ("Canceling", "Finished") or not self.count:
            # Begun anew on a machine that this kernel released itself, the work is that from before the release.
            self.needed = max(snapshotting) if in_progress else self.world.work
        self.steps = self.world.park()
        self.send: tuple[str, Any] = ("send", None)

    def turn(self) -> None:
        how, what = self.send
        try:
            step = getattr(self.steps, how)(what)
        except StopIteration as stop:
            self.result, self.is_done = stop.value, True
            return
        except GlowsError as error:
            self.error, self.is_done = error, True
            return
        self.count += 1
        stop = next((when for number, when in self.stop_at if number == self.count), "")
        if stop == "before":
            self.interrupt()
            return
        self.world.needed = self.needed
        try:
            self.send = ("send", self.world.answer(step))
        except GlowsError as error:
            self.send = ("throw", error)
        self.world.needed = None
        if stop == "after":
            self.interrupt()

    def interrupt(self) -> None:
        if self.count % 2:
            with pytest.raises(KeyboardInterrupt):
                self.steps.throw(KeyboardInterrupt())
        else:
            self.steps.close()
        self.begin()


def play(world: World, kernels: Sequence[Kernel], chance: random.Random | None = None) -> None:
    for _ in range(5000):
        at_work = [kernel for kernel in kernels if not kernel.is_done]
        if not at_work:
            return
        (chance.choice(at_work) if chance else at_work[0]).turn()
    raise AssertionError("they never end")


def offer(
    gpus: int,
    millicents: int,
    id_: str = "offer",
    region: str = "TW-03",
    cpus: int | None = None,
    disk_gb: int | None = None,
    units: int = 64,
) -> dict[str, Any]:
    row = spec_row(region, GPU, millicents, units, id_, gpus=gpus)
    hardware = {"cpus": 20 * gpus, "ram_mb": 200_000 * gpus, "disk_gb": 100 * gpus}
    if cpus is not None:
        hardware["cpus"] = cpus
    if disk_gb is not None:
        hardware["disk_gb"] = disk_gb
    row["base_resource"]["unit_spec"] |= hardware
    return row


# --- The matrix.


def random_world(seed: int) -> tuple[World, random.Random]:
    chance = random.Random(seed)  # noqa: S311 - to repeat a run
    losses = [chance.choice(["", "", "", "before", "after", "empty"]) for _ in range(chance.choice([0, 1, 3]))]
    fails = [chance.random() < 0.3 for _ in range(chance.choice([0, 0, 4]))]
    world = World(chance.choice([0, 1, 2, 3, 4, 5]), losses, fails)
    if chance.random() < 0.6:
        # One from before, of which the list may still say that it is being taken, or nothing.
        told = chance.choice([[(0, 3)], [(0, 2), (chance.randint(1, 5), 3)], [(chance.randint(1, 5), 3)]])
        world.add(3, 3, shown=told)
    if chance.random() < 0.25:
        world.add(world.work, 2)
        world.machine["status"] = chance.choice(SNAPSHOTTING[:2])
    return world, chance


def stops_of(chance: random.Random) -> list[tuple[int, str]]:
    return [(chance.randint(1, 25), chance.choice(["before", "after"])) for _ in range(chance.choice([0, 1, 2]))]


OUTCOMES: Counter[str] = Counter()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_seeded_parks_lose_no_work_and_unparks_start_from_it(seed: int) -> None:
    world, chance = random_world(seed)
    kernels = [Kernel(world, stops_of(chance)) for _ in range(chance.choice([1, 1, 2, 3]))]
    play(world, kernels, chance)
    assert world.wrong == []
    is_ended = world.machine["status"] == "Finished"
    for kernel in kernels:
        OUTCOMES[type(kernel.error or kernel.result).__name__] += 1
        if kernel.result is not None:
            assert is_ended
            # Of the one that it began on; who came to a machine that was leaving only tells what there is.
            if len(kernels) == 1:
                assert kernel.result.snapshot_id in world.holding(kernel.needed)
    said = {kernel.result.snapshot_id for kernel in kernels if kernel.result is not None}
    assert len(said) <= 1, f"they say {said}"
    if not said:
        return
    (snapshot_id,) = said
    assert snapshot_id == max(world.snapshots, key=lambda each: (each.status == 3, each.created)).id
    parked = next(kernel.result for kernel in kernels if kernel.result is not None)
    for _ in range(2):
        drive(world, unparking.unpark(parked, MARK, backoff=0))
    assert [(order["unit_qty"], order["from_snap_id"]) for order in world.orders] == [(1, snapshot_id)]
    assert sum(row["status"] != "Finished" for row in world.machines.values()) == 1


def drive(world: World, steps: Steps[Any]) -> Any:
    send: tuple[str, Any] = ("send", None)
    while True:
        how, what = send
        try:
            step = getattr(steps, how)(what)
        except StopIteration as stop:
            return stop.value
        try:
            send = ("send", world.answer(step))
        except GlowsError as error:
            send = ("throw", error)


@pytest.mark.parametrize("lag", range(6))
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 16))
def test_one_park_stopped_at_each_request_goes_on(number: int, when: str, lag: int) -> None:
    world = World(lag)
    kernel = Kernel(world, [(number, when)])
    play(world, [kernel])
    assert (world.wrong, kernel.error) == ([], None)
    assert kernel.result is not None
    assert kernel.result.snapshot_id in world.holding(kernel.needed)
    assert len(world.snapshots) <= 3


# --- What each of these can make a park believe.


@pytest.mark.parametrize("lag", range(1, 6))
def test_a_stale_snapshot_that_still_reads_as_being_taken_does_not_stand_for_one_that_fails(lag: int) -> None:
    world = World(lag, fails=[True])
    world.add(3, 3, shown=[(0, 2), (2, 3)])
    world.add(7, 2)
    world.machine["status"] = "Pausing"
    kernel = Kernel(world)
    play(world, [kernel])
    assert world.wrong == []
    if kernel.result is not None:
        assert kernel.result.snapshot_id in world.holding(7)


@pytest.mark.parametrize("lag", range(6))
@pytest.mark.parametrize("from_read", range(1, 5))
def test_a_lost_order_that_was_never_done_is_not_found_in_an_older_snapshot(lag: int, from_read: int) -> None:
    world = World(lag, losses=["before"])
    world.add(3, 3, shown=[(from_read, 2), (from_read + 1, 3)])
    kernel = Kernel(world)
    play(world, [kernel])
    assert world.wrong == []
    assert isinstance(kernel.error, glows.AmbiguousResult)
    assert world.machine["status"] == "Running"


@pytest.mark.parametrize("lag", range(6))
def test_an_answer_without_an_id_releases_nothing(lag: int) -> None:
    world = World(lag, losses=["empty"])
    world.add(3, 3, shown=[(0, 3)])
    kernel = Kernel(world)
    play(world, [kernel])
    assert isinstance(kernel.error, glows.BadResponse | glows.AmbiguousResult | glows.SnapshotFailed)
    assert world.machine["status"] != "Canceling"


@pytest.mark.parametrize("lag", range(6))
def test_a_failed_snapshot_releases_nothing(lag: int) -> None:
    world = World(lag, fails=[True])
    world.add(3, 3, shown=[(0, 3)])
    kernel = Kernel(world)
    play(world, [kernel])
    assert isinstance(kernel.error, glows.SnapshotFailed)
    assert world.machine["status"] == "Running"


@pytest.mark.parametrize("lag", range(6))
@pytest.mark.parametrize("how_many", [2, 3])
def test_parks_at_once_say_the_same_end(how_many: int, lag: int) -> None:
    for seed in range(SEEDS):
        world = World(lag)
        kernels = [Kernel(world) for _ in range(how_many)]
        play(world, kernels, random.Random(seed))  # noqa: S311 - to repeat a run
        assert world.wrong == []
        assert [kernel.error for kernel in kernels] == [None] * how_many, seed
        assert len({kernel.result for kernel in kernels}) == 1, seed


@pytest.mark.parametrize("lag", range(1, 6))
def test_a_park_that_comes_while_another_releases_reports_that_one_s_snapshot(lag: int) -> None:
    world = World(lag)
    world.add(3, 3, shown=[(0, 3)])
    world.add(7, 3)
    world.machine["status"] = "Canceling"
    kernel = Kernel(world)
    play(world, [kernel])
    assert kernel.result is not None
    assert kernel.result.snapshot_id == "snap-1"


# --- What comes back.


def parked_world(*specs: dict[str, Any], **had: Any) -> World:
    world = World()
    world.machine["status"] = "Finished"
    world.machine["hardware"] |= had
    world.add(7, 3)
    world.specs = list(specs)
    return world


def unpark(world: World, **changes: Any) -> list[tuple[str, str, int]]:
    drive(world, unparking.unpark("train", MARK, backoff=0, **changes))
    return [(order["region_name"], order["base_resource"]["resource_id"], order["unit_qty"]) for order in world.orders]


def test_where_an_id_means_another_machine_in_another_region_no_more_is_rented_than_was_had() -> None:
    own, other = offer(1, 296_000, "same", units=0), offer(8, 2_368_000, "same", "JP-01")
    world = parked_world(own, other)
    # The service goes by the id, which is a machine of 8 there.
    assert unpark(world, regions=["JP-01"], max_price_per_hour=1000) == [("JP-01", "same", 1)]


def test_each_region_is_pinned_to_an_offer_of_its_own() -> None:
    world = parked_world(offer(1, 296_000, "one", units=0), offer(8, 2_368_000, "eight", "JP-01"))
    assert unpark(world, regions=["JP-01"]) == [("JP-01", "eight", 1)]


def test_an_offer_that_has_none_left_gives_way_to_an_equal_one_that_has() -> None:
    world = parked_world(offer(8, 2_368_000, "eight", units=0), offer(4, 1_184_000, "four"))
    assert unpark(world) == [("TW-03", "four", 2)]


def test_of_equal_offers_the_cheapest_that_has_enough_is_taken() -> None:
    world = parked_world(offer(8, 2_368_000, "eight"), offer(4, 1_000_000, "four"))
    assert unpark(world) == [("TW-03", "four", 2)]


def test_a_smaller_disk_is_not_given_silently() -> None:
    world = parked_world(offer(8, 2_368_000, disk_gb=100))
    with pytest.raises(glows.NoResourceAvailable, match="disk"):
        unpark(world)
    assert world.orders == []


def test_fewer_cpus_are_not_given_silently_and_the_refusal_names_the_nearest() -> None:
    world = parked_world(offer(8, 2_000_000, cpus=150))
    with pytest.raises(glows.NoResourceAvailable, match=r"nearest .*150 CPUs"):
        unpark(world)
    assert world.orders == []


@pytest.mark.parametrize("had", [{"gpuNum": 0}, {"gpuNum": -1}, {"gpuNum": 0, "cpuName": ""}])
def test_where_the_number_of_gpus_is_not_known_nothing_is_rented(had: dict[str, Any]) -> None:
    plain = offer(8, 100_000, "cpus only", cpus=160)
    plain["base_resource"]["unit_spec"] |= {"gpus": 0, "gpu_name": "", "cpu_name": had.get("cpuName", "Xeon")}
    world = parked_world(offer(8, 2_368_000), plain, **({"cpuName": "Xeon"} | had))
    with pytest.raises((glows.NoResourceAvailable, glows.InvalidRequest)):
        unpark(world)
    assert world.orders == []


def test_an_older_snapshot_is_not_taken_while_a_newer_one_is_not_available() -> None:
    world = parked_world(offer(8, 2_368_000))
    world.add(9, 2)
    with pytest.raises(glows.SnapshotFailed, match="snap-1"):
        unpark(world)
    assert world.orders == []


def test_what_park_gave_is_what_unpark_starts_from_though_the_list_lags() -> None:
    world = parked_world(offer(8, 2_368_000))
    world.lag = 5
    world.add(9, 3)
    parked = parking.Parked(ID, KEY, "snap-1")
    drive(world, unparking.unpark(parked, MARK, backoff=0))
    assert world.orders[0]["from_snap_id"] == "snap-1"


def test_unit_qty_alone_can_not_multiply_the_machine() -> None:
    world = parked_world(offer(8, 2_368_000))
    with pytest.raises(glows.InvalidRequest):
        unpark(world, unit_qty=8, max_price_per_hour=1000)
    assert world.orders == []


def test_the_plan_that_is_shown_is_what_is_carried_out() -> None:
    world = parked_world(offer(8, 2_368_000))
    planned = drive(world, unparking.plan_unpark("train", MARK))
    planned = planned[0] if isinstance(planned, tuple) else planned
    assert isinstance(planned, Plan)
    assert [candidate.request.unit_qty for candidate in planned.candidates] == [1]


def test_an_existing_machine_is_taken() -> None:
    world = World()
    assert drive(world, unparking.unpark("train", MARK)).instance_id == ID


def test_a_plan_says_what_is_different_and_its_launch_rents_just_that() -> None:
    world = parked_world(offer(8, 2_000_000, cpus=150), offer(16, 1, "double"))
    planned, again = drive(world, unparking.plan_unpark("train", MARK))
    assert "In TW-03 it has 150 CPUs instead of 160." in str(planned)
    drive(world, unparking.launch_planned(again, planned))
    assert [(order["unit_qty"], order["base_resource"]["resource_id"]) for order in world.orders] == [(1, "offer")]


def test_a_plan_whose_offer_became_dearer_rents_nothing() -> None:
    world = parked_world(offer(8, 2_000_000))
    planned, again = drive(world, unparking.plan_unpark("train", MARK))
    world.specs = [offer(8, 2_100_000)]
    with pytest.raises(glows.StalePlan, match="price in TW-03"):
        drive(world, unparking.launch_planned(again, planned))
    assert world.orders == []


def test_what_it_cost_is_the_cap_and_a_cent_s_rounding_is_allowed_for() -> None:
    world = parked_world(offer(8, 2_369_000))
    with pytest.raises(glows.PriceTooHigh, match=r"cost 23\.680 Credits/h; max_price_per_hour= allows more"):
        unpark(world)
    world.specs = [offer(8, 2_368_999)]
    assert unpark(world) == [("TW-03", "offer", 1)]


@pytest.mark.parametrize("cents", [0, None])
def test_without_a_known_price_a_cap_is_asked_for_and_the_plan_shows_the_price(cents: int | None) -> None:
    world = parked_world(offer(8, 2_368_000))
    world.machine["priceCent"] = cents
    with pytest.raises(glows.InvalidRequest, match="max_price_per_hour"):
        unpark(world)
    planned, _ = drive(world, unparking.plan_unpark("train", MARK))
    assert "23.680 Credits/h" in str(planned)
    assert unpark(world, max_price_per_hour=24) == [("TW-03", "offer", 1)]


def test_an_offer_without_a_price_is_not_rented() -> None:
    row = offer(8, 2_368_000)
    row["price"] = {"millicent_per_hour": 0}
    world = parked_world(row)
    with pytest.raises(glows.NoResourceAvailable, match="tells no price"):
        unpark(world)


def test_a_cpu_machine_comes_back_in_whole_units() -> None:
    row = offer(0, 10_000)
    row["base_resource"]["unit_spec"] |= {"gpu_name": "", "cpu_name": "Xeon", "cpus": 4, "ram_mb": 8000, "disk_gb": 0}
    had = {"gpuName": "", "gpuNum": 0, "cpuName": "Xeon", "cpuCoresNum": 8, "ramMB": 16_000, "diskGB": 0}
    assert unpark(parked_world(row, **had)) == [("TW-03", "offer", 2)]
    with pytest.raises(glows.NoResourceAvailable, match="whole units"):
        unpark(parked_world(row, **(had | {"cpuCoresNum": 9})))


def test_an_offer_with_no_less_and_no_higher_price_will_do_and_the_same_comes_first() -> None:
    more = offer(8, 2_300_000, "more", cpus=168)
    assert unpark(parked_world(more)) == [("TW-03", "more", 1)]
    assert unpark(parked_world(more, offer(8, 2_368_000, "same"))) == [("TW-03", "same", 1)]
