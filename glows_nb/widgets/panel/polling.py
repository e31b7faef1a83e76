"""Reading again and again behind a panel: one thread, which ends with the panel and rests while nobody looks."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from threading import Condition, Lock, Thread
from typing import Final

from glows_nb.widgets.panel.polling_interval import Outcome, Pace

BUSY_SECONDS: Final = 30.0
"""When the kernel's main thread has not answered for so long, nothing is read until it does."""


class Refresher:
    """Calls `read` at the pace that its outcomes ask for.

    Args:
        read: reads and shows; called by one thread at a time, and never to raise.
        name: what the thread is called.
        clock: seconds; tests give their own.
    """

    def __init__(self, read: Callable[[], Outcome], name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.pace = Pace()
        self._read = read
        self._clock = clock
        self._name = name
        self._reading = Lock()
        self._state = Condition()
        self._is_closed = False
        self._is_asked = True
        # Until a page says something: a notebook that is run without one shows the last state too.
        self._seen_until = math.inf
        self._read_at = clock()
        self._main_thread = MainThread(self._notify, clock)

    def start(self) -> None:
        """Begin; the first reading is at once."""
        Thread(target=self._run, name=self._name, daemon=True).start()

    def read_now(self) -> float | None:
        """Read in this thread; gives the pause in seconds that follows, None for no further reading."""
        with self._reading:
            outcome = self._read()
            with self._state:
                self._read_at = self._clock()
                return self.pace.after(outcome)

    def hasten(self) -> None:
        """Read soon, and closely from then on: somebody has done something, or asks for it."""
        with self._state:
            self._is_asked = True
            self.pace.hasten()
            self._state.notify_all()

    def set_seen(self, seconds: float) -> None:
        """Somebody looks, for so many seconds from now if nothing else is said; 0 for nobody.

        While nobody looks, nothing is read; what is overdue then is read at the first look.
        """
        with self._state:
            self._seen_until = self._clock() + seconds
            self._state.notify_all()

    def close(self) -> None:
        """No reading begins any more, and the thread ends, at the latest with the request that is under way."""
        with self._state:
            self._is_closed = True
            self._state.notify_all()

    def _notify(self) -> None:
        with self._state:
            self._state.notify_all()

    def _run(self) -> None:
        while self._await_turn():
            self.read_now()

    def _await_turn(self) -> bool:
        """Wait until it is time to read; False when the panel is closed."""
        with self._state:
            while not self._is_closed:
                if self._is_asked:
                    self._is_asked = False
                    return True
                remaining = self._remaining()
                if remaining == 0 and not self._main_thread.is_long_busy():
                    return True
                self._state.wait(remaining or None)
        return False

    def _remaining(self) -> float | None:
        """Seconds until the next reading is due, 0 for now, None for not until something happens."""
        if self.pace.pause is None or self._clock() >= self._seen_until:
            return None
        return max(0.0, self._read_at + self.pace.pause - self._clock())


class MainThread:
    """Does the kernel's main thread answer? A cell that runs for minutes keeps it from that.

    Args:
        answered: called, in the main thread, when it has answered.
        clock: seconds.
    """

    def __init__(self, answered: Callable[[], None], clock: Callable[[], float]) -> None:
        self._answered = answered
        self._clock = clock
        self._asked_at: float | None = None
        try:
            # A cell runs inside the loop that serves the kernel's messages; a script or a terminal has none.
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def is_long_busy(self) -> bool:
        """Has it been busy for long? Asks it to answer, for the next time that this is called."""
        if self._loop is None or self._loop.is_closed():
            return False
        if self._asked_at is None:
            self._asked_at = self._clock()
            self._loop.call_soon_threadsafe(self._answer)
            return False
        return self._clock() - self._asked_at > BUSY_SECONDS

    def _answer(self) -> None:
        self._asked_at = None
        self._answered()
