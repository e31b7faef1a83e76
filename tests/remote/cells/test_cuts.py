"""A few of the cells of `cuts` and of the runs of `fast`; GLOWS_NB_SEEDS says how many."""

from __future__ import annotations

import os

import pytest

from tests.remote.cells import fast
from tests.remote.cells.cuts import WAYS, tried
from tests.remote.ways import Door

SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "3"))
"""One of each kind."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_everything_comes_once_and_in_order_and_nothing_runs_twice(kernel_doors: dict[str, Door], seed: int) -> None:
    way = WAYS[seed % len(WAYS)]
    done = tried(seed, kernel_doors[way])
    assert done.messages > 300
    assert done.kind != "killed" or done.killed


@pytest.mark.parametrize("way", WAYS)
def test_of_fast_messages_none_is_lost(kernel_doors: dict[str, Door], way: str) -> None:
    assert fast.tried(kernel_doors[way], 20_000).lines == 20_000
