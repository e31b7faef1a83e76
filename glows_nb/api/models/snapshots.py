"""Snapshots: a machine's disk at a moment, to start another machine from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from glows_nb.api.models.wire import Integer, ListOf, Moment, Text, WireModel
from glows_nb.api.statuses import SnapshotStatus


class Snapshot(WireModel):
    """A snapshot (contract: SDKSnapshotInfo); the service does not return the name that it was given."""

    id_path: ClassVar[tuple[str, ...]] = ("snapshot_id",)
    unknown: ClassVar[Mapping[str, Any]] = {"snapshot_id": "", "domain": None}

    snapshot_id: str
    instance_id: Text = ""
    status: Integer | None = None
    type: Integer | None = None
    domain: Integer | None = 0
    create_time: Moment = None
    modify_time: Moment = None
    size_bytes: Integer | None = None
    vol_size_bytes: Integer | None = None

    @property
    def is_told(self) -> bool:
        """Was an id told?"""
        return bool(self.snapshot_id)

    @property
    def taken_at(self) -> datetime:
        """When it was taken, to put several in order; one of which the service tells no time comes first."""
        return self.create_time or datetime.fromtimestamp(0, UTC)

    @property
    def is_available(self) -> bool:
        """Can a machine be started from it?"""
        return self.status == SnapshotStatus.AVAILABLE and not self.unread

    @property
    def has_failed(self) -> bool:
        """Will it never be available?"""
        return self.status in (SnapshotStatus.FAILED, SnapshotStatus.DELETING, SnapshotStatus.DELETED)


class SnapshotsCreated(WireModel):
    """What taking a snapshot began: one or more snapshots, and the machine's status meanwhile."""

    snapshot_ids: ListOf[str]
    instance_id: Text = ""
    status: Text = ""
