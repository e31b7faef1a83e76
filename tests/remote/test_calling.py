"""Work in the loop's thread, whichever moment an interrupt of the calling thread comes at."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from glows_nb.remote import calling
from glows_nb.remote.calling import Caller

FILE = str(Path(calling.__file__))
LINES = 60
"""Of the calling thread, of which one round of its waiting takes some ten."""


class InterruptAt:
    """Raises KeyboardInterrupt at the so-many-th lines that this thread runs in the module."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.line = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """As `sys.settrace` has it."""
        # A `with` that holds a lock shows its line again before it lets go; Python looks for no interrupt there.
        if frame.f_code.co_filename != FILE or frame.f_code.co_name == "running":
            return None
        if event == "line":
            self.line += 1
            if self.line in self.numbers:
                # What raises is asked no more, unless it says so anew.
                sys.settrace(self)
                raise KeyboardInterrupt
        return self


async def nothing(caller: Caller) -> None:
    """So that the loop is there."""


def interrupt_of(work: Callable[[Caller], Coroutine[Any, Any, None]], *numbers: int) -> KeyboardInterrupt:
    """What whoever called for the work gets when it is interrupted at these lines.

    In a thread of its own: where a trace raises within a handler, Python may hold what was handled there for the rest
    of the thread's life, as the context of all that is raised in it.
    """
    calling.run(nothing)
    interrupts: list[KeyboardInterrupt] = []

    def call() -> None:
        sys.settrace(InterruptAt(*numbers))
        try:
            calling.run(work)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(60)
    [interrupt] = interrupts
    return interrupt


@pytest.mark.parametrize("number", range(20, 60))
def test_second_interrupt_right_after_the_first_ends_the_work_too(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LOOK_SECONDS", 0.01)
    begun, ended = threading.Event(), threading.Event()

    async def work(caller: Caller) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    interrupt_of(work, number, number + number % 7)
    calling.run(nothing)
    assert not begun.is_set() or ended.wait(5)


@pytest.mark.parametrize("number", range(1, LINES))
def test_interrupt_at_any_line_ends_the_work(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LOOK_SECONDS", 0.01)
    begun, ended = [], []

    async def work(caller: Caller) -> None:
        begun.append(number)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as stop:
            ended.append(number)
            stop.add_note("It has ended.")
            raise

    interrupt = interrupt_of(work, number)
    assert ended == begun
    assert getattr(interrupt, "__notes__", []) == ["It has ended."] * len(ended)
