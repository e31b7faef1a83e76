"""Everything behind the calls in one place: state, clock, what can be rented, and what goes wrong with it."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from glows_nb.sandbox.catalogue import Catalogue
from glows_nb.sandbox.clock import Clock
from glows_nb.sandbox.faults.registry import Fault, Faults
from glows_nb.sandbox.machines import lifecycle
from glows_nb.sandbox.machines.ports import MachinePorts
from glows_nb.sandbox.store.snapshots import FAILED, snapshot_of
from glows_nb.sandbox.store.store import OfferState, Store

if TYPE_CHECKING:
    from glows_nb.sandbox.machines.real_machines import RealMachines


class Backend:
    """The service as it would be without anybody calling it."""

    def __init__(self, store: Store, clock: Clock, catalogue: Catalogue, ports: MachinePorts | None = None) -> None:
        self.store = store
        self.clock = clock
        self.catalogue = catalogue
        self.faults = Faults()
        self._ports = ports
        self._seen_changes = -1
        self._last_snapshot = 0
        if self.real_machines is not None:
            self.real_machines.on_command_end = self._end_command
            self.real_machines.on_copy_failed = self._fail_snapshot
            store.is_saved = self._is_saved
        store.is_held = self.faults.holds
        store.is_released_when_saved = self.faults.releases_when_saved
        self._recover()

    def catch_up(self) -> float:
        """Let everything happen that is due, and return the virtual time."""
        now = self.clock.now()
        self.store.advance(now)
        if self.store.changes != self._seen_changes:
            self._lose_hosts(now)
            self._end_unpaid(now)
            self._put_elsewhere(now)
            self._seen_changes = self.store.changes
            self._follow_ports(now)
        elif self._ports is not None and self._ports.is_due(now):
            self._follow_ports(now)
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

    @property
    def real_machines(self) -> "RealMachines | None":
        """The folders and processes behind the machines, where there are any."""
        return None if self._ports is None else self._ports.real

    async def close(self) -> None:
        """Close the ports of all machines."""
        if self._ports is not None:
            await self._ports.close()

    def _follow_ports(self, now: float) -> None:
        if self._ports is None:
            return
        paused: list[lifecycle.Machine] = []
        real = self.real_machines
        if real is not None:
            self._last_snapshot, snapshots = self.store.snapshots.after(self._last_snapshot)
            for snapshot in snapshots:
                saved = self.store.machine_by_hash(snapshot.machine)
                if saved is not None and snapshot.status != FAILED:
                    real.save(saved, snapshot.hash)
            paused = [each for status in lifecycle.SNAPSHOTTING for each in self.store.machines_in_status(status)]
        running = self.store.machines_in_status(lifecycle.RUNNING)
        meshes = {} if real is None else self.store.networks.meshes_of({machine.hash for machine in running})
        self._ports.follow(running, now, self.faults, paused, self._has_disk, meshes)

    def _end_command(self, hash_: str) -> None:
        """Let a machine go the way of one whose command has ended."""
        now = self.catch_up()
        machine = self.store.machine_by_hash(hash_)
        if machine is not None and machine.status == lifecycle.RUNNING:
            self.store.enter(machine, lifecycle.EXITED, now)

    def _is_saved(self, machine: lifecycle.Machine) -> bool:
        real = self.real_machines
        return real is None or all(
            real.is_saved(machine, snapshot) for snapshot in self.store.snapshots.being_saved(machine.hash)
        )

    def _fail_snapshot(self, hash_: str) -> None:
        self.store.snapshots.put(hash_, FAILED, time.time())

    def _has_disk(self, hash_: str) -> bool:
        machine = self.store.machine_by_hash(hash_)
        return machine is not None and machine.status != lifecycle.FINISHED

    def _lose_hosts(self, now: float) -> None:
        if not self.faults.is_ordered("host_unavailable"):
            return
        for machine in self.store.machines_in_status(lifecycle.RUNNING):
            if self.faults.hits("host_unavailable", machine):
                self.store.enter(machine, lifecycle.UNAVAIL, now)

    def _put_elsewhere(self, now: float) -> None:
        """Bring running machines into statuses that nothing here leads to."""
        if not self.faults.is_ordered("machine_status"):
            return
        for machine in self.store.machines_in_status(lifecycle.RUNNING):
            status = self.faults.status_for(machine)
            if status is not None:
                self.store.enter(machine, status, now)

    def _end_unpaid(self, now: float) -> None:
        """Save running machines and release them, as the service does when the balance is used up (FACTS 4.2)."""
        if not self.faults.is_ordered("balance_exhausted"):
            return
        for machine in self.store.machines_in_status(lifecycle.RUNNING):
            if not self.faults.hits("balance_exhausted", machine):
                continue
            with self.store.transaction():
                if self.catalogue.can_be_snapshotted(machine.image_id):
                    self.store.snapshots.add(snapshot_of(machine, self.store.ids.new(), name=""))
                    self.store.enter(machine, lifecycle.PAUSING, now)
                else:
                    self.store.enter(machine, lifecycle.CANCELING, now)

    def _recover(self) -> None:
        now = self.clock.now()
        with self.store.transaction():
            self.store.wake(now)
            for machine in self.store.machines_in_status(lifecycle.UNAVAIL):
                if not self.faults.hits("host_unavailable", machine):
                    self.store.enter(machine, lifecycle.RUNNING, now)
        self.store.advance(now)
