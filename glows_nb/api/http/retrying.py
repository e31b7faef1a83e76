"""When to send again: pauses with jitter, what the service asked for, and bounds that all threads share.

Pure but for the clock and chance that are handed in; the sending is in `transport`.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Final, NamedTuple

from glows_nb.api.errors import RateLimited, TransportError

LONGEST_PAUSE: Final = 60.0
"""Seconds; when the service asks to stay away for longer, the error says so instead."""


class RetryPolicy(NamedTuple):
    """How often and how long one call tries: `backoff` is seconds before the first repetition, it then doubles."""

    max_retries: int = 3
    backoff: float = 0.5
    time_budget: float = 120.0


class RetryQuota:
    """A purse of repetitions for all threads of a client, so that an outage is not answered with a storm.

    A repetition costs one; a success earns a twentieth, a second a tenth, up to what was there at first. So 200
    callers who all meet an outage send at most a few repetitions between them.
    """

    CAPACITY: Final = 10.0
    EARNED_BY_SUCCESS: Final = 0.05
    EARNED_PER_SECOND: Final = 0.1

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._left = self.CAPACITY
        self._counted_at = clock()

    def take(self) -> bool:
        """Pay for a repetition; False when there is nothing left."""
        with self._lock:
            self._earn(0)
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def succeed(self) -> None:
        """A call went well."""
        with self._lock:
            self._earn(self.EARNED_BY_SUCCESS)

    def _earn(self, amount: float) -> None:
        now = self._clock()
        earned = amount + self.EARNED_PER_SECOND * (now - self._counted_at)
        self._left = min(self.CAPACITY, self._left + earned)
        self._counted_at = now


class CoolDown:
    """After a 429 all threads of a client stay away for as long as the service asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._until = -math.inf

    def start(self, seconds: float) -> None:
        """Stay away for so many seconds from now."""
        with self._lock:
            self._until = max(self._until, self._clock() + min(seconds, LONGEST_PAUSE))

    @property
    def remaining(self) -> float:
        """Seconds to stay away yet, 0 when there is no need."""
        with self._lock:
            return max(0.0, self._until - self._clock())


def pause_before_retry(policy: RetryPolicy, attempt: int, error: TransportError | RateLimited) -> float | None:
    """Seconds with full jitter, at least what the service asked for; None when that is too long to sleep."""
    jittered = random.uniform(0, min(policy.backoff * 2**attempt, LONGEST_PAUSE))  # noqa: S311 - no secret
    asked = error.retry_after if isinstance(error, RateLimited) else None
    if asked is None:
        return jittered
    return max(jittered, asked) if asked <= LONGEST_PAUSE else None


def read_retry_after(value: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """A Retry-After header, in seconds from now: a number or a date; past times are 0, what is neither is None."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now().timestamp()
    return None if math.isnan(seconds) else max(0.0, seconds)
