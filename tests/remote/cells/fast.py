"""A cell that prints line after line as fast as a kernel can, each a message of its own: none may be lost.

`python -m tests.remote.cells.fast --runs 20` tries that on a sandbox's machine and on OpenSSH's sshd.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.remote.cells.cuts import WAYS, opened
from tests.remote.ways import Door, Service

# As `print` does with `flush`, but without its wait for the stream's thread, which would not come to 5,000 a second.
CELL = """\
import time
kernel = get_ipython().kernel
parent, topic = kernel.get_parent(), kernel._topic("stream")
began = time.perf_counter()
for number in range({count}):
    content = {{"name": "stdout", "text": f"{{number}}\\n"}}
    kernel.session.send(kernel.iopub_socket, "stream", content, parent, ident=topic)
print("rate", {count} / (time.perf_counter() - began))
"""


@dataclass(frozen=True)
class Fast:
    """How one went: lines that came, and how many a second were said."""

    lines: int
    rate: float


def tried(door: Door, count: int) -> Fast:
    """One such cell; fails if a line is missing, doubled or in another place."""
    with Service(door, number=door.port) as service, service.machine() as machine:
        result = machine.run(CELL.format(count=count), quiet=True, again=True)
    lines = result.text.splitlines()
    name, rate = lines.pop().split()
    assert name == "rate"
    assert lines == [str(number) for number in range(count)]
    return Fast(len(lines), float(rate))


def main() -> None:
    """Try as many as asked for, and say how they went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--lines", type=int, default=20_000)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = str(folder / variable)
        doors = [stack.enter_context(opened(way, folder / way)) for way in WAYS]
        done = [tried(doors[number % len(doors)], options.lines) for number in range(options.runs)]
    rates = sorted(one.rate for one in done)
    print(
        f"{len(done)} runs of {options.lines} lines, none lost; {rates[0]:,.0f} to {rates[-1]:,.0f} messages a second, "
        f"the median {rates[len(rates) // 2]:,.0f}"
    )


if __name__ == "__main__":
    main()
