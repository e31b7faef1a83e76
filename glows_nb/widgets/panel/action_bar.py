"""The bar of what can be done with the chosen machine: ways in, snapshot, park, unpark, release, and work on it.

What ends a machine or costs money is asked about first, in the bar itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.models.instances import Instance
from glows_nb.api.requests.snapshots import CreateSnapshot
from glows_nb.money import Rate
from glows_nb.widgets import texts
from glows_nb.widgets.access_buttons import AccessButtons
from glows_nb.widgets.confirmation import Question, whose_words
from glows_nb.widgets.controls import button
from glows_nb.widgets.front_end import FrontEnd
from glows_nb.widgets.machines_frame import fitting_actions, name_of
from glows_nb.widgets.markup import escaped
from glows_nb.widgets.panel.actions import Say, Work
from glows_nb.widgets.work.work_place import WorkPlace

CENT = Rate.from_cents(1)


class ActionBar:
    """The bar, for one machine at a time.

    Args:
        client: what acts.
        front_end: copies, and opens pages.
        work: what is done in the background.
        say: shows a sentence.
        choose: makes another machine the chosen one.
        then: gets the focus after a question was answered.
    """

    def __init__(
        self,
        client: Client,
        front_end: FrontEnd,
        work: Work,
        say: Callable[[str], None],
        choose: Callable[[str], None],
        then: ipywidgets.Widget,
    ) -> None:
        self.work = work
        self._client = client
        self._choose = choose
        self._then = then
        self._machine: Instance | None = None
        self._hint = ""
        self._can_come_back = True
        self._title = ipywidgets.HTML()
        self._access_buttons = AccessButtons(front_end, self._name_of, say)
        self.buttons = {
            **self._access_buttons.buttons,
            "snapshot": button(texts.MACHINE_SNAPSHOT, self._on_snapshot, tooltip=texts.MACHINE_SNAPSHOT_HINT),
            "park": button(texts.PANEL_PARK, self._on_park, tooltip=texts.PANEL_PARK_HINT),
            "unpark": button(
                texts.PANEL_UNPARK, self._on_unpark, tooltip=texts.PANEL_UNPARK_HINT, button_style="primary"
            ),
            "release": button(texts.MACHINE_RELEASE, self._on_release, tooltip=texts.MACHINE_RELEASE_HINT),
        }
        self.buttons["ssh"].button_style = "primary"
        self.question = Question()
        row = ipywidgets.HBox(list(self.buttons.values())).add_class("glows-actions")
        self.place = WorkPlace(client)
        self.box = ipywidgets.VBox([self._title, row, self.question.box, self.place])

    def parts(self) -> list[ipywidgets.Widget]:
        """What the bar is made of and does not show now."""
        return [*self.question.parts(), *self.place.parts()]

    def show(self, machine: Instance | None, hint: str, *, can_come_back: bool) -> None:
        """This is the chosen machine now, in this status.

        Args:
            machine: None for none.
            hint: what is said while there is none.
            can_come_back: False where it has no snapshot that it could be started from again once it has ended.
        """
        is_other = (machine and machine.instance_id) != (self._machine and self._machine.instance_id)
        self._machine, self._hint, self._can_come_back = machine, hint, can_come_back
        self._access_buttons.show(machine)
        if is_other:
            self.question.close()
        if machine is None:
            self._title.value = escaped(hint)
            for each in self.buttons.values():
                each.layout.display = "none"
            self.place.show(None, is_enabled=False)
            return
        fitting = fitting_actions(machine)
        if self.work.is_under_way(machine.instance_id):
            fitting &= {"ssh", "cell", "password", "jupyter"}
        if not can_come_back:
            fitting -= {"unpark"}
        if self.question.subject and self.question.subject not in fitting:
            self.question.close()
        ssh = f" · <code>{escaped(machine.ssh_command)}</code>" if "ssh" in fitting and machine.ssh_command else ""
        self._title.value = f"<b>{escaped(self._name_of(machine))}</b> · {escaped(machine.status)}{ssh}"
        is_ended = machine.is_terminal
        if is_ended and not can_come_back:
            self._title.value += f" · {escaped(texts.PANEL_NO_WAY_BACK)}"
        for action, each in self.buttons.items():
            each.disabled = action not in fitting
            each.layout.display = "" if (action == "unpark") == is_ended else "none"
        self.place.show(machine, is_enabled="work" in fitting)

    def _name_of(self, machine: Instance) -> str:
        return name_of(machine, self._client.account_mark)

    def _on_snapshot(self) -> None:
        self._ask(
            "snapshot",
            texts.MACHINE_SNAPSHOT_QUESTION,
            texts.MACHINE_SNAPSHOT_YES,
            self._snapshot,
            field=texts.MACHINE_SNAPSHOT_NAME,
        )

    def _on_park(self) -> None:
        self._ask("park", texts.PANEL_PARK_QUESTION, texts.PANEL_PARK, self._park)

    def _on_release(self) -> None:
        self._ask("release", texts.MACHINE_RELEASE_QUESTION, texts.MACHINE_RELEASE_YES, self._release, style="danger")

    def _on_unpark(self) -> None:
        self._ask("unpark", texts.PANEL_UNPARK_QUESTION, texts.PANEL_UNPARK, self._unpark)

    def _ask(self, action: str, question: str, yes: str, do: Callable[[Instance, str], None], **options: Any) -> None:
        """Ask, and do it to the machine that was asked about, whichever is chosen by then."""
        machine = self._machine
        if machine is None:
            return
        text = question.format(
            name=self._name_of(machine), id=machine.instance_id, region=machine.region_name, price=_price_words(machine)
        )
        if action in ("release", "park"):
            text += whose_words(self._client, machine)
        self.question.ask(
            action,
            text,
            yes,
            lambda field: do(machine, field),
            asked_by=self.buttons[action],
            then=self._then,
            **options,
        )

    def _snapshot(self, machine: Instance, snapshot_name: str) -> None:
        # Refused here, beside the field, before anything is sent.
        CreateSnapshot(instance_id=machine.instance_id, name=snapshot_name)
        name = self._name_of(machine)

        def job(say: Say) -> str:
            made = self._client.snapshots.create(machine.instance_id, snapshot_name)
            return texts.PANEL_SNAPSHOTTED.format(name=name, snapshots=", ".join(made.snapshot_ids))

        self._start(machine, texts.MACHINE_SNAPSHOTTING, job)

    def _park(self, machine: Instance, field: str) -> None:
        name = self._name_of(machine)

        def job(say: Say) -> str:
            parked = self._client.instances.park(
                machine,
                on_change=lambda now: say(texts.PANEL_PARKING_STEP.format(name=name, status=now.status)),
            )
            return texts.PANEL_PARKED.format(name=name, snapshot=parked.snapshot_id)

        self._start(machine, texts.PANEL_PARKING, job)

    def _unpark(self, machine: Instance, field: str) -> None:
        name, most = self._name_of(machine), _most(machine)

        def job(say: Say) -> str:
            changes: dict[str, Any] = {} if most is None else {"max_price_per_hour": most.per_hour}
            again = self._client.instances.unpark(machine, **changes)
            self._choose(again.instance_id)
            said = texts.PANEL_UNPARKED_AT if again.rate else texts.PANEL_UNPARKED
            return said.format(name=name, id=again.instance_id, rate=again.rate)

        self._start(machine, texts.PANEL_UNPARKING, job)

    def _release(self, machine: Instance, field: str) -> None:
        name = self._name_of(machine)

        def job(say: Say) -> str:
            self._client.instances.cancel(machine.instance_id)
            return texts.PANEL_RELEASED.format(name=name)

        self._start(machine, texts.MACHINE_RELEASING, job)

    def _start(self, machine: Instance, doing: str, job: Callable[[Say], str]) -> None:
        self.work.start(machine.instance_id, doing.format(name=self._name_of(machine)), job)
        self.show(self._machine, self._hint, can_come_back=self._can_come_back)


def _most(machine: Instance) -> Rate | None:
    """The price above which it is not started again: machines report cents, and offers have one more digit."""
    return machine.rate + CENT if machine.rate else None


def _price_words(machine: Instance) -> str:
    rate, most = machine.rate, _most(machine)
    if rate is None or most is None:
        return texts.PANEL_UNPARK_NO_PRICE
    return texts.PANEL_UNPARK_PRICE.format(rate=rate, day=rate.per_day, most=most.per_hour)
