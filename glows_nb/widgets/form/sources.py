"""What a machine can start from, for the launch form's menus: images, and snapshots by the names in the ledger."""

from __future__ import annotations

from contextlib import suppress

from glows_nb.api.client import Client
from glows_nb.api.models.images import Image
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of
from glows_nb.renting.names import Below, below

BYTES_PER_GB = 1024**3
Options = list[tuple[str, str]]
"""Labels and ids."""


class Sources:
    """Images and snapshots, once they were read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.images: list[Image] = []
        self.snapshots: list[Snapshot] = []
        self._names: dict[str, str] = {}
        self._below: dict[str, Below] = {}

    def read_images(self) -> Options:
        """Ask for all images; gives them for a menu."""
        self.images = self._client.images.all()
        return [(str(image), image.image_id) for image in self.images]

    def read_snapshots(self) -> Options:
        """Ask for all snapshots; gives those that a machine can be started from, the newest first."""
        # Names are in the ledger alone; without it snapshots go by their ids.
        with suppress(LedgerError):
            self._names = recorder_of(self._client).snapshot_names()
        self.snapshots = [snapshot for snapshot in self._client.snapshots.all() if snapshot.is_available]
        self.snapshots.sort(key=lambda snapshot: snapshot.taken_at, reverse=True)
        return [(self._label(snapshot), snapshot.snapshot_id) for snapshot in self.snapshots]

    def below(self, snapshot_id: str) -> Below:
        """What a snapshot was taken of, asked for once."""
        snapshot = next((one for one in self.snapshots if one.snapshot_id == snapshot_id), None)
        if snapshot is None:
            return Below("", "")
        if snapshot_id not in self._below:
            self._below[snapshot_id] = below(self._client, snapshot)
        return self._below[snapshot_id]

    def _label(self, snapshot: Snapshot) -> str:
        size = f"{snapshot.size_bytes / BYTES_PER_GB:.1f} GB" if snapshot.size_bytes else ""
        made = f"{snapshot.create_time:%Y-%m-%d %H:%M} UTC" if snapshot.create_time else ""
        parts = [self._names.get(snapshot.snapshot_id, ""), made, size, f"of {snapshot.instance_id}"]
        return f"{' · '.join(part for part in parts if part)} ({snapshot.snapshot_id})"
