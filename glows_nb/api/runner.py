"""What the methods of resources need of a client: whose account it is, who listens, and that it carries steps out."""

from __future__ import annotations

from typing import Protocol, TypeVar

from glows_nb.api.observing import Observers
from glows_nb.api.steps import Steps

T = TypeVar("T")


class _Connected(Protocol):
    @property
    def account_mark(self) -> str: ...

    @property
    def backoff(self) -> float: ...

    @property
    def observers(self) -> Observers: ...


class Runner(_Connected, Protocol):
    """Carries steps out, and returns when that is done: a `Client`."""

    def run(self, steps: Steps[T]) -> T:
        """Carry out work of several steps."""


class AsyncRunner(_Connected, Protocol):
    """Carries steps out and is awaited: an `AsyncClient`."""

    async def run(self, steps: Steps[T]) -> T:
        """Carry out work of several steps."""
