"""What is left running of a machine when its process, or the whole sandbox, was killed: found by a mark, and ended.

The mark is a limit on processor time within real-time scheduling, which no machine's program has: a number of the
machine's own, of years, that all its processes inherit, whatever they do to their environment, session or parent.
"""

import hashlib
import os
import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from glows_nb.sandbox.machines.inside import process_table

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
    return [process.pid for process in process_table.running() if _mark(process.pid) in wanted]


def end_survivors(folders: Iterable[Path]) -> None:
    """End what runs of the machines in these folders; stopped first, since some start others meanwhile."""
    marks = [mark_of(folder) for folder in folders]
    for _ in range(_SWEEPS):
        stopped: set[int] = set()
        while new := set(marked(marks)) - stopped:
            stopped |= new
            process_table.send(new, signal.SIGSTOP)
        if not stopped:
            return
        process_table.send(stopped, signal.SIGKILL)


def _mark(pid: int) -> int | None:
    try:
        limit = _LIMIT.search(Path(f"/proc/{pid}/limits").read_bytes())
    except OSError:
        return None  # it has ended
    return None if limit is None else int(limit[1])
