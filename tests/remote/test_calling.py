"""Work in the loop's thread, whichever moment an interrupt of the calling thread comes at."""

from __future__ import annotations

import asyncio
import sys
import threading
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

    calling.run(nothing)
    before = sys.gettrace()
    sys.settrace(InterruptAt(number, number + number % 7))
    try:
        with pytest.raises(KeyboardInterrupt):
            calling.run(work)
    finally:
        sys.settrace(before)
    calling.run(nothing)
    assert not begun.is_set() or ended.wait(5)


async def nothing(caller: Caller) -> None:
    """So that the loop is there."""


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

    calling.run(nothing)
    before = sys.gettrace()
    sys.settrace(InterruptAt(number))
    try:
        with pytest.raises(KeyboardInterrupt) as interrupted:
            calling.run(work)
    finally:
        sys.settrace(before)
    assert ended == begun
    assert getattr(interrupted.value, "__notes__", []) == ["It has ended."] * len(ended)
