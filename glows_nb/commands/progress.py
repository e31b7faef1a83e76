"""Progress while a command waits: how long it has taken, how long that usually takes, what it has cost so far.

A widget where there is a front end, one line that is written over in a terminal, a line for each status elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Final, Protocol, TypeVar

import click

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest, MachineEnded
from glows_nb.api.lifecycle.waiting import OnChange
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import InstanceStatus
from glows_nb.api.steps import Pause, Steps
from glows_nb.commands.environment import has_front_end, is_tty
from glows_nb.commands.group import JSON, say, say_what_is_left
from glows_nb.formatting import visible
from glows_nb.ledger.accounting import cost_by_day
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of
from glows_nb.money import Cost

T = TypeVar("T")

TICK: Final = 0.5
USUAL_SECONDS: Final = 47.0
"""Queued 24 to 28 s and Pending 21 s on the live service (FACTS 4.3), where the ledger knows no start of one's own."""
MOST_STARTS: Final = 5


class Display(Protocol):
    """A place where progress is shown."""

    def show(self, words: str, part: float | None, *, is_new: bool) -> None:
        """Show how far it is; `part` of 1 is all, None unknown; `is_new` says that the status has changed."""

    def end(self, *, has_come: bool) -> None:
        """Nothing more follows: what was awaited has come, or not."""


def watch(client: Client, instance: Instance, until: str, steps: Callable[[OnChange], Steps[T]], resume: str) -> T:
    """Carry out work that waits for a machine, with its progress shown.

    Args:
        client: the client to carry it out with.
        instance: the machine.
        until: the status that it waits for.
        steps: makes the work, of what it is to call at each new status.
        resume: what to say when the user interrupts it, or an error ends it while the machine goes on.

    Raises:
        KeyboardInterrupt: the user stopped the waiting; the machine goes on.
        GlowsError: what the work itself raises.
    """
    progress: Progress | None = None
    has_come = False
    try:
        progress = Progress(client, instance, until)
        result = client.run(_ticking(steps(progress.change), progress.tick))
        has_come = True
        return result
    except (KeyboardInterrupt, GlowsError) as stop:
        if progress is not None:
            progress.end(has_come=False)
        if not isinstance(stop, MachineEnded | InvalidRequest):
            say_what_is_left(resume)
        raise
    finally:
        if progress is not None:
            progress.end(has_come=has_come)


class Progress:
    """What is known of one wait, and where it is shown."""

    def __init__(self, client: Client, instance: Instance, until: str) -> None:
        self._client = client
        self._instance = instance
        self._started = time.monotonic()
        self._usual = usual_seconds(client) if until == InstanceStatus.RUNNING and not instance.is_billed else None
        self._spent = Cost()
        self._billed_from = self._started
        self._is_first = True
        self._has_ended = False
        self._display: Display = _display()

    def change(self, instance: Instance) -> None:
        """The machine has a new status."""
        now = time.monotonic()
        if self._is_first:
            self._spent = _spent_before(self._client, instance)
        elif self._instance.is_billed:
            self._spent = self._cost(now)
        self._is_first, self._instance, self._billed_from = False, instance, now
        self._show(is_new=True)

    def tick(self) -> None:
        """Time has passed."""
        if not self._is_first:
            self._show(is_new=False)

    def end(self, *, has_come: bool) -> None:
        """The wait is over; said once."""
        if not self._has_ended:
            self._has_ended = True
            self._display.end(has_come=has_come)

    def _show(self, *, is_new: bool) -> None:
        now, instance = time.monotonic(), self._instance
        elapsed = now - self._started
        words = f"{elapsed:5.1f} s  {visible(f'{instance.instance_id} {instance.status}')}"
        if instance.is_billed:
            words += f", {instance.rate or 'price unknown'}"
        elif self._usual is not None:
            words += f", takes about {self._usual:.0f} s (estimate)"
        words += f", about {self._cost(now).credits:.3f} Credits so far"
        self._display.show(words, None if self._usual is None else min(elapsed / self._usual, 1.0), is_new=is_new)

    def _cost(self, now: float) -> Cost:
        rate = self._instance.rate if self._instance.is_billed else None
        return self._spent + (rate.over(int(now - self._billed_from)) if rate else Cost())


def usual_seconds(client: Client) -> float | None:
    """How long a start usually takes: the middle of the last ones by the ledger, else what is known of the service.

    None in a sandbox without an earlier start, whose clock may run at any speed.
    """
    recorder = recorder_of(client)
    try:
        machines = recorder.ledger.machines(recorder.account)
    except LedgerError:
        machines = []
    took = []
    for machine in machines:
        ran = next((seen.at_ms for seen in machine.sightings if seen.status == InstanceStatus.RUNNING), None)
        if machine.order is not None and ran is not None:
            took.append((machine.order.at_ms, (ran - machine.order.at_ms) / 1000))
    if took:
        return median(seconds for _, seconds in sorted(took)[-MOST_STARTS:])
    return None if client.is_sandbox else USUAL_SECONDS


def _spent_before(client: Client, instance: Instance) -> Cost:
    """What a machine that runs already has cost, by the ledger."""
    recorder = recorder_of(client)
    try:
        records = recorder.ledger.machines(recorder.account)
    except LedgerError:
        return Cost()
    record = next((record for record in records if record.instance_id == instance.instance_id), None)
    days = cost_by_day(record, recorder.now_ms()) if record else []
    return sum((day.cost or day.at_least for day in days), Cost())


def _ticking(steps: Steps[T], tick: Callable[[], None]) -> Steps[T]:
    """The same steps, their pauses cut into short ones with a tick after each."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                end = time.monotonic() + step.seconds
                while (left := end - time.monotonic()) > 0:
                    yield Pause(min(TICK, left))
                    tick()
                step = steps.send(None)
                continue
            try:
                answer = yield step
            except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _display() -> Display:
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(JSON):
        return _Lines()
    if has_front_end():
        # Loaded where it is shown: a terminal needs no widgets.
        from glows_nb.widgets.progress_bar import ProgressBar

        return ProgressBar()
    return _Overwritten() if is_tty() else _Lines()


class _Lines:
    """A line for each new status, for places that keep whatever is written."""

    def show(self, words: str, part: float | None, *, is_new: bool) -> None:
        if is_new:
            say(words)

    def end(self, *, has_come: bool) -> None:
        pass


class _Overwritten:
    """One line of a terminal, written over; what it said last stays."""

    def show(self, words: str, part: float | None, *, is_new: bool) -> None:
        click.echo(f"\r\x1b[K{words}", nl=False)

    def end(self, *, has_come: bool) -> None:
        click.echo()
