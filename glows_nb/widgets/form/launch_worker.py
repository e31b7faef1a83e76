"""The launch of a form, in the background: a plan made anew, and after a yes the machine.

Re-running the cell closes the form but not a launch that is under way: the form that takes the place hears the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.instances import Instance
from glows_nb.widgets.background import Background


class Listener(Protocol):
    """Who hears what becomes of a launch, on the thread that does it."""

    def on_planned(self, planned: Plan, edits: int) -> None:
        """A machine would be rented, and is to be asked about."""

    def on_launched(self, instance: Instance) -> None:
        """The machine is there."""

    def on_launch_failed(self, error: Exception) -> None:
        """Nothing was planned or rented, or nobody knows whether it was."""


class FormLaunching:
    """One launch at a time.

    Args:
        listener: the form that is on the page.

    Attributes:
        is_under_way: is something being planned or rented?
        lock: is held while a machine is rented.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._telling = Lock()
        self.is_under_way = False
        self._background = Background("glows form launching", self._fail)
        self.lock = Lock()

    def plan(self, make: Callable[[], Plan], edits: int) -> None:
        """Plan; a machine that is there is taken, and one that would be rented is asked about first."""
        self.is_under_way = True
        self._background.start(lambda: self._plan(make, edits))

    def rent(self, planned: Plan) -> None:
        """Carry a plan out that was agreed to, over the budget too where it says so."""
        self.is_under_way = True
        self._background.start(lambda: self._rent(planned))

    def hand_over(self, listener: Listener) -> None:
        """Another form is on the page from now on, and hears what was not told yet."""
        with self._telling:
            self._listener = listener

    def close(self) -> None:
        """Begin nothing more; a request that was sent is answered, and the machine is there all the same."""
        self._background.close()

    def _plan(self, make: Callable[[], Plan], edits: int) -> None:
        planned = make()
        if planned.existing is not None:
            self._rent(planned)
            return
        shown = planned.within_budget(over_budget=planned.is_over_budget)
        self._tell(lambda listener: listener.on_planned(shown, edits))

    def _rent(self, planned: Plan) -> None:
        with self.lock:
            instance: Instance = planned.launch(over_budget=planned.is_over_budget)
        self._tell(lambda listener: listener.on_launched(instance))

    def _fail(self, error: Exception) -> None:
        self._tell(lambda listener: listener.on_launch_failed(error))

    def _tell(self, tell: Callable[[Listener], None]) -> None:
        with self._telling:
            self.is_under_way = False
            tell(self._listener)
