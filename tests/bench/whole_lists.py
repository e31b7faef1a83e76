"""All machines of an account as a DataFrame: how long it takes where the service is far, and how much memory."""

from __future__ import annotations

import asyncio
import json
import math
import urllib.request
from typing import Any

import pandas as pd

import glows_nb as glows
from tests.bench import wire
from tests.bench.flat_rows import flat
from tests.bench.measuring import Figures, Size, in_turns, said_by, seconds
from tests.bench.server import serving

MAX_CONCURRENCY = 8


def against_the_ideal(size: Size) -> Figures:
    """`glows.instances()`, with the ledger that `glows.connect` keeps."""
    with serving(size.machines, size.latency) as base_url:
        glows.connect(wire.token(), base_url)

        def ours() -> float:
            return seconds(lambda: _checked(glows.instances(), size.machines))

        ours()
        return in_turns(ours, lambda: ideal_seconds(size), size.runs, "s")


def against_a_script(size: Size) -> Figures:
    """The same, against a script that reads page after page."""
    with serving(size.machines, size.latency) as base_url:
        glows.connect(wire.token(), base_url)

        def ours() -> float:
            return seconds(lambda: _checked(glows.instances(), size.machines))

        def script() -> float:
            return seconds(lambda: _checked(as_a_script(base_url), size.machines))

        ours()
        return in_turns(ours, script, size.runs, "s")


def async_against_the_ideal(size: Size) -> Figures:
    """The same by `AsyncClient`."""
    with serving(size.machines, size.latency) as base_url:

        async def read() -> pd.DataFrame:
            async with glows.AsyncClient(wire.token(), base_url) as client:
                return await glows.instances_async(client)

        def ours() -> float:
            return seconds(lambda: _checked(asyncio.run(read()), size.machines))

        ours()
        return in_turns(ours, lambda: ideal_seconds(size), size.runs, "s")


def peak_memory(size: Size) -> Figures:
    """The most that a new process holds above what it held before, all imports done: its resident memory."""
    with serving(size.many) as base_url:

        def ours() -> float:
            return float(said_by(MEMORY, wire.token(), base_url)) / 1e6

        in_json = sum(len(wire.page_of_machines(page, size.many)) for page in range(1, pages_of(size.many) + 1))
        return in_turns(ours, lambda: in_json / 1e6, size.runs, "MB")


MEMORY = """
import sys, threading, time
import psutil
import glows_nb as glows

glows.connect(*sys.argv[1:])
glows.instances(limit=20)
process, peak, is_done = psutil.Process(), 0, threading.Event()
before = process.memory_info().rss

def watch():
    global peak
    while not is_done.wait(0.005):
        peak = max(peak, process.memory_info().rss)

watcher = threading.Thread(target=watch)
watcher.start()
machines = glows.instances()
is_done.set()
watcher.join()
assert len(machines) > 20
print(peak - before)
"""


def ideal_seconds(size: Size) -> float:
    """What the latency alone takes: the first page, then the others, so many at once."""
    return (1 + math.ceil((pages_of(size.machines) - 1) / MAX_CONCURRENCY)) * size.latency


def pages_of(machines: int) -> int:
    return -(-machines // wire.PER_PAGE)


def as_a_script(base_url: str) -> pd.DataFrame:
    """What a user writes who has no client: the standard library, page after page."""
    rows: list[dict[str, Any]] = []
    page, pages = 1, 1
    while page <= pages:
        url = f"{base_url}/instance/list?page={page}&per_page={wire.PER_PAGE}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {wire.token()}"})  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            body = json.loads(answer.read())
        rows += [flat(machine) for machine in body["instances"]]
        page, pages = page + 1, body["pagination"]["numPages"]
    return pd.DataFrame(rows)


def _checked(table: pd.DataFrame, machines: int) -> None:
    assert len(table) == machines
    assert table["instance_id"].iloc[0] == wire.machine(machines)["instanceID"]
