"""Park a machine: snapshot, wait, release; the service itself has no pause (FACTS 0.1, fact 8). Back: `unparking.py`.

What is released is gone, so only a snapshot that this park ordered, or saw being taken, may stand for the disk: one
that was there before may be older than the work, and a list may lag.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from glows_nb.api.errors import IllegalStatus, InvalidRequest, MachineEnded, RateLimited, SnapshotFailed, WaitTimeout
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.operations import snapshots as operations
from glows_nb.api.operations.instances import get_instance
from glows_nb.api.statuses import LEAVING, InstanceStatus, SnapshotStatus
from glows_nb.api.steps import Steps, pause, perform
from glows_nb.api.waiting import OnChange, wait_for_status
from glows_nb.api.writes.instances import cancel_instance
from glows_nb.api.writes.lost_answers import ATTEMPTS, OUTCOME_UNKNOWN
from glows_nb.api.writes.snapshots import snapshots_of

SNAPSHOTTING: Final = frozenset({InstanceStatus.PAUSING, InstanceStatus.PAUSED, InstanceStatus.RESUMING})
NOT_YET_RUNNING: Final = frozenset(
    {InstanceStatus.SCHED_INIT, InstanceStatus.SCHED_QUEUED, InstanceStatus.PENDING, InstanceStatus.PRICE_CHANGED}
)
BEING_TAKEN: Final = frozenset({SnapshotStatus.PENDING, SnapshotStatus.SAVING})
PAUSE: Final = 2.0

READS_OF_LAG: Final = 6
LAG_PAUSE: Final = 0.5
"""So many reads, so many seconds apart, may a list be behind."""


@dataclass(frozen=True)
class Parked:
    """A machine that was parked: `unpark` brings it back by its key, its id or its name, on any computer."""

    instance_id: str
    meta_key: str
    snapshot_id: str

    def __str__(self) -> str:
        return f"{self.instance_id} ({self.meta_key}) is parked as snapshot {self.snapshot_id}"


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
    been done after it. A machine that is being released, or was, is parked if it has a snapshot.

    Raises:
        SnapshotFailed: no snapshot became available; the machine goes on.
        MachineEnded: it ended and has no snapshot.
        WaitTimeout: `timeout` passed; call again to go on.
    """
    deadline = clock() + timeout
    now = yield from perform(get_instance(machine.instance_id))
    if now.status in NOT_YET_RUNNING:
        raise InvalidRequest("machine", f"is {now.status}, and only a running machine can be snapshotted.")
    own: Snapshot | None = None
    if now.status not in LEAVING:
        own = yield from _keep_and_release(now.instance_id, deadline, on_change, backoff, clock)
        now = yield from perform(get_instance(machine.instance_id))
    # Who parks at the same time took another snapshot, perhaps: the newest is what all of them, and unpark, end with.
    listed = yield from newest_available(now.instance_id)
    taken = max((each for each in (own, listed) if each is not None), key=_age, default=None)
    if taken is None:
        raise MachineEnded(f"Machine {now.instance_id} is {now.status} and has no snapshot.", now)
    if now.status != InstanceStatus.FINISHED:
        remaining = max(PAUSE, deadline - clock())
        yield from wait_for_status(now.instance_id, InstanceStatus.FINISHED, remaining, on_change, clock)
    return Parked(now.instance_id, now.meta_key, taken.snapshot_id)


def _keep_and_release(
    instance_id: str, deadline: float, on_change: OnChange | None, backoff: float, clock: Callable[[], float]
) -> Steps[Snapshot | None]:
    """Release a machine once a snapshot of this park's own is available, and give that; None where another did."""
    while True:
        snapshot_ids, is_ordered_here = yield from _begun(instance_id, deadline, backoff, clock)
        if not snapshot_ids:
            return None
        with suppress(MachineEnded):  # released meanwhile, and not by this park
            yield from _runs_again(instance_id, deadline, on_change, clock)
        own = yield from _available(instance_id, snapshot_ids, deadline, clock)
        if not is_ordered_here and (yield from _has_a_newer_one(own)):
            continue  # the list lagged: what was seen being taken was an older one, and the newer may hold more
        while True:
            try:
                yield from cancel_instance(instance_id)
            except IllegalStatus:
                # Another park at the same time snapshots it once more.
                if clock() >= deadline:
                    raise
            else:
                return own
            yield from pause(PAUSE)
            with suppress(MachineEnded):
                yield from _runs_again(instance_id, deadline, on_change, clock)


def _begun(
    instance_id: str, deadline: float, backoff: float, clock: Callable[[], float]
) -> Steps[tuple[tuple[str, ...], bool]]:
    """The ids of a snapshot that is ordered here, and True, or that is seen being taken; none where the machine left.

    One that is available when it is first seen counts for nothing, also where an answer was lost: a list that lags
    shows an older one just so. Once the machine runs again, another is ordered.
    """
    lost = 0
    while True:
        now = yield from perform(get_instance(instance_id))
        if now.status in LEAVING:
            return (), False
        if now.status in SNAPSHOTTING:
            seen = [each for each in (yield from snapshots_of(instance_id)) if each.status in BEING_TAKEN]
            if seen and not lost:
                return (max(seen, key=_age).snapshot_id,), False
        else:
            try:
                created = yield from perform(operations.create_snapshot(instance_id))
            except IllegalStatus:
                # Somebody else's has begun in between.
                if clock() >= deadline:
                    raise
            except (RateLimited, *OUTCOME_UNKNOWN):
                lost += 1
                if lost == ATTEMPTS:
                    raise
                yield from pause(backoff * 2 ** (lost - 1))
            else:
                if created.snapshot_ids:
                    return created.snapshot_ids, True
                raise SnapshotFailed(f"The service names no snapshot of {instance_id}, which was not released.")
        if clock() >= deadline:
            raise WaitTimeout(
                f"Machine {instance_id} is still {now.status}, so that no snapshot can be ordered; it was not released."
                " Park it again to go on.",
                now,
            )
        yield from pause(PAUSE)


def _has_a_newer_one(own: Snapshot) -> Steps[bool]:
    """Does the list of a machine's snapshots come to show one that is newer than this?"""
    for _ in range(READS_OF_LAG):
        if any(_age(each) > _age(own) for each in (yield from snapshots_of(own.instance_id))):
            return True
        yield from pause(LAG_PAUSE)
    return False


def _runs_again(
    instance_id: str, deadline: float, on_change: OnChange | None, clock: Callable[[], float]
) -> Steps[None]:
    try:
        yield from wait_for_status(
            instance_id, InstanceStatus.RUNNING, max(PAUSE, deadline - clock()), on_change, clock
        )
    except WaitTimeout as error:
        status = error.instance.status if error.instance else "unknown"
        late = WaitTimeout(
            f"The snapshot of {instance_id} is not there yet: the machine is {status} and was not released. "
            "Park it again to go on.",
            error.instance,
        )
    else:
        return
    raise late


def _available(
    instance_id: str, snapshot_ids: tuple[str, ...], deadline: float, clock: Callable[[], float]
) -> Steps[Snapshot]:
    """The newest of these snapshots, once all of them are available: only then may the machine be released."""
    while True:
        taken = [
            snapshot for snapshot in (yield from snapshots_of(instance_id)) if snapshot.snapshot_id in snapshot_ids
        ]
        if taken and len(taken) == len(snapshot_ids) and all(snapshot.is_available for snapshot in taken):
            return max(taken, key=_age)
        if any(snapshot.has_failed for snapshot in taken):
            raise SnapshotFailed(
                f"The snapshot of {instance_id} did not become available; the machine was not released and goes on."
            )
        if clock() >= deadline:
            raise WaitTimeout(
                f"The snapshot of {instance_id} is not available yet; the machine runs and was not released.", None
            )
        yield from pause(PAUSE)


def newest_available(instance_id: str) -> Steps[Snapshot | None]:
    """The newest snapshot of a machine that is there, None for none."""
    snapshots = yield from snapshots_of(instance_id)
    return max((snapshot for snapshot in snapshots if snapshot.is_available), key=_age, default=None)


def _age(snapshot: Snapshot) -> tuple[datetime, str]:
    return snapshot.create_time or datetime.fromtimestamp(0, UTC), snapshot.snapshot_id
