"""A machine that turns out dearer than its plan said is told of, loudly, as soon as its price is known."""

from __future__ import annotations

import warnings
from threading import Lock
from typing import Final

from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import Page
from glows_nb.api.observing import Answered, Event, Sending
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Adopted
from glows_nb.money import MILLICENTS_PER_CENT, Rate

CREATE: Final = ROUTES["create instance"].name
SHOWN: Final = "were shown"
CAP: Final = "is the cap of this launch"


class DearerThanShown(UserWarning):
    """A machine costs more than the plan by which it was rented, or than the cap of the launch that found it."""


class PriceWatch:
    """Watches one client: what its plans promised and its caps allow, by key, against what its machines report.

    A price is known only when the service has placed the machine, so each answer is looked at until then.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._limits: dict[str, tuple[Rate, str]] = {}

    def __call__(self, event: Event) -> None:
        """What `Client.observers` calls."""
        match event:
            case Sending(operation) if operation.promised is not None and operation.body:
                with self._lock:
                    self._limits[operation.body["custom_meta_key"]] = operation.promised, SHOWN
            case Adopted(meta_key, machine, limit):
                with self._lock:
                    # What was promised for an order of this client's own stays, where that is less.
                    self._limits[meta_key] = min((limit, CAP), self._limits.get(meta_key, (limit, CAP)))
                self._compare(machine, meta_key)
            case Answered(_, result) if self._limits:
                for machine in result.items if isinstance(result, Page) else (result,):
                    if isinstance(machine, Instance):
                        self._compare(machine, machine.meta_key)

    def _compare(self, machine: Instance, meta_key: str) -> None:
        if machine.rate is None:
            return
        with self._lock:
            limit, how = self._limits.pop(meta_key, (None, ""))
        if limit is not None and is_dearer(machine.rate, limit):
            # Shown each time, and without a line of code: what it is about is a machine, not who asked for it.
            warnings.warn_explicit(
                f"Machine {machine.instance_id} costs {machine.rate}; {limit} {how}. To release it: "
                f"%glows cancel {machine.instance_id}, or client.instances.cancel({machine.instance_id!r}).",
                DearerThanShown,
                filename="glows_nb",
                lineno=1,
            )


def is_dearer(rate: Rate, promised: Rate) -> bool:
    """Is a machine's price above what was promised? It reports whole cents, so less than a cent says nothing."""
    return rate.millicents_per_hour - promised.millicents_per_hour >= MILLICENTS_PER_CENT
