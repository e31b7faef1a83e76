"""The system's table of processes: what runs, below what, and in which state; signals to several of them."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_STOP_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.001


@dataclass(frozen=True)
class Process:
    """One as it was when it was looked at."""

    pid: int
    parent: int
    state: str

    @property
    def stands_still(self) -> bool:
        """Was it stopped by a signal?"""
        return self.state.startswith("T")


def running() -> list[Process]:
    """Return all processes that have not ended."""
    if sys.platform != "linux":  # not tried
        listed = subprocess.run(["/bin/ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=False)
        rows = [line.split() for line in listed.stdout.splitlines()]
        return [Process(int(pid), int(parent), state) for pid, parent, state in rows if not state.startswith("Z")]
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]  # noqa: PTH208 - names alone are wanted
    return [process for process in map(_look_at, pids) if process is not None]


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below one, parents before their children."""
    return [process.pid for generation in generations(pid) for process in generation]


def generations(pid: int, known: Collection[int] = ()) -> list[list[Process]]:
    """Return all processes below one but those that are known: its children, then theirs, and so on."""
    children: dict[int, list[Process]] = {}
    for process in running():
        children.setdefault(process.parent, []).append(process)
    found = [children.get(pid, [])]
    while found[-1]:
        found.append([child for process in found[-1] for child in children.get(process.pid, ())])
    new = ([process for process in generation if process.pid not in known] for generation in found)
    return [generation for generation in new if generation]


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def await_stop(pids: Collection[int]) -> None:
    """Wait until they stand still or have ended, but not for one that the system holds up."""
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline and not all(_stands_still(pid) for pid in pids):
        # Of a stop nothing tells but a look.
        time.sleep(_LOOK_AGAIN_SECONDS)


def _stands_still(pid: int) -> bool:
    process = _look_at(pid)
    return process is None or process.stands_still


def _look_at(pid: int) -> Process | None:
    """A process as it is now; None where it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    state, parent = stat.rpartition(")")[2].split()[:2]
    return None if state == "Z" else Process(pid, int(parent), state)
