"""The panel of snapshots: what there is, and taking one of a running machine."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import ipywidgets
import pandas as pd

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.requests.snapshots import CreateSnapshot
from glows_nb.api.statuses import InstanceStatus, SnapshotStatus
from glows_nb.frames.tables import Table, captioned
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of
from glows_nb.ledger.records import MachineRecord, SnapshotRecord
from glows_nb.widgets import texts
from glows_nb.widgets.controls import choose
from glows_nb.widgets.machines_frame import name_of
from glows_nb.widgets.panel.actions import Say
from glows_nb.widgets.panel.live_panel import LivePanel, client_for_panel
from glows_nb.widgets.panel.polling_interval import Outcome
from glows_nb.widgets.panel.small_form import LABELS, WIDE, SmallForm, text_field
from glows_nb.widgets.table.table import TableWidget

SHOWN = ["name", "machine", "status", "size_gb", "age", "image", "snapshot_id", "instance_id", "created"]
EXACT = {"machine": "instance_id", "age": "created"}
ON_THE_WAY = (SnapshotStatus.PENDING, SnapshotStatus.SAVING, SnapshotStatus.DELETING)


def snapshots_panel(*, client: Client | None = None) -> SnapshotsPanel:
    """All snapshots, kept up to date, and a form to take one of a running machine.

    Args:
        client: the client to use; without it the current one.

    Raises:
        ConfigError: there is no client and no token for one.
        InvalidRequest: `client` is no Client. What goes wrong later is said by the panel.
    """
    return SnapshotsPanel(client_for_panel(client))


class SnapshotsPanel(LivePanel):
    """The panel. Names come from the ledger: the service does not return them (FACTS 7)."""

    def __init__(self, client: Client) -> None:
        self._recorder = recorder_of(client)
        self._snapshots: list[Snapshot] = []
        self._running: list[Instance] = []
        self._names: dict[str, SnapshotRecord] = {}
        self._images: dict[str, SnapshotRecord] = {}
        self._machines: dict[str, MachineRecord] = {}
        super().__init__(client, texts.SNAPSHOTS)

    def _build(self) -> list[ipywidgets.Widget]:
        self.table = TableWidget(self._frame(), EXACT)
        self.table.layout.display = "none"
        self.machine = ipywidgets.Dropdown(description=texts.SNAPSHOTS_MACHINE, style=LABELS, layout=WIDE)
        self.name = text_field(texts.SNAPSHOTS_NAME, texts.SNAPSHOTS_NAME_HINT)
        fields = {"instance_id": self.machine, "name": self.name}
        self.form = SmallForm(texts.SNAPSHOTS_FORM, fields, texts.SNAPSHOTS_TAKE, self._take)
        return [self.table, self.form.box, self._message]

    def _take_over(self, earlier: SnapshotsPanel) -> None:
        super()._take_over(earlier)
        self.name.value = earlier.name.value

    def _read(self) -> Outcome:
        snapshots = self.client.snapshots.all()
        running = self.client.instances.all([InstanceStatus.RUNNING])
        names, images, machines = self._names, self._images, self._machines
        with suppress(LedgerError):  # names are left out then
            ledger, account = self._recorder.ledger, self._recorder.account
            names, images = ledger.snapshots(account), ledger.images(account)
            machines = {record.instance_id: record for record in ledger.machines(account)}
        is_changed = (snapshots, running) != (self._snapshots, self._running) or self._seen_at is None
        with self._lock:
            self._snapshots, self._running = snapshots, running
            self._names, self._images, self._machines = names, images, machines
        if is_changed:
            return Outcome.CHANGED
        return Outcome.PASSING if any(taken.status in ON_THE_WAY for taken in snapshots) else Outcome.SAME

    def _show(self) -> None:
        caption = texts.SNAPSHOTS_CAPTION if self._snapshots else texts.NO_SNAPSHOTS
        self.table.frame = captioned(self._frame(), caption, is_sandbox=False)
        self.table.layout.display = ""
        mark = self.client.account_mark
        names = [
            (f"{name_of(machine, mark)} ({machine.instance_id})", machine.instance_id) for machine in self._running
        ]
        choose(self.machine, names, self.machine.value)
        self.form.button.disabled = not names or self.work.is_under_way(self.machine.value)
        self.form.note("instance_id", "" if names else texts.SNAPSHOTS_NO_MACHINE)

    def _plain(self) -> Table:
        frame = self._frame().drop(columns="age")
        return captioned(frame, texts.SNAPSHOTS, is_sandbox=self.client.is_sandbox)

    def _frame(self) -> pd.DataFrame:
        frame = frames.snapshots(self._snapshots, self._names, self._images)
        machines = [self._machine_name(snapshot.instance_id) for snapshot in self._snapshots]
        return with_age(frame).assign(machine=pd.Series(machines, dtype="string"))[SHOWN]

    def _machine_name(self, instance_id: str) -> str:
        record = self._machines.get(instance_id)
        return instance_id if record is None else name_of(record, self.client.account_mark)

    def _take(self) -> None:
        # Refused here, beside the field, before anything is sent.
        name = str(self.name.value).strip()
        CreateSnapshot(instance_id=self.machine.value or "", name=name)
        instance_id, label = self.machine.value, self.machine.label

        def job(say: Say) -> str:
            made = self.client.snapshots.create(instance_id, name)
            return texts.SNAPSHOTS_TAKEN.format(ids=", ".join(made.snapshot_ids), name=label)

        self.work.start(instance_id, texts.SNAPSHOTS_TAKING.format(name=label), job)

    def _take_note(self, subject: str) -> None:
        self.name.value = ""

    def _say_error(self, subject: str, error: Exception) -> None:
        self._say("")
        self.form.show_error(error)


def with_age(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with "created" and, from that, "age"."""
    now: Any = pd.Timestamp(datetime.now(UTC))
    return frame.assign(age=(now - frame["created"]).clip(lower=pd.Timedelta(timedelta(0))))
