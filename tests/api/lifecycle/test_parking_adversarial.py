"""Park against what a list that lags, a lost answer or another park can make it believe."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

import glows_nb as glows
from glows_nb.api.lifecycle import unparking
from tests.api.lifecycle.lagging_account import MARK, SNAPSHOTTING, Kernel, World, drive, play

SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "60"))


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
