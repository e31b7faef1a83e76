"""What cells on machines cost, beside a kernel here that jupyter_client talks to: the same code, all of it received."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median

import glows_nb as glows
from glows_nb.remote import calling
from glows_nb.remote.calling import Caller
from tests.bench.cells.kernels import at_sandbox, at_sshd, far_away, local_kernel
from tests.bench.measuring import Figures, Size, in_turns, seconds
from tests.bench.rows import Compared, Row
from tests.remote.cells.cuts import end_keeper

Where = Callable[[Size], AbstractContextManager[glows.Machine]]
ROUND_TRIP = 0.030
SUM = "1 + 1"
SLEEPS = "import time\nprint('now', flush=True)\ntime.sleep(60)"


def cell(code: str, where: Where, *, times: int = 1) -> Callable[[Size], Figures]:
    """Code that runs to its end; of some runs in a row the median."""

    def measure(size: Size) -> Figures:
        short = code if size.is_full else code.replace("20_000", "20").replace("range(50)", "range(1)")
        with where(size) as machine, local_kernel() as kernel:

            def each(run: Callable[[str], object]) -> float:
                return 1000 * median(seconds_bare(lambda: run(short)) for _ in range(times if size.is_full else 2))

            def ours() -> float:
                return each(lambda code: machine.run(code, quiet=True))

            ours(), each(kernel.run)
            return in_turns(ours, lambda: each(kernel.run), size.runs, "ms")

    measure.__name__ = f"cell_{len(code)}_{where.__name__}"
    return measure


def seconds_bare(work: Callable[[], object]) -> float:
    """How long it takes, by the clock, of work that is too short for `seconds`."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def interrupted(where: Where) -> Callable[[Size], Figures]:
    """From the key that is pressed to the end of the cell."""

    def measure(size: Size) -> Figures:
        with where(size) as machine, local_kernel() as kernel:

            def ours() -> float:
                pressed: list[float] = []

                def press() -> None:
                    while machine.kernel_status().state != "busy":
                        time.sleep(0.01)
                    time.sleep(0.1)
                    pressed.append(time.perf_counter())
                    os.kill(os.getpid(), signal.SIGINT)

                machine.run("1", quiet=True)
                thread = threading.Thread(target=press)
                thread.start()
                try:
                    machine.run(SLEEPS, quiet=True)
                except KeyboardInterrupt:
                    return 1000 * (time.perf_counter() - pressed[0])
                finally:
                    thread.join()
                raise AssertionError("it was not interrupted")

            def baseline() -> float:
                pressed: list[float] = []

                def press() -> None:
                    time.sleep(0.1)
                    pressed.append(time.perf_counter())
                    kernel.manager.interrupt_kernel()

                kernel.run(SLEEPS, when_busy=press)
                return 1000 * (time.perf_counter() - pressed[0])

            return in_turns(ours, baseline, size.runs, "ms")

    measure.__name__ = f"interrupted_{where.__name__}"
    return measure


def at_a_distance(size: Size) -> Figures:
    """A sum at the end of a long line."""
    with far_away(size, ROUND_TRIP / 2) as machine:
        machine.run(SUM, quiet=True)
        taken = [seconds_bare(lambda: machine.run(SUM, quiet=True)) for _ in range(50 if size.is_full else 2)]
        return Figures(1000 * median(taken), 1000 * ROUND_TRIP, "ms")


def first_cell(where: Where) -> Callable[[Size], Figures]:
    """From nothing, neither a line nor a keeper, to the value of a sum; and a kernel here, from nothing too."""

    def measure(size: Size) -> Figures:
        with where(size) as machine:
            machine.run(SUM, quiet=True)

            def ours() -> float:
                end_keeper(machine)
                machine.close()
                return seconds(lambda: machine.run(SUM, quiet=True))

            def baseline() -> float:
                def begin() -> None:
                    with local_kernel() as kernel:
                        kernel.run(SUM)
                        taken.append(time.perf_counter())

                taken: list[float] = []
                begun = time.perf_counter()
                begin()
                return taken[0] - begun

            return in_turns(ours, baseline, size.runs, "s")

    measure.__name__ = f"first_cell_{where.__name__}"
    return measure


def attached_again(where: Where) -> Callable[[Size], Figures]:
    """A new channel to the keeper on a line that is open, and a bare command on the same line."""

    def measure(size: Size) -> Figures:
        with where(size) as machine:
            machine.run(SUM, quiet=True)

            async def attach(caller: Caller) -> float:
                attachment = await machine._handle.attachment(caller)
                attachment.close()
                await asyncio.sleep(0.05)
                begun = time.perf_counter()
                await machine._handle.attachment(caller)
                return time.perf_counter() - begun

            async def bare(caller: Caller) -> float:
                line = await machine._handle._line(caller)
                connection = await line.connected(caller)
                begun = time.perf_counter()
                await connection.run("true")
                return time.perf_counter() - begun

            def each(work: Callable[[Caller], object]) -> float:
                return 1000 * median(calling.run(work) for _ in range(10 if size.is_full else 1))  # type: ignore[arg-type]

            return in_turns(lambda: each(attach), lambda: each(bare), size.runs, "ms")

    measure.__name__ = f"attached_again_{where.__name__}"
    return measure


LOCAL = "a kernel here, jupyter_client"
LINES = "for i in range(20_000): print(i, flush=True)"
MUCH = "for i in range(50): print('x' * 999_999)"
ROWS = (
    Row("`1+1` there and back, OpenSSH's server", LOCAL, cell(SUM, at_sshd, times=100), 2.0),
    Row("the same, a sandbox's machine", LOCAL, cell(SUM, at_sandbox, times=100), 2.0),
    Row("50 MB printed, OpenSSH's server", LOCAL, cell(MUCH, at_sshd), 1.5),
    Row("50 MB printed, a sandbox's machine", LOCAL, cell(MUCH, at_sandbox), 1.5),
    Row("20,000 flushed lines, OpenSSH's server", LOCAL, cell(LINES, at_sshd), 1.5),
    Row("20,000 flushed lines, a sandbox's machine", LOCAL, cell(LINES, at_sandbox), 1.5),
    Row("interrupt, OpenSSH's server", LOCAL, interrupted(at_sshd), 50.0, compared=Compared.DIFFERENCE),
    Row("interrupt, a sandbox's machine", LOCAL, interrupted(at_sandbox), 50.0, compared=Compared.DIFFERENCE),
    Row("`1+1` at 30 ms", "the round trip", at_a_distance, 15.0, compared=Compared.DIFFERENCE),
    Row("first cell, OpenSSH's server", LOCAL, first_cell(at_sshd), 1.0, compared=Compared.DIFFERENCE),
    Row("first cell, a sandbox's machine", LOCAL, first_cell(at_sandbox), 1.0, compared=Compared.DIFFERENCE),
    Row("attach again, OpenSSH's server", "`true` there", attached_again(at_sshd), 50.0, compared=Compared.DIFFERENCE),
    Row("attach again, a sandbox's machine", "", attached_again(at_sandbox), 50.0, compared=Compared.ALONE),
)
