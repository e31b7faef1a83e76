"""What real machines cost, and how near they come to OpenSSH's server: `python -m tests.bench.real_machines`.

That needs OpenSSH's client and server and takes some minutes; nothing of it is kept. Both sides run beside each other,
and are asked in turns by the same client.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.bench import real_sandbox
from tests.bench.measuring import Figures, Size, in_turns
from tests.bench.real_sandbox import RealSandbox
from tests.bench.report import print_rows
from tests.bench.rows import Compared, Row
from tests.sandbox.machines.real import OFFER, Way
from tests.sandbox.machines.sshd import real_sshd

MEGABYTE = 1 << 20
TRANSFER_SECONDS = 300


@dataclass(frozen=True)
class Sides:
    """A machine of a sandbox and OpenSSH's server, side by side, and the bytes that go to and fro."""

    sandbox: RealSandbox
    way: Way
    sshd: Way
    megabytes: int

    @property
    def file(self) -> Path:
        """What is sent; nothing that can be compressed."""
        return self.sshd.folder / "sent"


@contextmanager
def sides(size: Size) -> Iterator[Sides]:
    """Start both."""
    with (
        tempfile.TemporaryDirectory() as folder,
        real_sshd(Path(folder)) as sshd,
        real_sandbox.serving() as sandbox,
    ):
        both = Sides(sandbox, sandbox.enter(), sshd, 200 if size.is_full else 2)
        both.file.write_bytes(os.urandom(MEGABYTE) * both.megabytes)
        # The first one to enter a machine waits for its process to start.
        _ssh(both.way, "true", b"")
        yield both


def calls_beside_bytes_out(size: Size) -> Figures:
    """GET /instance/list while a machine sends, against the same while nothing else is done."""
    return _calls_beside(size, lambda both: both.way, "head -c {bytes} /dev/zero", is_sent=False)


def calls_beside_bytes_in(size: Size) -> Figures:
    """The same while a machine receives."""
    return _calls_beside(size, lambda both: both.way, "cat > /dev/null", is_sent=True)


def calls_beside_bytes_of_sshd(size: Size) -> Figures:
    """The same while OpenSSH's server sends, and the sandbox has nothing to do with it: what a busy computer costs."""
    return _calls_beside(size, lambda both: both.sshd, "head -c {bytes} /dev/zero", is_sent=False)


def commands(size: Size) -> Figures:
    """`true` on a line that is open already."""
    return _against_sshd(size, _seconds_of_commands)


def lines(size: Size) -> Figures:
    """A line opened, who it is made sure of, and closed: by password here, by a key there."""
    return _against_sshd(size, _seconds_of_lines)


def files_fetched(size: Size) -> Figures:
    """A file fetched by OpenSSH's `sftp`."""
    return _sftp(size, "get {there} {here}.fetched")


def files_sent(size: Size) -> Figures:
    """The same file sent."""
    return _sftp(size, "put {here} {there}.sent")


def memory(size: Size) -> Figures:
    """What the sandbox's process takes more for each machine that runs, and that nobody enters."""
    machines = 100 if size.is_full else 5
    with real_sandbox.serving() as sandbox, sandbox.client() as client:

        def launch(prefix: str) -> None:
            names = [f"{prefix}{number}" for number in range(machines)]
            started = [client.instances.launch(name=name, **OFFER) for name in names]
            for machine in started:
                client.instances.wait_reachable(machine.instance_id, port=22, timeout=60)

        # The first ones pay for what is loaded once, and for the connections that they come over.
        launch("first")
        before = sandbox.resident_kb()
        launch("more")
        return Figures(max(sandbox.resident_kb() - before, 0.1) / machines, None, "KB a machine")


ROWS = (
    Row(
        "GET /instance/list while 200 MB come out of a machine by ssh",
        "the same call with nothing going on",
        calls_beside_bytes_out,
        3.0,
    ),
    Row("the same while 200 MB go in", "the same", calls_beside_bytes_in, 3.0),
    Row("the same while 200 MB come out of OpenSSH's server", "the same", calls_beside_bytes_of_sshd, 3.0),
    Row("`true` on an open line", "OpenSSH's server", commands, 2.0),
    Row("connection with password", "OpenSSH's server, with a key", lines, 1.0),
    Row("200 MB fetched by sftp", "OpenSSH's server", files_fetched, 3.0),
    Row("200 MB sent by sftp", "OpenSSH's server", files_sent, 3.0),
    Row("memory of the sandbox for a machine that nobody entered", "", memory, 1024.0, compared=Compared.ALONE),
)


def _calls_beside(size: Size, of: Callable[[Sides], Way], command: str, *, is_sent: bool) -> Figures:
    with sides(size) as both, both.sandbox.asking() as http, ThreadPoolExecutor(1) as thread:
        data = both.file.read_bytes() if is_sent else b""
        words = command.format(bytes=both.megabytes * MEGABYTE)

        def beside() -> float:
            going = thread.submit(_ssh, of(both), words, data)
            taken = _call_seconds(both, http, lambda number: going.done() and number > 0)
            going.result()
            return median(taken) * 1000

        def alone() -> float:
            return median(_call_seconds(both, http, lambda number: number >= size.requests)) * 1000

        alone()
        return in_turns(beside, alone, size.runs, "ms")


def _call_seconds(both: Sides, http: httpx.Client, is_enough: Callable[[int], bool]) -> list[float]:
    taken: list[float] = []
    url = f"{both.sandbox.base_url}/instance/list?page=1&per_page=20"
    while not is_enough(len(taken)):
        begun = time.perf_counter()
        answer = http.get(url)
        taken.append(time.perf_counter() - begun)
        assert answer.json()["code"] == 0
    return taken


def _ssh(side: Way, command: str, data: bytes) -> None:
    _run(["ssh", *side.options(), "-p", str(side.port), f"{side.user}@{side.host}", command], data, side.variables())


def _run(words: Sequence[str], data: bytes, variables: dict[str, str]) -> None:
    """What it says goes nowhere, so that this process does not have to read it."""
    subprocess.run(  # noqa: S603 - OpenSSH's programs
        words, input=data, env=variables, stdout=subprocess.DEVNULL, check=True, timeout=TRANSFER_SECONDS
    )


def _against_sshd(size: Size, measure: Callable[[Any, int], Coroutine[Any, Any, float]]) -> Figures:
    times = 100 if size.is_full else 2
    with sides(size) as both:

        def of(side: Way) -> Callable[[], float]:
            return lambda: asyncio.run(measure(side, times)) * 1000

        of(both.way)(), of(both.sshd)()
        return in_turns(of(both.way), of(both.sshd), size.runs, "ms")


async def _seconds_of_commands(side: Way, times: int) -> float:
    taken = []
    async with side.connect() as line:
        for _ in range(times):
            begun = time.perf_counter()
            await line.run("true", check=True)
            taken.append(time.perf_counter() - begun)
    return median(taken)


async def _seconds_of_lines(side: Way, times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        async with side.connect():
            taken.append(time.perf_counter() - begun)
    return median(taken)


def _sftp(size: Size, order: str) -> Figures:
    with sides(size) as both:
        there = {both.way: "file", both.sshd: str(both.sshd.folder / "file")}

        def carry(side: Way, line: str) -> None:
            # Commands come over the input, and all the same a password may be asked for.
            words = ["sftp", "-q", "-o", "BatchMode=no", "-b", "-", *side.options(), "-P", str(side.port)]
            asked = line.format(here=both.file, there=there[side])
            _run([*words, f"{side.user}@{side.host}"], f"{asked}\n".encode(), side.variables())

        def seconds(side: Way) -> float:
            begun = time.perf_counter()
            carry(side, order)
            return time.perf_counter() - begun

        for side in there:
            carry(side, "put {here} {there}")
        return in_turns(lambda: seconds(both.way), lambda: seconds(both.sshd), size.runs, "s")


if __name__ == "__main__":
    print_rows(ROWS, "tests.bench.real_machines", None)
