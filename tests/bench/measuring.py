"""How figures are taken: ours and the baseline in turns, the median of each, in this process or in new ones."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Size:
    """How much is measured: in full, or as little as shows that every row computes.

    Attributes:
        runs: how often each side is measured.
        machines: in the list whose reading is timed.
        few: in the smaller of the two lists whose cost per row is compared.
        many: in the greater one, whose memory is measured too.
        latency: seconds that the server waits before each answer.
        requests: that the sandbox gets in one run.
        is_full: is it the form whose figures count?
    """

    runs: int
    machines: int
    few: int
    many: int
    latency: float
    requests: int
    is_full: bool


FULL = Size(runs=5, machines=10_000, few=1_000, many=100_000, latency=0.02, requests=1_500, is_full=True)
SHORT = Size(runs=1, machines=200, few=100, many=400, latency=0.002, requests=40, is_full=False)


@dataclass(frozen=True)
class Figures:
    """What one row came to: the medians of both sides, in one unit; a row that has a bare limit has no baseline."""

    ours: float
    baseline: float | None
    unit: str


def in_turns(ours: Callable[[], float], baseline: Callable[[], float], runs: int, unit: str) -> Figures:
    """Take both figures alternately, so that a busy spell of the machine hits both; the medians of all runs."""
    mine, other = medians(ours, baseline, runs)
    return Figures(mine, other, unit)


def medians(one: Callable[[], float], another: Callable[[], float], runs: int) -> tuple[float, float]:
    """Both taken in turns, and the median of each."""
    taken = [(one(), another()) for _ in range(runs)]
    return median(first for first, _ in taken), median(second for _, second in taken)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes, by the clock."""
    # What earlier runs have left behind is not this one's to clear away.
    gc.collect()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def cpu_seconds(work: Callable[[], Any]) -> float:
    """How much of a processor it takes, whatever else the machine does."""
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def new_process(code: str, *arguments: str, **variables: str) -> float:
    """How many seconds a new Python takes for this code, from its start to its end; `variables` are set for it."""
    command = [sys.executable, "-c", code, *arguments]
    begun = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, env=environment() | variables, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - begun


def said_by(code: str, *arguments: str, **variables: str) -> str:
    """What this code prints in a new Python; `variables` are set for it."""
    command = [sys.executable, "-c", code, *arguments]
    there = environment() | variables
    done = subprocess.run(command, check=True, cwd=ROOT, env=there, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return done.stdout


def environment() -> dict[str, str]:
    """What new processes get: this one's variables, and the product that is being measured.

    Its modules are compiled once and then read from their files, as an installed package's are, whatever holds here.
    """
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
