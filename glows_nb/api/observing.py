"""Who wants to know what a client does: told before each write, and of each answer and failure.

The ledger watches this way without being known here. An observer that breaks never breaks a call.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import RLock
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from glows_nb.api.steps import Adopted, Noted, Operation

log: Final = logging.getLogger("glows_nb")


class Sending(NamedTuple):
    """An operation that changes something is about to be sent; it may be sent again under another `Sending`."""

    operation: Operation[Any]


class Answered(NamedTuple):
    """An operation's result."""

    operation: Operation[Any]
    result: Any


class Failed(NamedTuple):
    """An operation that raised, after all repetitions."""

    operation: Operation[Any]
    error: Exception


Event = Sending | Answered | Failed | Adopted
Observer = Callable[[Event], None]


@runtime_checkable
class Remembering(Protocol):
    """An observer that can say what it noted."""

    def noted(self, meta_key: str) -> Sequence[Noted]:
        """The machines under a key and its generations that it has noted."""


@runtime_checkable
class Budgeting(Protocol):
    """An observer that knows what was spent, and of a budget."""

    def budget(self) -> Callable[[Sequence[Any]], Any] | None:
        """What tells how the budget stands, of the machines that the service lists; None where there is none."""


class Observers:
    """The observers of one client, in the order in which they were added."""

    def __init__(self) -> None:
        self._all: tuple[Observer, ...] = ()
        self._broken: set[Observer] = set()
        self.attaching = RLock()
        """For who adds one unless there is one of its kind."""

    def add(self, observer: Observer) -> None:
        """Tell this one too, from now on; it may be called from several threads at once."""
        self._all = (*self._all, observer)

    def remove(self, observer: Observer) -> None:
        """Tell this one nothing more."""
        self._all = tuple(other for other in self._all if other is not observer)

    def __iter__(self) -> Iterator[Observer]:
        return iter(self._all)

    def tell(self, event: Event) -> None:
        """Tell all; whatever one of them raises is said once as a warning, and the call goes on."""
        for observer in self._all:
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001 - a machine was rented: its id must reach the caller
                self._say_once(observer, error)

    def recall(self, meta_key: str) -> list[Noted]:
        """What those that remember have noted of machines under a key and its generations."""
        noted: list[Noted] = []
        for observer in self._all:
            asked: object = observer
            if isinstance(asked, Remembering):
                try:
                    noted += asked.noted(meta_key)
                except Exception as error:  # noqa: BLE001 - the service is asked too
                    self._say_once(observer, error)
        return noted

    def ask_budget(self) -> Callable[[Sequence[Any]], Any] | None:
        """What tells how the budget stands; None where nobody knows of one.

        Raises:
            Exception: what the one that keeps it raises: a budget that can't be read is not none.
        """
        for observer in self._all:
            asked: object = observer
            if isinstance(asked, Budgeting) and (stands := asked.budget()) is not None:
                return stands
        return None

    def _say_once(self, observer: Observer, error: Exception) -> None:
        log.warning("an observer failed: %s", error)
        if observer not in self._broken:
            self._broken.add(observer)
            # Where warnings are errors, one here would swallow the answer to a create.
            with suppress(UserWarning):
                warnings.warn(f"{error} Calls go on without it.", stacklevel=3)
