"""A siege of a machine's port: callers that say nothing, garbage, too much, or stop halfway, and who suffers by it."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from statistics import median

import httpx
import pytest

import glows_nb as glows
from glows_nb.sandbox.machines.visitors import _MOST_SILENT
from glows_nb.sandbox.server import SandboxServer
from tests.sandbox.machines.real import RealSandbox, Way, eventually, launch, marked, way_to

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux")

SILENT, GARBAGE, HUGE, HALFWAY = 1000, 300, 100, 100
DESCRIPTORS = 4096
CALLS = 200
MOST_SECONDS_MORE = 0.05
VERSION = b"SSH-2.0-OpenSSH_9.6\r\n"
KEXINIT = 20


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    """A sandbox in a process that may have as many connections as both sides of a siege need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < DESCRIPTORS:
        pytest.skip("this system does not allow as many connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], DESCRIPTORS), before[1]))
    with RealSandbox(tmp_path / "state.db") as running:
        yield running
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def way(client: glows.Client, tmp_path: Path) -> Way:
    return way_to(launch(client), tmp_path)


def says_nothing(way: Way) -> socket.socket:
    return socket.create_connection((way.host, way.port), 30)


def says_garbage(way: Way) -> socket.socket:
    caller = says_nothing(way)
    caller.sendall(os.urandom(2000))
    return caller


def says_a_huge_length(way: Way) -> socket.socket:
    caller = says_nothing(way)
    caller.sendall(VERSION + struct.pack(">IB", 0xFFFFFFF0, 4) + bytes(2000))
    return caller


def stops_halfway(way: Way) -> socket.socket:
    """Agrees on how keys are to be exchanged, to all that the server itself says, and then sends none."""
    caller = says_nothing(way)
    caller.sendall(VERSION)
    with caller.makefile("rb") as heard:
        heard.readline()
        length = heard.read(4)
        packet = heard.read(struct.unpack(">I", length)[0])
    assert packet[1] == KEXINIT
    caller.sendall(length + packet)
    return caller


def ordered_siege() -> Iterator[Callable[[Way], socket.socket]]:
    """All of them, the kinds mixed."""
    loud = chain(repeat(says_garbage, GARBAGE), repeat(says_a_huge_length, HUGE), repeat(stops_halfway, HALFWAY))
    for number in range(SILENT):
        yield says_nothing
        if number % 2:
            yield next(loud)


class Siege(threading.Thread):
    """Callers that come one after the other, and stay."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = way
        self.callers: list[socket.socket] = []
        self.refused: list[OSError] = []

    def run(self) -> None:
        for call in ordered_siege():
            try:
                self.callers.append(call(self._way))
            except OSError as error:
                self.refused.append(error)

    def leave(self) -> None:
        self.join()
        for caller in self.callers:
            caller.close()


def answer_times(sandbox: SandboxServer, is_enough: Callable[[int], bool]) -> list[float]:
    """How long the API takes to tell of its machines, again and again."""
    taken: list[float] = []
    with httpx.Client(headers={"Authorization": f"Bearer {sandbox.token}"}, timeout=30) as http:
        while not is_enough(len(taken)):
            begun = time.perf_counter()
            answer = http.get(f"{sandbox.base_url}/instance/list?page=1&per_page=20")
            taken.append(time.perf_counter() - begun)
            assert len(answer.json()["instances"]) == 1
    return taken


def enters(way: Way) -> str:
    """What a good caller hears."""

    async def enter() -> str:
        async with way.connect() as line:
            return str((await line.run("echo fine")).stdout)

    return asyncio.run(asyncio.wait_for(enter(), 30))


def descriptors(pid: int | str) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone are wanted


def in_ms(times: list[float]) -> str:
    ordered = sorted(times)
    return (
        f"{len(times)} calls, median {median(times) * 1000:.1f} ms, "
        f"19 of 20 within {ordered[len(ordered) * 19 // 20] * 1000:.1f}, longest {ordered[-1] * 1000:.1f}"
    )


def test_siege_holds_up_nobody_and_leaves_nothing(sandbox: SandboxServer, way: Way, tmp_path: Path) -> None:
    assert enters(way) == "fine\n"
    [process] = marked(tmp_path)
    usual = answer_times(sandbox, lambda number: number >= CALLS)
    before = descriptors("self"), descriptors(process)

    siege = Siege(way)
    siege.start()
    try:
        coming = answer_times(sandbox, lambda number: number >= CALLS and not siege.is_alive())
        staying = answer_times(sandbox, lambda number: number >= CALLS)
        said = enters(way)
        # Both ends are this process's here; those who spoke have theirs in the machine's.
        kept = descriptors("self") - before[0] - len(siege.callers)
    finally:
        siege.leave()

    told = f"usual: {in_ms(usual)}\nas they come: {in_ms(coming)}\nwhile they stay: {in_ms(staying)}"
    assert said == "fine\n"
    assert siege.refused == []
    assert kept <= _MOST_SILENT, told
    assert max(median(coming), median(staying)) - median(usual) < MOST_SECONDS_MORE, told
    eventually(lambda: descriptors("self") <= before[0])
    eventually(lambda: descriptors(process) <= before[1])
    assert marked(tmp_path) == [process]
    assert enters(way) == "fine\n"
    print(told)
