"""How far something is that takes over a second: one line that is written over, in a notebook and in a terminal.

Where what was written stays, there is a line every ten seconds, and the last one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller

SILENT_SECONDS: Final = 1.0
EVERY_SECONDS: Final = 0.25
LINE_SECONDS: Final = 10.0

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def size(number: float) -> str:
    """A number of bytes as people write it: 1.5 GB."""
    for unit in _UNITS:
        if abs(number) < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


async def notify(caller: Caller, words: str) -> None:
    """Say a sentence that stands for itself: to whoever hears the progress, else below the cell or in the terminal."""
    hear = caller.on_progress or _Display().end
    await caller.call(lambda: hear(visible(words)))


class Progress:
    """The progress of one piece of work; nothing is shown in its first second.

    Args:
        caller: where it is to be shown.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._began = time.monotonic()
        self._next = self._began + SILENT_SECONDS
        self._display: _Display | None = None

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._began

    @property
    def is_due(self) -> bool:
        """Is it time to show something?"""
        return time.monotonic() >= self._next

    async def say(self, words: str) -> None:
        """Show these words, if it is time."""
        if self.is_due:
            self._next = time.monotonic() + EVERY_SECONDS
            await self._caller.call(lambda: self._show(visible(words)))

    async def end(self, words: str) -> None:
        """Show these as the last, if anything was shown."""
        if self._display is not None:
            display, self._display = self._display, None
            await self._caller.call(lambda: display.end(visible(words)))

    def _show(self, words: str) -> None:
        if self._display is None:
            hear = self._caller.on_progress
            self._display = _display() if hear is None else _Heard(hear)
        self._display.show(words)


class _Display:
    """A line for now and then, for places that keep whatever is written."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, words: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            self.end(words)

    def end(self, words: str) -> None:
        print(words, file=sys.stderr, flush=True)


class _Overwritten(_Display):
    """One line of a terminal, written over; what it said last stays."""

    def show(self, words: str) -> None:
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()

    def end(self, words: str) -> None:
        self.show(f"{words}\n")


class _Heard(_Display):
    """Somebody else's: they show it where they like."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear

    def show(self, words: str) -> None:
        self._hear(words)

    def end(self, words: str) -> None:
        self._hear(words)


class _InNotebook(_Display):
    """An output of the cell that is replaced."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, words: str) -> None:
        from IPython.display import display

        bundle = {"text/plain": words}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def end(self, words: str) -> None:
        self.show(words)


def is_notebook() -> bool:
    """Is there a kernel, whose front end shows what comes?"""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def is_ending() -> bool:
    """Is the kernel here, if there is one, told to end?"""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return is_notebook() and bool(getattr(shell, "exit_now", False))


def _display() -> _Display:
    if is_notebook():
        return _InNotebook()
    return _Overwritten() if sys.stderr.isatty() else _Display()
