"""Taking snapshots, when the answer may be lost."""

from __future__ import annotations

from glows_nb.api.errors import BadResponse
from glows_nb.api.ids import bare_id
from glows_nb.api.models.snapshots import Snapshot, SnapshotsCreated
from glows_nb.api.operations import snapshots as operations
from glows_nb.api.operations.instances import get_instance
from glows_nb.api.operations.snapshots import all_snapshots
from glows_nb.api.statuses import InstanceStatus
from glows_nb.api.steps import Steps, perform
from glows_nb.api.writes.lost_answers import write


def create_snapshot(instance_id: str, name: str = "", *, backoff: float = 0.5) -> Steps[SnapshotsCreated]:
    """Take a snapshot. After a lost answer it is looked for, and never taken again blindly.

    The list may lag, so that one which was not listed before may be older than the order: only one that is not finished
    yet, while the machine is paused for one, counts as new.

    Raises:
        AmbiguousResult: the answer was lost, and no snapshot is seen being taken.
        BadResponse: the answer names no snapshot.
    """
    operation = operations.create_snapshot(instance_id, name)
    before = {snapshot.snapshot_id for snapshot in (yield from snapshots_of(instance_id))}

    def look_up() -> Steps[SnapshotsCreated | None]:
        machine = yield from perform(get_instance(instance_id))
        if machine.status not in (InstanceStatus.PAUSING, InstanceStatus.PAUSED, InstanceStatus.RESUMING):
            return None
        new = tuple(
            snapshot.snapshot_id
            for snapshot in (yield from snapshots_of(instance_id))
            if snapshot.snapshot_id not in before and not snapshot.is_available and not snapshot.has_failed
        )
        return SnapshotsCreated(snapshot_ids=new, instance_id=instance_id, status=machine.status) if new else None

    return (
        yield from _named(
            write(
                operation,
                look_up,
                f"client.snapshots.all() lists the snapshots; look for a new one of {instance_id}.",
                may_send_again=False,
                backoff=backoff,
            )
        )
    )


def order_snapshot(instance_id: str, *, backoff: float = 0.5) -> Steps[SnapshotsCreated]:
    """Take a snapshot whose ids are those of the service's own answer: nothing is looked up, and none is guessed.

    Raises:
        AmbiguousResult: the answer was lost.
        BadResponse: the answer names no snapshot.
    """

    def nothing() -> Steps[SnapshotsCreated | None]:
        yield from ()
        return None

    return (
        yield from _named(
            write(
                operations.create_snapshot(instance_id),
                nothing,
                f"client.snapshots.all() lists the snapshots; look for a new one of {instance_id}.",
                may_send_again=False,
                backoff=backoff,
            )
        )
    )


def _named(ordering: Steps[SnapshotsCreated]) -> Steps[SnapshotsCreated]:
    """What was ordered, if the answer says which snapshot that is."""
    ordered = yield from ordering
    if not ordered.snapshot_ids or not all(ordered.snapshot_ids):
        raise BadResponse("The answer to create snapshot names no snapshot, so nobody knows whether one is taken.")
    return ordered


def snapshots_of(instance_id: str) -> Steps[list[Snapshot]]:
    """Every snapshot of one machine, by its id with or without the prefix."""
    snapshots = yield from all_snapshots()
    return [snapshot for snapshot in snapshots if bare_id(snapshot.instance_id) == bare_id(instance_id)]
