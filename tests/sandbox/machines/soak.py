"""Machines that come and go for a long time, and what they leave: `python -m tests.sandbox.machines.soak`.

Each is entered once over SSH, and a process in a session of its own stays behind there; then it is released. What there
is of machines, and what this process holds, is counted before the sandbox starts, when it has, at the end, and when it
has stopped. The exit status is 1 if anything is left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import psutil

import glows_nb as glows
from glows_nb.sandbox.catalogue import CATALOGUE
from glows_nb.sandbox.machines.addresses import PORTS
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits
from tests.sandbox.machines.real import OFFER, RealSandbox, folders_of, marked, way_to

LEAVE_BEHIND = "setsid sleep 1000 < /dev/null > /dev/null 2>&1 & echo up"
PROCESSES_OF_A_MACHINE = 2
"""Its own, and what was left behind."""

POOL = 32
"""How many threads the sandbox's event loop keeps for what takes long, once it has needed them."""

SETTLING_SECONDS = 20.0
BEFORE, STARTED, WITHIN, LAST, STOPPED = "before", "sandbox started", "within the last turn", "after it", "stopped"


@dataclass(frozen=True)
class Held:
    """What there is of machines, and what this process holds."""

    processes: int
    folders: int
    ports: int
    threads: int
    descriptors: int

    def is_within(self, most: Held) -> bool:
        """Is there nowhere more than there?"""
        return all(ours <= theirs for ours, theirs in zip(astuple(self), astuple(most), strict=True))


def held(folder: Path) -> Held:
    """Count it; `folder` is where the sandbox has its state."""
    this = psutil.Process()
    listening = [
        connection.laddr.port for connection in this.net_connections("tcp") if connection.status == psutil.CONN_LISTEN
    ]
    return Held(
        processes=len(marked(folder)),
        folders=len(folders_of(folder / "state.db")),
        ports=sum(port in PORTS for port in listening),
        threads=threading.active_count(),
        descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names alone are wanted
    )


def settled(folder: Path, most: Held) -> Held:
    """Count it when nowhere more than `most` is left, or else after some time: what was told to go needs a moment."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while not (now := held(folder)).is_within(most) and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def soak(machines: int, turns: int) -> dict[str, Held]:
    """Let so many machines come and go so often, and return what was held when."""
    plenty = replace(CATALOGUE, offers=tuple(replace(offer, stock=machines) for offer in CATALOGUE.offers))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {BEFORE: held(folder)}
        with RealSandbox(folder / "state.db", catalogue=plenty, limits=Limits(instances=machines)) as sandbox:
            counts[STARTED] = held(folder)
            for turn in range(turns):
                begun = time.monotonic()
                counts[WITHIN] = asyncio.run(_turn(sandbox, folder, machines, turn))
                print(
                    f"turn {turn + 1}: {time.monotonic() - begun:.1f} s, {counts[WITHIN]}", file=sys.stderr, flush=True
                )
            counts[LAST] = settled(folder, most_left(counts))
        counts[STOPPED] = settled(folder, counts[BEFORE])
    return counts


def most_left(counts: Mapping[str, Held]) -> Held:
    """What may be left while the sandbox goes on: what there was when it started, and its pool of threads."""
    return replace(counts[STARTED], threads=counts[STARTED].threads + POOL)


def is_clean(counts: Mapping[str, Held]) -> bool:
    """Was nothing left, neither while the sandbox went on nor when it had stopped?"""
    return counts[LAST].is_within(most_left(counts)) and counts[STOPPED].is_within(counts[BEFORE])


def as_table(counts: Mapping[str, Held]) -> str:
    """The counts, a row for each kind."""
    names = [field.name for field in fields(Held)]
    rows = [("", *counts)]
    rows += [(name, *(str(getattr(count, name)) for count in counts.values())) for name in names]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


async def _turn(sandbox: SandboxServer, folder: Path, machines: int, turn: int) -> Held:
    """Start them, enter them, count, and release them."""
    async with glows.AsyncClient(sandbox.token, sandbox.base_url) as client:

        async def begin(number: int) -> glows.Instance:
            name = f"m{turn}-{number}"
            machine = await client.instances.launch(name=name, **OFFER, wait=True)
            machine = await client.instances.wait_reachable(machine.instance_id, port=22, timeout=60)
            async with way_to(machine, folder).connect() as line:
                said = await line.run(LEAVE_BEHIND)
            assert said.stdout == "up\n", said
            return machine

        async def end(machine: glows.Instance) -> None:
            await client.instances.cancel(machine.instance_id)
            await client.instances.wait(machine.instance_id, until="Finished")

        begun = await asyncio.gather(*map(begin, range(machines)))
        within = held(folder)
        assert within.processes >= machines * PROCESSES_OF_A_MACHINE, "what was left behind does not run"
        await asyncio.gather(*map(end, begun))
    return within


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.machines.soak")
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--turns", type=int, default=50)
    given = parser.parse_args(arguments)
    counts = soak(given.machines, given.turns)
    print(as_table(counts))
    print("nothing is left" if is_clean(counts) else "something is left")
    return 0 if is_clean(counts) else 1


if __name__ == "__main__":
    sys.exit(main())
