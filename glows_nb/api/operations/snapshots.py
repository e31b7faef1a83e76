"""The operations on snapshots, and every page of their list."""

from __future__ import annotations

from collections.abc import Sequence

from glows_nb.api.models.snapshots import Snapshot, SnapshotsCreated
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import parsing
from glows_nb.api.operations.lists import page_of
from glows_nb.api.paging import all_items
from glows_nb.api.requests.snapshots import CreateSnapshot, ListSnapshots
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation, Steps


def create_snapshot(instance_id: str, name: str = "") -> Operation[SnapshotsCreated]:
    """Take a snapshot: never repeated blindly, `writes.snapshots.create_snapshot` looks first."""
    request = CreateSnapshot(instance_id=instance_id, name=name)
    body = request.model_dump(exclude_defaults=True)
    read = parsing.whole("create snapshot", SnapshotsCreated)
    return Operation(ROUTES["create snapshot"], read, body=body, is_repeatable=False)


def list_snapshots(
    page: int = 1, per_page: int = 20, status: Sequence[int] = (), *, strict: bool = True
) -> Operation[Page[Snapshot]]:
    """A page of snapshots in any of these statuses; none means the service's own choice."""
    statuses = (status,) if isinstance(status, int) else tuple(status)
    request = ListSnapshots(page=page, per_page=per_page, status=statuses)
    return page_of("list snapshots", "snapshots", Snapshot, request, strict=strict)


def all_snapshots(
    status: Sequence[int] = (), limit: int | None = None, *, strict: bool = True
) -> Steps[list[Snapshot]]:
    """Every snapshot in any of these statuses, or the first `limit`."""
    return all_items(
        lambda page: list_snapshots(page, status=status, strict=strict),
        identity=lambda snapshot: snapshot.snapshot_id or None,
        limit=limit,
    )
