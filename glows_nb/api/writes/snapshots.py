"""Taking snapshots, when the answer may be lost."""

from __future__ import annotations

from glows_nb.api.models.snapshots import Snapshot, SnapshotsCreated
from glows_nb.api.operations import snapshots as operations
from glows_nb.api.operations.snapshots import all_snapshots
from glows_nb.api.steps import Steps
from glows_nb.api.writes.lost_answers import write


def create_snapshot(instance_id: str, name: str = "", *, backoff: float = 0.5) -> Steps[SnapshotsCreated]:
    """Take a snapshot. After a lost answer it is looked for, and never taken again blindly."""
    operation = operations.create_snapshot(instance_id, name)
    before = {snapshot.snapshot_id for snapshot in (yield from snapshots_of(instance_id))}

    def look_up() -> Steps[SnapshotsCreated | None]:
        snapshots = yield from snapshots_of(instance_id)
        new = tuple(snapshot.snapshot_id for snapshot in snapshots if snapshot.snapshot_id not in before)
        return SnapshotsCreated(snapshot_ids=new, instance_id=instance_id) if new else None

    return (
        yield from write(
            operation,
            look_up,
            f"client.snapshots.all() lists the snapshots; look for a new one of {instance_id}.",
            may_send_again=False,
            backoff=backoff,
        )
    )


def snapshots_of(instance_id: str) -> Steps[list[Snapshot]]:
    """Every snapshot of one machine."""
    snapshots = yield from all_snapshots()
    return [snapshot for snapshot in snapshots if snapshot.instance_id == instance_id]
