"""Snapshots of machines."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from glows_nb.api.interrupting import noting_write
from glows_nb.api.models.snapshots import Snapshot, SnapshotsCreated
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import snapshots as operations
from glows_nb.api.paging import one_page
from glows_nb.api.runner import Runner
from glows_nb.api.writes import snapshots as writes


class Snapshots:
    """Snapshots of machines."""

    def __init__(self, client: Runner) -> None:
        self._client = client

    def create(self, instance_id: str, name: str = "") -> SnapshotsCreated:
        """Take a snapshot of a running machine, which pauses and then goes on by itself.

        Args:
            instance_id: the machine.
            name: at most 32 characters; the service does not return it.

        Raises:
            IllegalStatus: the machine is not Running.
            UserSnapQtyExceedQuota, DiskQuotaExceeded, TakingSnapNotAllowed: there is no place, or no right.
            AmbiguousResult: the answer was lost and no new snapshot is to be seen; it is not taken twice.
        """
        with noting_write(f"A snapshot of {instance_id} may be taken", "client.snapshots.all()"):
            return self._client.run(writes.create_snapshot(instance_id, name, backoff=self._client.backoff))

    def list(
        self, page: int = 1, per_page: int = 20, status: Sequence[int] = (), *, strict: bool = False
    ) -> Page[Snapshot]:
        """A page of snapshots.

        Args:
            page: which page, from 1.
            per_page: how many on a page, 1 to 20.
            status: only snapshots in any of these, see `SnapshotStatus`; none means the service's choice.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.

        Raises:
            InvalidRequest: an argument is over its limit; nothing was sent.
        """
        return self._client.run(one_page(operations.list_snapshots(page, per_page, status, strict=strict)))

    def all(
        self, status: Sequence[int] = (), limit: int | None = None, *, strict: bool = False
    ) -> builtins.list[Snapshot]:
        """Every snapshot.

        Args:
            status: only snapshots in any of these, see `SnapshotStatus`; none means the service's choice.
            limit: at most so many; None is all.
            strict: refuse a list with a row that can't be read; else such a row stands there as far as it can be, its
                fields in `unread`, and a warning names it.
        """
        return self._client.run(operations.all_snapshots(status, limit, strict=strict))
