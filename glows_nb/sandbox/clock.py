"""The sandbox's virtual clock: real time, faster. Machines change status by it.

What happens when is decided in `lifecycle`; this module only knows what time it is.
"""

import threading
import time


class Clock:
    """Virtual seconds since the epoch, running `speed` times as fast as real ones and never backwards.

    Safe to read and change from several threads: a notebook may pause the clock of a running server.
    """

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        self._lock = threading.Lock()
        self._virtual = time.time() if start is None else start
        self._real = time.monotonic()
        self._paused = False
        self._speed = _checked(speed)

    def now(self) -> float:
        """Return the virtual time."""
        with self._lock:
            return self._catch_up()

    @property
    def speed(self) -> float:
        """Virtual seconds per real second; can be set while the clock runs."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            self._catch_up()
            self._speed = _checked(speed)

    @property
    def is_paused(self) -> bool:
        """Whether time stands still until `resume` or `advance`."""
        return self._paused

    def pause(self) -> None:
        """Let time stand still."""
        with self._lock:
            self._catch_up()
            self._paused = True

    def resume(self) -> None:
        """Let time run on after `pause`."""
        with self._lock:
            self._catch_up()
            self._paused = False

    def advance(self, seconds: float) -> None:
        """Jump ahead by virtual `seconds`, paused or not."""
        if seconds < 0:
            raise ValueError(f"time can't go back: advance({seconds})")
        with self._lock:
            self._catch_up()
            self._virtual += seconds

    def _catch_up(self) -> float:
        real = time.monotonic()
        if not self._paused:
            self._virtual += (real - self._real) * self._speed
        self._real = real
        return self._virtual


def _checked(speed: float) -> float:
    if not 0 < speed < float("inf"):
        raise ValueError(f"speed must be above 0, not {speed}; use pause() to stop the clock")
    return speed
