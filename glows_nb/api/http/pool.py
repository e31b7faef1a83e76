"""Clients of httpx that wait for a request, and what an interrupt may leave of one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from threading import Lock, Thread
from typing import Any, Final, Generic, TypeVar

import httpx

from glows_nb.api.errors import GlowsError
from glows_nb.api.http.session import KEPT_FOR

H = TypeVar("H")

CLOSED: Final = "This client is closed; connect again."


class Clients(Generic[H]):
    """Clients of httpx that wait for a request, the last used on top.

    Each carries one request at a time: what an interrupt leaves of one, such as a held lock, no other request meets.
    Where they are shared, all requests have the same; after an interrupt it is left behind for another, but for a
    transport of the caller's own, which can't be made anew.
    """

    def __init__(self, make: Callable[[], H], is_shared: bool) -> None:
        self._make = make
        self._is_shared = is_shared
        self._is_closed = False
        self._left: list[H] = []
        self._lock = Lock()
        # Made at once, so that a proxy in the environment that can't be used is met where the client is made.
        self._waiting = deque([(time.monotonic(), make())])

    def take(self) -> H:
        """One for a request.

        Raises:
            GlowsError: all were closed.
        """
        with self._lock:
            if self._is_closed:
                raise GlowsError(CLOSED)
            if self._is_shared:
                return self._waiting[-1][1]
            if self._waiting:
                return self._waiting.pop()[1]
        return self._make()

    def give_back(self, http: H) -> bool:
        """After an answer; False where all were closed meanwhile, and this one is to be."""
        with self._lock:
            if not self._is_closed and not self._is_shared:
                self._waiting.append((time.monotonic(), http))
            return self._is_shared or not self._is_closed

    def leave(self, http: H) -> None:
        """Let a client that is shared be used for no further request; those that it carries go on."""
        with self._lock:
            if self._waiting and self._waiting[-1][1] is http:
                self._left.append(http)
                self._waiting[-1] = (time.monotonic(), self._make())

    def expired(self) -> list[H]:
        """Those whose connections have been idle for too long; they are to be closed."""
        expired: list[H] = []
        oldest = time.monotonic() - KEPT_FOR
        with self._lock:
            while not self._is_shared and self._waiting and self._waiting[0][0] < oldest:
                expired.append(self._waiting.popleft()[1])
        return expired

    def close(self) -> list[H]:
        """Hand none out any more; those that waited are to be closed."""
        with self._lock:
            self._is_closed = True
            closed = [*self._left, *(http for _, http in self._waiting)]
            self._left.clear()
            self._waiting.clear()
        return closed


def unlocked(http: httpx.Client) -> httpx.Client:
    """The client without the locks of its pools, which a client that carries one request at a time has no use for.

    A signal right after such a lock was taken leaves it held, and httpcore's own tidying up would wait for it for good.
    """
    # No part of httpx's interface; where a version has it no more, nothing is changed.
    for transport in (getattr(http, "_transport", None), *getattr(http, "_mounts", {}).values()):
        pool: Any = getattr(transport, "_pool", None)
        if hasattr(pool, "_optional_thread_lock"):
            pool._optional_thread_lock = nullcontext()
    return http


def close_aside(http: httpx.Client) -> None:
    """Close it without waiting: a signal within a request may have left its pool locked for good."""
    Thread(target=http.close, daemon=True).start()
