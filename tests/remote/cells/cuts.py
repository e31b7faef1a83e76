"""Cells whose line breaks at random places, whose process is killed, or whom a second client joins meanwhile.

`python -m tests.remote.cells.cuts --seeds 300` tries as many on a sandbox's machine and on OpenSSH's sshd.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glows_nb as glows
from glows_nb.remote import calling
from glows_nb.remote.calling import Caller
from glows_nb.remote.cells import running, showing
from glows_nb.remote.cells.outputs import Result
from glows_nb.remote.cells.showing import Silent
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.files.cuts import finished
from tests.remote.ways import Door, Service, sandbox_door, sshd_door

KINDS = ("cut", "killed", "joined")
WAYS = ("sandbox", "sshd")
KILL_SECONDS = 60
ROOT = Path(__file__).parents[3]
CELL = """\
# cell {seed}
import os, sys, time
from IPython.display import clear_output, display
ran = globals().setdefault("ran", [])
ran.append({seed})
handle = display("shown", display_id="handle {seed}")
for number in range({count}):
    if number == {gate}:
        while not os.path.exists("go {seed}"):
            time.sleep(0.01)
    if number % 11 == 3:
        display({{"text/plain": f"displayed {{number}}"}}, raw=True)
    elif number % 13 == 5:
        handle.update(number)
    elif number % 101 == 7:
        clear_output(wait=True)
    else:
        print(number, file=sys.stderr if number % 5 == 2 else sys.stdout, flush=True)
    if number % {each} == 0:
        time.sleep({pause})
"""

Record = tuple[str, str]


@dataclass(frozen=True)
class Tried:
    """How one went: of what kind it was, lines that were cut, processes that were killed, messages that came."""

    kind: str
    cuts: int
    killed: int
    messages: int


class Recorder(Silent):
    """Has all that is shown, in order."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.records: list[Record] = []
        RECORDERS.append(self)

    def add(self, kind: str, text: str) -> None:
        self.records.append((kind, text))

    def stream(self, name: str, text: str) -> None:
        self.add(name, text)

    def display(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, *, is_new: bool) -> None:
        self.add("display" if is_new else "update", data["text/plain"])

    def clear(self, *, waits: bool) -> None:
        self.add("clear", str(waits))


class Printer(Recorder):
    """Prints it at once, for who began this process."""

    def add(self, kind: str, text: str) -> None:
        print(json.dumps([kind, text]), flush=True)


RECORDERS: list[Recorder] = []


@contextlib.contextmanager
def all_is_recorded(recorder: type[Recorder] = Recorder) -> Iterator[None]:
    """What is shown is kept by a recorder, and lines are tried again soon."""
    before = showing.Silent, running.FIRST_PAUSE
    for module, name, value in ((showing, "Silent", recorder), (running, "FIRST_PAUSE", 0.02)):
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in ((showing, "Silent", before[0]), (running, "FIRST_PAUSE", before[1])):
            setattr(module, name, value)


def expected(count: int) -> list[Record]:
    """What a cell shows."""
    records: list[Record] = [("display", "'shown'")]
    for number in range(count):
        if number % 11 == 3:
            records.append(("display", f"displayed {number}"))
        elif number % 13 == 5:
            records.append(("update", str(number)))
        elif number % 101 == 7:
            records.append(("clear", "True"))
        else:
            records.append(("stderr" if number % 5 == 2 else "stdout", f"{number}\n"))
    return records


def in_lines(records: list[Record]) -> list[Record]:
    """With a record for each line, of which several may come in one message and one in several."""
    lines: list[Record] = []
    for kind, texts in itertools.groupby(records, lambda record: record[0]):
        if kind.startswith("std"):
            lines += [(kind, line) for line in "".join(text for _, text in texts).splitlines(keepends=True)]
        else:
            lines += texts
    return lines


def tried(seed: int, door: Door) -> Tried:
    """One cell, until it is over; fails if anything came twice, not, or in another order, or was run twice."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated is what it is for
    kind = KINDS[seed // len(WAYS) % len(KINDS)]
    count = chance.randint(300, 3000)
    gate = chance.randrange(count)
    code = CELL.format(
        seed=seed, count=count, gate=gate, each=chance.choice([1, 10, 100, 1000]), pause=chance.choice([0, 0, 0.001])
    )
    wanted = expected(count)
    go = door.home / f"go {seed}"
    cuts = [int(3000 * 150 ** chance.random()) for _ in range(chance.randint(1, 6))]
    killed = 0
    with (
        all_is_recorded(),
        Service(door, number=door.port) as service,
        CuttingProxy(door.port, cuts, is_hard=chance.random() < 0.7) as proxy,
        service.machine() as machine,
        service.machine() as other,
    ):
        service.told.port = proxy.port
        if kind == "cut":
            go.touch()
        elif kind == "killed":
            for _ in range(chance.randint(1, 2)):
                begun = until_killed(service, code, chance.randint(0, gate))
                killed += 1
                assert begun == wanted[: len(begun)], f"seed {seed}: a process that was killed had shown something else"
            go.touch()
        RECORDERS.clear()
        if kind == "joined":
            joined(machine, other, code, go, wanted, seed)
        else:
            results: list[Result] = []
            finished(lambda: results.append(machine.run(code, quiet=True)))
            assert results[0].error is None, f"seed {seed}: {results[0].error}"
            check(RECORDERS[-1], wanted, f"seed {seed}")
        service.told.port = door.port
        with service.machine() as asking:
            runs = asking.run(f"ran.count({seed})", quiet=True).text.strip()
    assert runs == "1", f"seed {seed}: it ran {runs} times"
    go.unlink()
    return Tried(kind, proxy.cut, killed, len(wanted))


def joined(machine: glows.Machine, other: glows.Machine, code: str, go: Path, wanted: list[Record], seed: int) -> None:
    """A second client has the same cell while the first is at it; both show all."""
    ended: list[Result] = []

    def run(client: glows.Machine) -> None:
        finished(lambda: ended.append(client.run(code, quiet=True)))

    thread = threading.Thread(target=run, args=[machine], daemon=True)
    # It goes on only when both are there, so neither comes too late to find it.
    waiting = threading.Thread(target=let_go_when_two_are_there, args=(go, thread), daemon=True)
    thread.start()
    waiting.start()
    run(other)
    thread.join()
    waiting.join()
    assert [one.error for one in ended] == [None, None], f"seed {seed}: {ended}"
    assert sum(one.is_found for one in ended) == 1, f"seed {seed}: found {[one.is_found for one in ended]}"
    for one in [one for one in RECORDERS if one.records][-2:]:
        check(one, wanted, f"seed {seed}")


def let_go_when_two_are_there(go: Path, first: threading.Thread) -> None:
    """Two have shown something, or one gave up."""
    while first.is_alive() and sum(bool(one.records) for one in list(RECORDERS)) < 2:
        time.sleep(0.005)
    go.touch()


def check(recorder: Recorder, wanted: list[Record], what: str) -> None:
    """Everything once and in order."""
    records = in_lines(recorder.records)
    if records != wanted:
        at = next((n for n, (one, other) in enumerate(zip(records, wanted, strict=False)) if one != other), None)
        place = min(len(records), len(wanted)) if at is None else at
        raise AssertionError(
            f"{what}: {len(records)} of {len(wanted)} came; at {place}: "
            f"{records[place : place + 3]} for {wanted[place : place + 3]}"
        )


def until_killed(service: Service, code: str, records: int) -> list[Record]:
    """Run it in a process of its own, which is killed when it has shown so much; what that was."""
    with tempfile.TemporaryDirectory() as folder:
        cell = Path(folder) / "cell.py"
        cell.write_text(code)
        command = [sys.executable, "-m", "tests.remote.cells.cuts", "--call"]
        words = [service.base_url, service.told.instance_id, str(cell)]
        with subprocess.Popen([*command, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            assert process.stdout is not None
            shown: list[Record] = []
            for line in process.stdout:
                shown.append(tuple(json.loads(line)))
                if len(shown) > records:
                    break
            process.kill()
            # What it had said until then; the last line may be a part.
            rest = process.stdout.read()
            for line in rest.splitlines(keepends=True):
                if line.endswith("\n"):
                    shown.append(tuple(json.loads(line)))
    assert process.returncode == -signal.SIGKILL, f"it ended by itself, with {process.returncode}"
    lines = in_lines(shown)
    return lines if not lines or lines[-1][1].endswith("\n") or not lines[-1][0].startswith("std") else lines[:-1]


@contextlib.contextmanager
def opened(way: str, folder: Path) -> Iterator[Door]:
    """A machine on which a kernel can be; the keeper has ended when this has."""
    folder.mkdir()
    with sandbox_door(folder) if way == "sandbox" else sshd_door(folder) as door:
        if way == "sandbox":
            yield door
            return
        let_python_be(door)
        try:
            yield door
        finally:
            with Service(door, number=door.port) as service, service.machine() as machine:
                end_keeper(machine)


def let_python_be(door: Door) -> None:
    """The one that a login at this computer's sshd finds has no kernel."""
    (door.home / ".glows-nb").mkdir(mode=0o700, exist_ok=True)
    (door.home / ".glows-nb" / "python").write_text(f"{sys.executable}\n")


def end_keeper(machine: glows.Machine) -> None:
    """End the keeper there, and its kernel."""
    calling.run(lambda caller: _stopped(machine, caller))


async def _stopped(machine: glows.Machine, caller: Caller) -> None:
    attachment = await machine._handle.attachment(caller)
    with contextlib.suppress(glows.LineLost):
        await attachment.ask("stop")


def call(base_url: str, machine: str, cell: str) -> None:
    """What the process does that is killed."""
    code = Path(cell).read_text()
    with all_is_recorded(Printer):
        finished(lambda: glows.Machine(machine, client=glows.Client("token", base_url)).run(code, quiet=True))


def main() -> None:
    """Try as many as asked for, and say how they went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--call", nargs=3)
    options = parser.parse_args()
    if options.call:
        call(*options.call)
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = str(folder / variable)
        ways = WAYS if options.way is None else [options.way]
        doors = {way: stack.enter_context(opened(way, folder / way)) for way in ways}
        run(doors, range(options.first, options.first + options.seeds), options.minutes)


def run(doors: Mapping[str, Door], seeds: range, minutes: float) -> None:
    """Try these, as many as there is time for."""
    began, done, failed = time.monotonic(), list[Tried](), list[str]()
    for seed in seeds:
        if time.monotonic() - began > minutes * 60:
            break
        way = list(doors)[seed % len(doors)]
        try:
            done.append(tried(seed, doors[way]))
        except Exception as error:  # noqa: BLE001 - all are told
            failed.append(f"{way}, seed {seed}: {type(error).__name__}: {error}")
            print(failed[-1], flush=True)
    kinds = ", ".join(f"{sum(one.kind == kind for one in done)} {kind}" for kind in KINDS)
    print(
        f"{len(done) + len(failed)} tried in {time.monotonic() - began:.0f} s ({kinds}), {len(failed)} failed; "
        f"{sum(one.cuts for one in done)} cuts, {sum(one.killed for one in done)} killed, "
        f"{sum(one.messages for one in done)} messages",
        flush=True,
    )


if __name__ == "__main__":
    main()
