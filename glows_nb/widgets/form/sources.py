"""What a machine can start from, for the launch form's menus: images, and snapshots by the names in the ledger."""

from __future__ import annotations

from contextlib import suppress

from glows_nb.api.client import Client
from glows_nb.api.errors import ParamIllegal
from glows_nb.api.models.images import Image
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.ledger.journal import LedgerError
from glows_nb.ledger.recording import recorder_of

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
        self._images_of: dict[str, str] = {}
        self._categories_of: dict[str, str] = {}
        """Image ids and categories by instance id."""

    def read_images(self) -> Options:
        """Ask for all images; gives them for a menu."""
        self.images = self._client.images.all()
        return [(str(image), image.image_id) for image in self.images]

    def read_snapshots(self) -> Options:
        """Ask for all snapshots; gives those that a machine can be started from, the newest first."""
        recorder = recorder_of(self._client)
        # Names and images are in the ledger alone; without it snapshots go by their ids.
        with suppress(LedgerError):
            known = recorder.ledger.snapshots(recorder.account)
            self._names = {snapshot_id: record.name for snapshot_id, record in known.items()}
            machines = recorder.ledger.images(recorder.account)
            self._images_of |= {instance_id: record.image_id for instance_id, record in machines.items()}
        self.snapshots = [snapshot for snapshot in self._client.snapshots.all() if snapshot.is_available]
        self.snapshots.sort(key=lambda snapshot: (snapshot.create_time is not None, snapshot.create_time), reverse=True)
        return [(self._label(snapshot), snapshot.snapshot_id) for snapshot in self.snapshots]

    def below(self, snapshot_id: str) -> tuple[str, str]:
        """The image of the machine that a snapshot was taken of, and its category; "" for what nobody knows.

        Prices are listed by image, also for a start from a snapshot (FACTS 7), and a container does not become a VM.
        """
        instance_id = next((one.instance_id for one in self.snapshots if one.snapshot_id == snapshot_id), "")
        if not instance_id:
            return "", ""
        if instance_id not in self._categories_of:
            # The service may forget machines that ended long ago; a snapshot of one can be started all the same.
            with suppress(ParamIllegal):
                machine = self._client.instances.get(instance_id)
                self._categories_of[instance_id] = machine.category
                if machine.base_image and not self._images_of.get(instance_id):
                    self._images_of[instance_id] = machine.base_image.image_id
        return self._images_of.get(instance_id, ""), self._categories_of.get(instance_id, "")

    def _label(self, snapshot: Snapshot) -> str:
        size = f"{snapshot.size_bytes / BYTES_PER_GB:.1f} GB" if snapshot.size_bytes else ""
        made = f"{snapshot.create_time:%Y-%m-%d %H:%M} UTC" if snapshot.create_time else ""
        parts = [self._names.get(snapshot.snapshot_id, ""), made, size, f"of {snapshot.instance_id}"]
        return f"{' · '.join(part for part in parts if part)} ({snapshot.snapshot_id})"
