"""Park a machine: snapshot, wait, release; the service itself has no pause (FACTS 0.1, fact 8). Back: `unparking`.

What is released is gone, so only a snapshot that this park ordered, or saw being taken, may stand for the disk: one
that was there before may be older than the work. The list of snapshots may lag behind: a snapshot that is finished may
still read as being taken there, and the newest one may be missing. So where a snapshot is known from the list alone,
the list is read several times before it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from glows_nb.api.errors import (
    AmbiguousResult,
    GlowsError,
    IllegalStatus,
    InvalidRequest,
    MachineEnded,
    SnapshotFailed,
    WaitTimeout,
)
from glows_nb.api.lifecycle.waiting import PASSES, OnChange, wait_for_status
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.operations.instances import get_instance
from glows_nb.api.statuses import ENDED, LEAVING, InstanceStatus
from glows_nb.api.steps import Pause, Step, Steps, pause, perform
from glows_nb.api.writes.instances import cancel_instance
from glows_nb.api.writes.snapshots import order_snapshot, snapshots_of
from glows_nb.formatting import visible

SNAPSHOTTING: Final = frozenset({InstanceStatus.PAUSING, InstanceStatus.PAUSED, InstanceStatus.RESUMING})
NOT_YET_RUNNING: Final = frozenset(
    {InstanceStatus.SCHED_INIT, InstanceStatus.SCHED_QUEUED, InstanceStatus.PENDING, InstanceStatus.PRICE_CHANGED}
)
PAUSE: Final = 2.0
SETTLED: Final = 6
"""So many reads of the list must agree before it is believed that it has caught up."""
SETTLING_PAUSE: Final = 0.5
REFUSALS: Final = 5
"""So often may the service refuse what another park is in the way of; after that it has another reason."""


@dataclass(frozen=True)
class Parked:
    """A machine that was parked: `unpark` brings it back by its key, its id or its name, on any computer."""

    instance_id: str
    meta_key: str
    snapshot_id: str

    def __str__(self) -> str:
        return visible(f"{self.instance_id} ({self.meta_key}) is parked as snapshot {self.snapshot_id}")


@dataclass
class _Disk:
    """What one park knows of a machine's snapshots: `stands` holds the ids that may stand for the disk."""

    instance_id: str
    stands: frozenset[str] = frozenset()
    is_ordered: bool = False
    """Are the ids those of a create's answer? Else they were seen in the list, which must settle."""
    listed: list[Snapshot] = field(default_factory=list)
    reads: int = 0

    def read(self) -> Steps[None]:
        """One read of the list; what is seen being taken stands for the disk, unless a snapshot was ordered."""
        self.listed = yield from snapshots_of(self.instance_id)
        self.reads += 1
        if not self.is_ordered:
            self.stands |= {each.snapshot_id for each in self.listed if is_being_taken(each)}

    def glance(self) -> Steps[None]:
        """A read that may fail: while a machine is waited for, an outage is outlasted."""
        with suppress(*PASSES):
            yield from self.read()

    @property
    def is_settled(self) -> bool:
        """Was the list read often enough?"""
        return self.reads >= SETTLED

    @property
    def mine(self) -> list[Snapshot]:
        """The snapshots of the list that may stand for the disk."""
        return [each for each in self.listed if each.snapshot_id in self.stands]

    @property
    def has_failed(self) -> bool:
        """Will one of them never be available?"""
        return any(each.has_failed for each in self.mine)

    @property
    def is_available(self) -> bool:
        """Are all of them there?"""
        return bool(self.stands) and len(self.mine) == len(self.stands) and all(each.is_available for each in self.mine)

    @property
    def has_older_only(self) -> bool:
        """Is the newest of the list one that was not seen being taken? Then what was seen is not the one looked for."""
        newest = max(self.listed, key=_age, default=None)
        return newest is None or newest.snapshot_id not in self.stands


def park(
    machine: Instance,
    *,
    timeout: float = 1800,
    on_change: OnChange | None = None,
    backoff: float = 0.5,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Parked]:
    """Snapshot a machine, wait until the snapshot is available and the machine runs again, release it, verify.

    A snapshot that is seen being taken is waited for; one that was finished before is not used, since work may have
    been done after it. A machine that is being released, or was, is parked if a snapshot of it is available: the newest
    one is told, however old it is.

    Raises:
        SnapshotFailed: no snapshot became available; the machine goes on.
        AmbiguousResult, BadResponse: it can't be known whether a snapshot is taken; nothing was released.
        MachineEnded: it ended and has no snapshot.
        WaitTimeout: `timeout` passed; call again to go on.
    """
    deadline = clock() + timeout
    now = yield from perform(get_instance(machine.instance_id))
    if now.status in NOT_YET_RUNNING:
        raise InvalidRequest("machine", f"is {now.status}, and only a running machine can be snapshotted.")
    disk, refused = _Disk(now.instance_id), 0
    while now.status not in LEAVING:
        try:
            if now.status in SNAPSHOTTING:
                # It is paused, so the snapshot that is being taken holds all the work; an ordered one is superseded.
                disk = _Disk(now.instance_id)
            elif not disk.stands:
                disk = yield from _order(now.instance_id, backoff)
            if (yield from _becomes_available(disk, deadline, on_change, clock)):
                yield from cancel_instance(now.instance_id)
                disk.is_ordered = True
            else:
                disk = _Disk(now.instance_id)
        except MachineEnded:
            pass  # Another park was faster: what it left is looked at below.
        except IllegalStatus:
            # Another park, or a snapshot somebody else takes, came in between: it is gone on from there.
            refused += 1
            if refused == REFUSALS or clock() >= deadline:
                raise
            yield from pause(PAUSE)
        now = yield from perform(get_instance(now.instance_id))
    return (yield from _what_is_left(now, disk, deadline, on_change, clock))


def _order(instance_id: str, backoff: float) -> Steps[_Disk]:
    """Order a snapshot. Where the answer is lost and the machine is paused now, the list tells which one it is."""
    try:
        ordered = yield from order_snapshot(instance_id, backoff=backoff)
    except AmbiguousResult as error:
        lost = error
    else:
        return _Disk(instance_id, frozenset(ordered.snapshot_ids), is_ordered=True)
    try:
        now = yield from perform(get_instance(instance_id))
    except GlowsError:
        raise lost from None
    if now.status not in SNAPSHOTTING | LEAVING:
        raise lost
    return _Disk(instance_id)


def _becomes_available(
    disk: _Disk, deadline: float, on_change: OnChange | None, clock: Callable[[], float]
) -> Steps[bool]:
    """Wait until the machine runs again and what stands for its disk is available; False where nothing does.

    Raises:
        SnapshotFailed, WaitTimeout: nothing was released.
        MachineEnded: it was released by somebody else.
    """
    yield from disk.glance()
    running = wait_for_status(
        disk.instance_id, InstanceStatus.RUNNING, max(PAUSE, deadline - clock()), on_change, clock
    )
    try:
        yield from _looking_in_between(running, disk.glance)
    except WaitTimeout as error:
        status = error.instance.status if error.instance else "unknown"
        late = WaitTimeout(
            f"The snapshot of {disk.instance_id} is not there yet: the machine is {status} and was not released. "
            "Park it again to go on.",
            error.instance,
        )
        raise late from None
    while True:
        yield from disk.read()
        if disk.has_failed:
            raise SnapshotFailed(
                f"The snapshot of {disk.instance_id} did not become available; "
                "the machine was not released and goes on."
            )
        if disk.is_ordered or disk.is_settled:
            if not disk.is_ordered and disk.has_older_only:
                return False
            if disk.is_available:
                return True
        if clock() >= deadline:
            raise WaitTimeout(
                f"The snapshot of {disk.instance_id} is not available yet; the machine runs and was not released.", None
            )
        yield from pause(PAUSE if disk.is_settled else SETTLING_PAUSE)


def _what_is_left(
    machine: Instance, disk: _Disk, deadline: float, on_change: OnChange | None, clock: Callable[[], float]
) -> Steps[Parked]:
    """The end of a machine that is leaving. All who park it at once tell the same: its newest available snapshot.

    Raises:
        SnapshotFailed: it was released by somebody else, and this park's own snapshot did not become available.
        MachineEnded: it has no snapshot.
        WaitTimeout: it has not ended, or its newest snapshot is still being taken.
    """
    left = _Disk(machine.instance_id)
    yield from left.glance()
    if machine.status not in ENDED:
        ending = wait_for_status(
            machine.instance_id, InstanceStatus.FINISHED, max(PAUSE, deadline - clock()), on_change, clock
        )
        try:
            yield from _looking_in_between(ending, left.glance)
        except MachineEnded as error:
            # Its command ended first: Exited is an end as well.
            machine = error.instance
    while True:
        yield from left.read()
        newest = max(left.listed, key=_age, default=None)
        taken = max((each for each in left.listed if each.is_available), key=_age, default=None)
        own = [each for each in left.listed if each.snapshot_id in disk.stands]
        if left.is_settled:
            if disk.stands and any(each.has_failed for each in own) and (taken is None or _is_older(taken, own)):
                raise SnapshotFailed(
                    f"The snapshot of {machine.instance_id} did not become available, and the machine was released by "
                    f"somebody else; {f'{taken.snapshot_id} is older' if taken else 'it has no other'}."
                )
            if taken is None and not disk.stands and (newest is None or not is_being_taken(newest)):
                raise MachineEnded(f"Machine {machine.instance_id} is {machine.status} and has no snapshot.", machine)
            is_known = not disk.stands or bool(own)
            if taken is not None and is_known and newest is not None and not is_being_taken(newest):
                return Parked(machine.instance_id, machine.meta_key, taken.snapshot_id)
        if clock() >= deadline:
            raise WaitTimeout(
                f"Machine {machine.instance_id} was released, and its newest snapshot is not available yet. "
                "Park it again to look.",
                machine,
            )
        yield from pause(PAUSE if left.is_settled else SETTLING_PAUSE)


def _looking_in_between(waiting: Steps[Instance], look: Callable[[], Steps[None]]) -> Steps[Instance]:
    """Carry a wait out, and look at something else too before each of its pauses."""
    try:
        step: Step = next(waiting)
        while True:
            if isinstance(step, Pause):
                yield from look()
            try:
                result = yield step
            except Exception as error:  # noqa: BLE001 - the wait decides what to do about it
                step = waiting.throw(error)
            else:
                step = waiting.send(result)
    except StopIteration as stop:
        instance: Instance = stop.value
        return instance


def _is_older(snapshot: Snapshot, others: list[Snapshot]) -> bool:
    return all(_age(snapshot) < _age(other) for other in others)


def is_being_taken(snapshot: Snapshot) -> bool:
    """Is it neither there nor failed? A status that nobody knows is none of the two."""
    return not snapshot.is_available and not snapshot.has_failed


def _age(snapshot: Snapshot) -> tuple[datetime, str]:
    return snapshot.taken_at, snapshot.snapshot_id
