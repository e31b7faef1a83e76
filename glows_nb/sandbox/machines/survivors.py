"""What is left running of a machine when its process, or the whole sandbox, was killed: found by a mark, and ended.

The mark is a limit on processor time within real-time scheduling, which no machine's program has: a number of the
machine's own, of years, that all its processes inherit, whatever they do to their environment, session or parent.
"""

import contextlib
import hashlib
import os
import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

_LEAST = 1 << 40
_SWEEPS = 100
_LIMIT = re.compile(rb"^Max realtime timeout +\S+ +(\d+) ", re.MULTILINE)
"""The hard one: the other can be changed by whoever has it."""


def mark_of(folder: Path) -> int:
    """Return the mark of the machine in a folder, in microseconds."""
    return _LEAST + int.from_bytes(hashlib.sha256(os.fsencode(folder)).digest()[:5])


def marked(marks: Iterable[int]) -> list[int]:
    """Return which processes have one of these marks. Linux alone can tell."""
    wanted = set(marks)
    if sys.platform != "linux" or not wanted:
        return []
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone are wanted
        if entry.isdecimal():
            try:
                limit = _LIMIT.search(Path("/proc", entry, "limits").read_bytes())
                state = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue  # it has ended
            if limit is not None and int(limit[1]) in wanted and state != b"Z":
                found.append(int(entry))
    return found


def end_survivors(folders: Iterable[Path]) -> None:
    """End what runs of the machines in these folders; stopped first, since some start others meanwhile."""
    marks = [mark_of(folder) for folder in folders]
    for _ in range(_SWEEPS):
        stopped: set[int] = set()
        while new := set(marked(marks)) - stopped:
            stopped |= new
            _send(new, signal.SIGSTOP)
        if not stopped:
            return
        _send(stopped, signal.SIGKILL)


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
