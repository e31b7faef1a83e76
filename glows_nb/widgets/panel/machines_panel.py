"""The panel of machines: what runs, what it costs, and what can be done about it. One leaves it open all day."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.statuses import ENDED
from glows_nb.formatting import SANDBOX_WORD
from glows_nb.frames.tables import Table, captioned
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of
from glows_nb.ledger.records import MachineRecord
from glows_nb.ledger.spending import BurnRate, burn_rate_of
from glows_nb.widgets import texts
from glows_nb.widgets.machines_frame import ALIVE, EXACT, STEADY, ended_frame, machines_frame
from glows_nb.widgets.panel.action_bar import ActionBar
from glows_nb.widgets.panel.live_panel import Fold, LivePanel, client_for_panel
from glows_nb.widgets.panel.machine_page import page_html
from glows_nb.widgets.panel.polling_interval import Outcome
from glows_nb.widgets.table.table import TableWidget

MOST_ENDED: Final = 100
COUNTING_SECONDS: Final = 600.0
"""How many machines have ended, and whether there are statuses that this version does not know, is asked so seldom."""


def panel(*, client: Client | None = None) -> Panel:
    """All machines with status, age, price and cost so far, kept up to date, and what can be done with each.

    Args:
        client: the client to use; without it the current one.

    Returns:
        The panel: a widget to show. `.selected` is the id of the chosen machine, `.refresh()` reads now.

    Raises:
        ConfigError: there is no client and no token for one.
        InvalidRequest: `client` is no Client. What goes wrong later is said by the panel.
    """
    return Panel(client_for_panel(client))


class Panel(LivePanel):
    """The panel. One list request a refresh, in the background; clicks act on the machine that is chosen."""

    def __init__(self, client: Client) -> None:
        self._recorder = recorder_of(client)
        self._machines: list[Instance] = []
        self._ended: list[Instance] = []
        self._is_ended_read = False
        self._gone: Instance | None = None
        self._snapshots: list[Snapshot] | None = None
        self._records: dict[str, MachineRecord] = {}
        self._statuses = list(ALIVE)
        self._ended_count: int | None = None
        self._counted_at: float | None = None
        self._selected: str | None = None
        labels = {
            "glows-actions": {"role": "group", "aria-label": texts.PANEL_ACTIONS},
            "glows-details": {"aria-expanded": "false"},
            "glows-unfold": {"aria-expanded": "false"},
        }
        super().__init__(client, texts.PANEL_MACHINES, labels)

    @property
    def selected(self) -> str | None:
        """The id of the machine that is chosen, None for none."""
        return self._selected

    @selected.setter
    def selected(self, instance_id: str | None) -> None:
        self._select(instance_id)

    @property
    def machines(self) -> list[Instance]:
        """The machines that had not ended, as they were read last."""
        return list(self._machines)

    @property
    def burn(self) -> BurnRate:
        """What the machines that run cost together, as they were read last."""
        running = [machine for machine in self._machines if machine.may_be_billed]
        return burn_rate_of(running, self._records, is_sandbox=self.client.is_sandbox)

    def _build(self) -> list[ipywidgets.Widget]:
        self.table = TableWidget(self._frame([]), EXACT)
        # An empty table would say that there is nothing, before anything was read.
        self.table.layout.display = "none"
        self.table.observe(self._on_selected, "selected")
        self._details = Fold(texts.PANEL_DETAILS, texts.PANEL_DETAILS_HINT)
        self._details.add_class("glows-details")
        self._details.observe(self._on_details, "value")
        self.actions = ActionBar(self.client, self._front_end, self.work, self._say, self._choose, self._details)
        self._page = ipywidgets.HTML(layout={"display": "none"}).add_class("glows-page")
        self._unfold = Fold(texts.PANEL_ENDED)
        self._unfold.add_class("glows-unfold")
        self._unfold.observe(self._on_unfold, "value")
        self.ended_table = TableWidget(self._frame([]), EXACT)
        self.ended_table.layout.display = "none"
        self.ended_table.observe(self._on_selected, "selected")
        chosen = ipywidgets.VBox([self.actions.box, self._message, self._details, self._page]).add_class("glows-chosen")
        return [self.table, chosen, self._unfold, self.ended_table]

    def _parts(self) -> list[ipywidgets.Widget]:
        return [*super()._parts(), *self.actions.parts()]

    def _take_over(self, earlier: Panel) -> None:
        super()._take_over(earlier)
        self.actions.work = self.work
        self.actions.place.take_over(earlier.actions.place)
        self._selected = earlier.selected
        self._details.value, self._unfold.value = earlier._details.value, earlier._unfold.value

    def _read(self) -> Outcome:
        machines = self.client.instances.all(self._statuses)
        records = self._records
        # Whatever keeps the ledger from being read, machines are seen without it; their costs are unknown then.
        with suppress(LedgerError):
            records = {record.instance_id: record for record in self._recorder.ledger.machines(self._recorder.account)}
        with self._lock:
            left = {machine.instance_id for machine in self._machines} - {machine.instance_id for machine in machines}
            is_changed = machines != self._machines or self._seen_at is None
        if left:
            # Ended, or in a status that nobody knew of and that is not asked for yet.
            self._counted_at = None
        self._count()
        gone = self._last_of(self._selected) if self._selected in left else self._gone
        if self._unfold.value and (left or not self._is_ended_read):
            self._read_ended()
        with self._lock:
            self._machines, self._records, self._gone = machines, records, gone
        if is_changed:
            return Outcome.CHANGED
        is_steady = all(machine.status in STEADY for machine in machines) and self.work.is_idle()
        return Outcome.SAME if is_steady else Outcome.PASSING

    def _last_of(self, instance_id: str | None) -> Instance | None:
        """What became of the chosen machine, which has left the list; that it can't be read hides nothing else."""
        self._snapshots = None
        with suppress(GlowsError):
            self._snapshots = self.client.snapshots.all()
        with suppress(GlowsError):
            return self.client.instances.get(instance_id)
        return None

    def _count(self) -> None:
        """Now and then: how many have ended, and are there statuses that are not in the list of those to ask for?"""
        if self._counted_at is not None and monotonic() - self._counted_at < COUNTING_SECONDS:
            return
        # The path of this operation is inferred (FACTS 1): where it is another one, the number is not said.
        with suppress(GlowsError):
            counts = self.client.instances.stats()
            self._ended_count = sum(number for status, number in counts.items() if status in ENDED)
            self._statuses = list(dict.fromkeys([*self._statuses, *(word for word in counts if word not in ENDED)]))
        self._counted_at = monotonic()

    def _read_ended(self) -> None:
        ended = self.client.instances.all(tuple(ENDED), limit=MOST_ENDED)
        snapshots = self.client.snapshots.all()
        with self._lock:
            self._ended, self._snapshots, self._is_ended_read = ended, snapshots, True

    def _show(self) -> None:
        self._say_heading(self._burn_words())
        self._fill(self.table, self._frame(self._machines), texts.PANEL_MACHINES_CAPTION)
        self.table.layout.display = "" if self._machines else "none"
        count = "" if self._ended_count is None else texts.PANEL_ENDED_COUNTED.format(count=self._ended_count)
        self._unfold.text = count or texts.PANEL_ENDED
        if self._unfold.value:
            now, mark = datetime.now(UTC), self.client.account_mark
            frame = ended_frame(self._ended, self._records, mark, now, self._snapshots or ())
            self._fill(self.ended_table, frame, texts.PANEL_ENDED_CAPTION)
        self.ended_table.layout.display = "" if self._unfold.value else "none"
        if self._selected is None and len(self._machines) == 1 and self._gone is None:
            self._selected = self._machines[0].instance_id
        self._mark_selected()
        self._show_chosen()

    def _plain(self) -> Table:
        frame = self._frame(self._machines).drop(columns=["age", "cost"])
        return captioned(frame, f"{self._title}: {self._burn_words()}", is_sandbox=self.client.is_sandbox)

    def _burn_words(self) -> str:
        burn = self.burn
        return str(burn).removeprefix(f"{SANDBOX_WORD} · ") if burn.machines else texts.PANEL_NOTHING_RUNS

    def _frame(self, machines: list[Instance]) -> Any:
        return machines_frame(machines, self._records, self.client.account_mark, datetime.now(UTC))

    def _fill(self, table: TableWidget, frame: Any, caption: str) -> None:
        table.frame = captioned(frame, caption, is_sandbox=False)

    def _on_selected(self, change: Any) -> None:
        # What was clicked, and not what the table has by now: a refresh may have put the earlier choice back.
        if change.new is not None:
            self._select(change.new)

    def _select(self, instance_id: str | None) -> None:
        with self._lock:
            self._selected = instance_id
            self._mark_selected()
            self._show_chosen()

    def _choose(self, instance_id: str) -> None:
        """A machine was started from here: go on with that one."""
        with self._lock:
            self._selected = instance_id

    def _mark_selected(self) -> None:
        """One machine is chosen in both tables together."""
        for table, machines in ((self.table, self._machines), (self.ended_table, self._ended)):
            is_here = any(machine.instance_id == self._selected for machine in machines)
            table.selected = self._selected if is_here else None

    def _chosen(self) -> Instance | None:
        known = [*self._machines, *([self._gone] if self._gone else []), *self._ended]
        return next((machine for machine in known if machine.instance_id == self._selected), None)

    def _show_chosen(self) -> None:
        chosen = self._chosen()
        can_come_back = self._snapshots is None or any(
            taken.is_available and chosen is not None and taken.instance_id == chosen.instance_id
            for taken in self._snapshots
        )
        hint = texts.PANEL_CHOOSE_ONE if self._machines else texts.PANEL_NO_MACHINES
        self.actions.show(chosen, hint, can_come_back=can_come_back)
        self._show_page()

    def _show_page(self) -> None:
        machine = self._chosen()
        self._details.layout.display = "none" if machine is None else ""
        is_open = machine is not None and self._details.value
        if machine is not None and is_open:
            self._page.value = page_html(machine, self._records.get(machine.instance_id))
        self._page.layout.display = "" if is_open else "none"

    def _on_details(self, change: Any) -> None:
        with self._lock:
            self._label("glows-details", aria_expanded=str(change.new).lower())
            self._show_page()

    def _on_unfold(self, change: Any) -> None:
        with self._lock:
            self._label("glows-unfold", aria_expanded=str(change.new).lower())
        self._on_retry()

    def _on_retry(self) -> None:
        self._is_ended_read = False
        super()._on_retry()
