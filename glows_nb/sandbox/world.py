"""Everything behind the calls in one place: state, clock, what can be rented, and what goes wrong with it."""

from collections.abc import Mapping

from glows_nb.sandbox import lifecycle
from glows_nb.sandbox.catalogue import Catalogue
from glows_nb.sandbox.clock import Clock
from glows_nb.sandbox.doors import Doors
from glows_nb.sandbox.faults import Fault, Faults
from glows_nb.sandbox.store import OfferState, Store


class World:
    """The service as it would be without anybody calling it."""

    def __init__(self, store: Store, clock: Clock, catalogue: Catalogue, doors: Doors | None = None) -> None:
        self.store = store
        self.clock = clock
        self.catalogue = catalogue
        self.faults = Faults()
        self._doors = doors
        self._seen_changes = -1
        store.is_held = self.faults.holds
        self._recover()

    def catch_up(self) -> float:
        """Let everything happen that is due, and return the virtual time."""
        now = self.clock.now()
        self.store.advance(now)
        if self.store.changes != self._seen_changes:
            self._lose_hosts(now)
            self._seen_changes = self.store.changes
            self._follow_doors(now)
        elif self._doors is not None and self._doors.is_due(now):
            self._follow_doors(now)
        return now

    def offer_states(self) -> Mapping[str, OfferState]:
        """Look at the stock and the price of every offer, as faults have them; each look counts."""
        return self.faults.as_seen(self.store.offer_states(), self.catalogue)

    def order(self, fault: Fault) -> str:
        """Order a fault, and let it hit what is there already."""
        self.catch_up()
        id_ = self.faults.order(fault)
        self._seen_changes = -1
        self.catch_up()
        return id_

    def clear(self, id_: str | None = None) -> int:
        """Clear one fault, or all: who was stuck in the queue leaves it, who had lost its host runs again."""
        self.catch_up()
        cleared = self.faults.clear(id_)
        if cleared:
            self._recover()
            self._seen_changes = -1
            self.catch_up()
        return cleared

    async def close(self) -> None:
        """Close the ports of all machines."""
        if self._doors is not None:
            await self._doors.close()

    def _follow_doors(self, now: float) -> None:
        if self._doors is not None:
            self._doors.follow(self.store.machines_in_status(lifecycle.RUNNING), now, self.faults.ssh_delay)

    def _lose_hosts(self, now: float) -> None:
        if not self.faults.has_lost_hosts():
            return
        for machine in self.store.machines_in_status(lifecycle.RUNNING):
            if self.faults.has_lost_host_of(machine):
                self.store.enter(machine, lifecycle.UNAVAIL, now)

    def _recover(self) -> None:
        now = self.clock.now()
        with self.store.transaction():
            self.store.wake(now)
            for machine in self.store.machines_in_status(lifecycle.UNAVAIL):
                if not self.faults.has_lost_host_of(machine):
                    self.store.enter(machine, lifecycle.RUNNING, now)
        self.store.advance(now)
