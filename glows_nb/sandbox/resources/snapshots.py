"""The two snapshot operations, create and list; and how a snapshot is found to start from."""

from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.machines import lifecycle
from glows_nb.sandbox.parameters import ID_LENGTH
from glows_nb.sandbox.resources import answers
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.store.snapshots import AVAILABLE, GIB, Snapshot, snapshot_of


def create_snapshot(context: Context) -> dict[str, object]:
    """Save a running machine, which pauses meanwhile and then runs on by itself."""
    instance_id = context.body.text("instance_id", ID_LENGTH, required=True)
    name = context.body.text("name", 32)
    with context.store.transaction():
        machine = context.store.machine_by_hash(bare(instance_id, "ins-"))
        if machine is None or machine.owner != context.user.uid:
            raise illegal("no such machine of this user")
        if not context.catalogue.can_be_snapshotted(machine.image_id):
            raise Refusal(Code.TAKING_SNAP_NOT_ALLOWED, "not of machines with this image")
        if machine.status != lifecycle.RUNNING:
            raise Refusal(Code.ILLEGAL_STATUS, f"the machine is {machine.status}")
        volumes = max(context.switches.snapshot_volumes, 1)
        snapshots = [snapshot_of(machine, context.store.ids.new(), name) for _ in range(volumes)]
        if context.store.snapshots.count(context.user.uid) + len(snapshots) > context.limits.snapshots:
            raise Refusal(Code.USER_SNAP_QTY_EXCEED_QUOTA, f"{context.limits.snapshots} snapshots are there")
        taken = context.store.snapshots.volume_bytes(context.user.uid)
        if taken + sum(snapshot.vol_size_bytes for snapshot in snapshots) > context.limits.storage_gb * GIB:
            raise Refusal(Code.DISK_QUOTA_EXCEEDED, f"{taken} bytes of {context.limits.storage_gb} GB are taken")
        for snapshot in snapshots:
            context.store.snapshots.add(snapshot)
        machine = context.store.enter(machine, lifecycle.PAUSING, context.now)
    return {
        "snapshot_ids": [f"snap-{snapshot.hash}" for snapshot in snapshots],
        "instance_id": f"ins-{machine.hash}",
        "status": machine.status,
    }


def list_snapshots(context: Context) -> dict[str, object]:
    """Answer one page of the user's snapshots, newest first. Without a status that is all of them.

    What the service's default leaves out isn't known; deleted ones, perhaps, of which there are none here.
    """
    page = context.query.page()
    statuses = context.query.numbers("status", low=0, high=7)
    total, snapshots = context.store.snapshots.snapshots(context.user.uid, page, statuses)
    return {
        "pagination": answers.pagination(total, page),
        "snapshots": [answers.snapshot(snapshot) for snapshot in snapshots],
    }


def find_snapshot(context: Context, snapshot_id: str) -> Snapshot:
    """Return one of the user's snapshots by its id, which the console writes with `snp-` (FACTS 5.3)."""
    snapshot = context.store.snapshots.snapshot(bare(snapshot_id, "snap-", "snp-"))
    if snapshot is None or snapshot.owner != context.user.uid:
        raise illegal("no such snapshot of this user")
    return snapshot


def refuse_unfinished(snapshot: Snapshot) -> None:
    """Refuse a snapshot that is still being taken."""
    if snapshot.status != AVAILABLE:
        raise Refusal(Code.ILLEGAL_STATUS, "the snapshot is not available yet")
