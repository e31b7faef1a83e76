"""Where one works on the machine that is shown. What was begun on another one goes on, and is there again with it."""

from __future__ import annotations

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import LEAVING
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.work.machine_work import MachineWork


class WorkPlace(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The place, for one machine at a time.

    Attributes:
        work: what can be done on the machine that is shown; None where there is none, or it has ended.

    Args:
        client: whose machines they are.
    """

    def __init__(self, client: Client) -> None:
        super().__init__([])
        self.add_class("glows-work-place")
        self._client = client
        self.work: MachineWork | None = None
        self._works: dict[str, MachineWork] = {}

    def show(self, machine: Instance | None, *, is_enabled: bool) -> None:
        """This is the machine now.

        Args:
            machine: None for none.
            is_enabled: can anything be begun on it?
        """
        work = None if machine is None else self._work_on(machine)
        if work is not None:
            work.is_enabled = is_enabled
            work.look_at_kernel()
        if work is not self.work:
            self.work = work
            self.children = () if work is None else (work,)

    def take_over(self, earlier: WorkPlace) -> None:
        """Go on with what the place of an earlier run of the cell has."""
        self._works, earlier._works = earlier._works, {}
        earlier.show(None, is_enabled=False)
        for work in self._works.values():
            work.client = self._client

    def parts(self) -> list[ipywidgets.Widget]:
        """All that was made here, shown or not."""
        works = list(self._works.values())
        return [*works, *(part for work in works for part in all_parts(work))]

    def _work_on(self, machine: Instance) -> MachineWork | None:
        work = self._works.get(machine.instance_id)
        # Of a machine that ends there is only to see what was begun before.
        if work is None and machine.status not in LEAVING:
            work = self._works[machine.instance_id] = MachineWork(self._client, machine)
        return work
