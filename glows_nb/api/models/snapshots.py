"""Snapshots: a machine's disk at a moment, to start another machine from."""

from __future__ import annotations

from glows_nb.api.models.wire import ListOf, Moment, Text, WireModel
from glows_nb.api.statuses import SnapshotStatus


class Snapshot(WireModel):
    """A snapshot (contract: SDKSnapshotInfo); the service does not return the name that it was given."""

    snapshot_id: str
    instance_id: Text = ""
    status: int | None = None
    type: int | None = None
    domain: int = 0
    create_time: Moment | None = None
    modify_time: Moment | None = None
    size_bytes: int | None = None
    vol_size_bytes: int | None = None

    @property
    def is_available(self) -> bool:
        """Can a machine be started from it?"""
        return self.status == SnapshotStatus.AVAILABLE

    @property
    def has_failed(self) -> bool:
        """Will it never be available?"""
        return self.status in (SnapshotStatus.FAILED, SnapshotStatus.DELETING, SnapshotStatus.DELETED)


class SnapshotsCreated(WireModel):
    """What taking a snapshot began: one or more snapshots, and the machine's status meanwhile."""

    snapshot_ids: ListOf[str]
    instance_id: Text = ""
    status: Text = ""
