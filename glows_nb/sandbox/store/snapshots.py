"""Snapshots in the database."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from glows_nb.sandbox.machines.lifecycle import Machine
from glows_nb.sandbox.parameters import Page
from glows_nb.sandbox.store.database import Database

PENDING = 1
SAVING = 2
AVAILABLE = 3
FAILED = 4
"""Only 3 is known, from the sample; the others are invented in FACTS 7. None of them are ever deleted."""

GIB = 1024**3

DISK_GB_PER_VOLUME_GIB = 10
"""The sample's volume of 10 GiB is that of a machine with 100 GB of disk; how they go together is invented."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A saved machine, complete: the machine can be made again without looking anywhere else."""

    hash: str
    owner: int
    machine: str
    name: str
    status: int
    domain: int
    created: float
    modified: float
    size_bytes: int
    vol_size_bytes: int
    image_id: str
    image_name: str
    category: str


def snapshot_of(machine: Machine, hash_: str, name: str) -> Snapshot:
    """Return the snapshot that begins to be taken of a machine now."""
    volume = max(machine.hardware.disk_gb // DISK_GB_PER_VOLUME_GIB, 1) * GIB
    created = time.time()
    return Snapshot(
        hash=hash_,
        owner=machine.owner,
        machine=machine.hash,
        name=name,
        status=PENDING,
        domain=machine.domain,
        created=created,
        modified=created,
        size_bytes=volume // 10,  # as in the sample
        vol_size_bytes=volume,
        image_id=machine.image_id,
        image_name=machine.image_name,
        category=machine.category,
    )


class SnapshotStore:
    """All SQL about snapshots."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, snapshot: Snapshot) -> None:
        """Write down a new snapshot."""
        values = asdict(snapshot)
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        self._database.write(f"INSERT INTO snapshots ({names}) VALUES ({marks})", values)

    def snapshot(self, hash_: str) -> Snapshot | None:
        """Return the snapshot with that id, whoever owns it."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM snapshots WHERE hash = ?", (hash_,))
        return None if row is None else Snapshot(**dict(row))

    def after(self, seq: int) -> tuple[int, list[Snapshot]]:
        """Return everybody's snapshots that came after a number in their order, and the number of the last."""
        last = self._database.number("SELECT COALESCE(MAX(seq), 0) FROM snapshots")
        if last <= seq:
            return seq, []
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM snapshots WHERE seq > ? ORDER BY seq", (seq,))
        return last, [Snapshot(**dict(row)) for row in rows]

    def being_saved(self, machine: str) -> list[str]:
        """Return the hashes of the snapshots that are being taken of a machine."""
        rows = self._database.rows("SELECT hash FROM snapshots WHERE machine = ? AND status = ?", (machine, SAVING))
        return [row["hash"] for row in rows]

    def count(self, owner: int) -> int:
        """Return how many snapshots count for a user's quota: all but failed ones."""
        return self._database.number("SELECT COUNT(*) FROM snapshots WHERE owner = ? AND status <> ?", (owner, FAILED))

    def volume_bytes(self, owner: int) -> int:
        """Return how much of a user's storage is taken."""
        return self._database.number(
            "SELECT SUM(vol_size_bytes) FROM snapshots WHERE owner = ? AND status <> ?", (owner, FAILED)
        )

    def snapshots(self, owner: int, page: Page, statuses: Sequence[int]) -> tuple[int, list[Snapshot]]:
        """Return how many snapshots a user has, and one page, newest first; of no statuses means of all."""
        where = "FROM snapshots WHERE owner = :owner AND (:all OR status IN (SELECT value FROM json_each(:statuses)))"
        values = {
            "owner": owner,
            "all": not statuses,
            "statuses": json.dumps(list(statuses)),
            "size": page.size,
            "offset": page.offset,
        }
        total = self._database.number(f"SELECT COUNT(*) {where}", values)
        rows = self._database.rows(f"SELECT {_COLUMNS} {where} ORDER BY seq DESC LIMIT :size OFFSET :offset", values)
        return total, [Snapshot(**dict(row)) for row in rows]

    def put(self, hash_: str, status: int, modified: float) -> None:
        """Bring one snapshot into a status."""
        self._database.write("UPDATE snapshots SET status = ?, modified = ? WHERE hash = ?", (status, modified, hash_))

    def proceed(self, machine: str, before: int, after: int, modified: float) -> None:
        """Let the snapshots that are being taken of a machine get from one status into the next."""
        self._database.write(
            "UPDATE snapshots SET status = ?, modified = ? WHERE machine = ? AND status = ?",
            (after, modified, machine, before),
        )


_COLUMNS = ", ".join(Snapshot.__dataclass_fields__)
