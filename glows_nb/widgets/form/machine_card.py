"""One machine below the form that launched or found it: how far it is, the way in, work, snapshot and release."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Final

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, MachineEnded, SnapshotFailed, WaitTimeout
from glows_nb.api.lifecycle.waiting import wait_for_status, wait_until_reachable
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.requests.snapshots import CreateSnapshot
from glows_nb.api.statuses import ENDED, LEAVING, InstanceStatus
from glows_nb.api.steps import Steps, pause
from glows_nb.api.writes.snapshots import snapshots_of
from glows_nb.widgets import texts
from glows_nb.widgets.access_buttons import AccessButtons
from glows_nb.widgets.background import Background
from glows_nb.widgets.confirmation import Question, whose_words
from glows_nb.widgets.controls import button, set_shown
from glows_nb.widgets.front_end import FrontEnd
from glows_nb.widgets.machines_frame import fitting_actions, name_of
from glows_nb.widgets.markup import error_html, escaped, time_html
from glows_nb.widgets.work.work_place import WorkPlace

STEP_OF_STATUS: Final = {
    InstanceStatus.SCHED_INIT: 0,
    InstanceStatus.SCHED_QUEUED: 1,
    InstanceStatus.PENDING: 2,
    InstanceStatus.RUNNING: 3,
}
MOST_SECONDS: Final = 3600
SNAPSHOT_PAUSE: Final = 2.0


class MachineCard(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The machine and what can be done with it; hidden while there is none.

    Args:
        client: whose machine it is.
        front_end: the hands in the page.
        changed: hears when what the card shows has changed.
        ended: hears when the machine has ended.
    """

    def __init__(
        self, client: Client, front_end: FrontEnd, changed: Callable[[], None], ended: Callable[[], None]
    ) -> None:
        self.instance: Instance | None = None
        self.is_found = self.is_reachable = False
        self._client = client
        self._changed, self._ended = changed, ended
        # Apart, so that a machine that is queued for hours can be released all the while.
        self._following = Background("glows form machine", self.show_error)
        self._acting = Background("glows form action", self.show_error)
        self._is_acting = False
        self._lock = Lock()
        self._showing = Lock()
        self.facts = ipywidgets.HTML()
        self.access_buttons = AccessButtons(front_end, self._name_of, self._say)
        self.snapshot = button(texts.MACHINE_SNAPSHOT, self._on_snapshot, tooltip=texts.MACHINE_SNAPSHOT_HINT)
        self.release = button(texts.MACHINE_RELEASE, self._on_release, tooltip=texts.MACHINE_RELEASE_HINT)
        self.question = Question()
        self.message = ipywidgets.HTML()
        self.message.add_class("glows-message")
        self._actions = ipywidgets.HBox([*self.access_buttons.buttons.values(), self.snapshot, self.release])
        self._actions.add_class("glows-actions")
        self.place = WorkPlace(client)
        super().__init__([self.facts, self._actions, self.question.box, self.message, self.place])
        self.add_class("glows-machine")
        set_shown(self, False)

    def show(self, instance: Instance, *, is_reachable: bool = False) -> None:
        """Show this machine as it is now."""
        with self._showing:
            self._put(instance, is_reachable=is_reachable)
        self._changed()

    def hide(self) -> None:
        """There is no machine to show."""
        self._follow_no_more()
        self.instance, self.is_found = None, False
        self.question.close()
        self.message.value = ""
        self.place.show(None, is_enabled=False)
        set_shown(self, False)

    def follow(self, instance: Instance, *, is_found: bool = False) -> None:
        """Show this machine, and in the background how it gets on until it answers; another one is followed no more."""
        self.is_found = is_found
        self.show(instance)
        following = self._follow_no_more()
        if instance.status not in ENDED:
            following.start(lambda: self._until_reachable(following, instance.instance_id))

    def plain(self) -> str:
        """The machine as HTML without its buttons; empty while there is none."""
        if self.instance is None:
            return ""
        return card_html(self.instance, is_found=self.is_found, is_reachable=self.is_reachable)

    @staticmethod
    def labels() -> dict[str, dict[str, str]]:
        """What lets the card have the focus, and says what it is to those who can't see the page."""
        return {"glows-machine": {"tabindex": "-1", "role": "group", "aria-label": texts.CARD}}

    def close(self) -> None:
        """Stop following; the machine goes on."""
        self._following.close()
        self._acting.close()
        for part in [*self.question.parts(), *self.place.parts()]:
            part.close()
        super().close()

    def show_error(self, error: Exception) -> None:
        """Say what went wrong with the machine."""
        self.message.value = error_html(error)
        self._enable()

    def _follow_no_more(self) -> Background:
        """What follows a machine ends with its next request; gives what the next one is followed in."""
        with self._lock:
            is_closed = self._following.is_closed
            self._following.close()
            if not is_closed:
                self._following = Background("glows form machine", self.show_error)
            return self._following

    def _until_reachable(self, following: Background, instance_id: str) -> None:
        show = partial(self._show_if_meant, following)
        steps = wait_until_reachable(instance_id, SSH_PORT, MOST_SECONDS, on_change=show)
        try:
            instance = following.run(self._client, steps)
        except MachineEnded:
            self._until_ended(following, instance_id)
        else:
            show(instance, is_reachable=True)

    def _until_ended(self, background: Background, instance_id: str) -> None:
        steps = wait_for_status(
            instance_id,
            InstanceStatus.FINISHED,
            timeout=MOST_SECONDS,
            on_change=partial(self._show_if_meant, background),
        )
        try:
            instance = background.run(self._client, steps)
        except MachineEnded as error:
            instance = error.instance
        if self._is_meant(instance):
            self.is_found = False
            self.show(instance)
            self._say(texts.CARD_ENDED.format(name=self._name_of(instance)))
            self._ended()

    def _show_if_meant(self, background: Background, instance: Instance, *, is_reachable: bool = False) -> None:
        """Show what a background has heard, unless something else is shown or done by now.

        What was asked before a machine was released is often answered after it.
        """
        with self._showing:
            if background.is_closed or not self._is_meant(instance):
                return
            self._put(instance, is_reachable=is_reachable)
        self._changed()

    def _put(self, instance: Instance, *, is_reachable: bool) -> None:
        self.instance, self.is_reachable = instance, is_reachable
        self.facts.value = self.plain()
        self.access_buttons.show(instance)
        self._enable()
        set_shown(self._actions, instance.status not in LEAVING)
        set_shown(self, True)

    def _is_meant(self, instance: Instance) -> bool:
        return self.instance is not None and self.instance.instance_id == instance.instance_id

    def _say(self, text: str) -> None:
        self.message.value = escaped(text)

    def _name_of(self, instance: Instance) -> str:
        return name_of(instance, self._client.account_mark)

    def _on_snapshot(self) -> None:
        self._ask(
            self.snapshot,
            texts.MACHINE_SNAPSHOT_QUESTION,
            texts.MACHINE_SNAPSHOT_YES,
            self._snapshot,
            field=texts.MACHINE_SNAPSHOT_NAME,
        )

    def _on_release(self) -> None:
        self._ask(
            self.release, texts.MACHINE_RELEASE_QUESTION, texts.MACHINE_RELEASE_YES, self._release, style="danger"
        )

    def _ask(
        self, asked_by: ipywidgets.Button, question: str, yes: str, do: Callable[[Instance, str], None], **options: str
    ) -> None:
        """Ask, and do it to the machine that was asked about."""
        instance = self.instance
        if instance is None:
            return
        text = question.format(name=self._name_of(instance), id=instance.instance_id)
        if asked_by is self.release:
            text += whose_words(self._client, instance)
        # The focus goes to the card itself: of its buttons, each may be off or gone by then.
        self.question.ask(
            instance.instance_id, text, yes, lambda field: do(instance, field), asked_by=asked_by, then=self, **options
        )

    def _snapshot(self, instance: Instance, name: str) -> None:
        # Refused here, beside the field, before anything is sent.
        CreateSnapshot(instance_id=instance.instance_id, name=name)
        self._act(instance, lambda: self._take_snapshot(instance, name))

    def _release(self, instance: Instance, field: str) -> None:
        self._act(instance, lambda: self._release_now(instance))

    def _act(self, instance: Instance, work: Callable[[], None]) -> None:
        """Do this to the machine, and nothing else to it meanwhile."""

        def act() -> None:
            try:
                work()
            except GlowsError as error:
                self._is_acting = False
                self.show_error(error)
                # Whatever went wrong, what is shown of the machine may not be true any more.
                if self._is_meant(instance):
                    self.follow(instance, is_found=self.is_found)
            finally:
                self._is_acting = False
                self._enable()

        self._is_acting = True
        self._enable()
        self._follow_no_more()
        self._acting.start(act)

    def _take_snapshot(self, instance: Instance, name: str) -> None:
        instance_id = instance.instance_id
        self._say(texts.MACHINE_SNAPSHOTTING.format(name=self._name_of(instance)))
        taken = self._client.snapshots.create(instance_id, name)
        named = " ".join(taken.snapshot_ids)
        self._say(texts.CARD_SNAPSHOT_BEGUN.format(snapshot=named))
        self._acting.run(self._client, _available(instance_id, taken.snapshot_ids))
        show = partial(self._show_if_meant, self._acting)
        steps = wait_for_status(instance_id, timeout=MOST_SECONDS, on_change=show)
        again = self._acting.run(self._client, steps)
        if self._is_meant(again):
            self.follow(again, is_found=self.is_found)
        self._say(texts.CARD_SNAPSHOT_TAKEN.format(snapshot=named))

    def _release_now(self, instance: Instance) -> None:
        name = self._name_of(instance)
        self._say(texts.MACHINE_RELEASING.format(name=name))
        self._client.instances.cancel(instance.instance_id)
        self._until_ended(self._acting, instance.instance_id)

    def _enable(self) -> None:
        fitting = fitting_actions(self.instance) if self.instance is not None else frozenset()
        self.snapshot.disabled = self._is_acting or "snapshot" not in fitting
        self.release.disabled = self._is_acting or "release" not in fitting
        self.place.show(self.instance, is_enabled=not self._is_acting and "work" in fitting)


def card_html(instance: Instance, *, is_found: bool = False, is_reachable: bool = False) -> str:
    """A machine as it stands in the card: how far it is, what it is, what it costs, and its SSH command."""
    hardware, rate = instance.hardware, instance.rate
    what = f"{hardware.gpus or '?'} × {hardware.gpu_name}" if hardware.gpu_name else hardware.cpu_name
    created = texts.CARD_CREATED.format(moment=time_html(instance.create_time)) if instance.create_time else ""
    facts = [what, instance.region_name, str(rate) if rate else "", instance.meta_key]
    found = f" · {escaped(texts.CARD_FOUND)}" if is_found else ""
    lines = [
        f"<b>{escaped(instance.status)}</b> {escaped(_called(instance))}{found}",
        _steps_html(instance.status, is_reachable=is_reachable),
        " · ".join([*(escaped(fact) for fact in facts if fact), *([created] if created else [])]),
    ]
    if instance.ssh_command and instance.status not in LEAVING:
        lines.append(f"<code>{escaped(instance.ssh_command)}</code>")
    return "".join(f"<div>{line}</div>" for line in lines if line)


def _steps_html(status: str, *, is_reachable: bool) -> str:
    """How far a starting machine is, in words and signs; nothing for one that is not starting."""
    place = STEP_OF_STATUS.get(InstanceStatus(status)) if status in list(InstanceStatus) else None
    if place is None:
        return ""
    # Running is reached once it is reported; what is still awaited then is that the machine answers.
    awaited = len(texts.CARD_STEPS) if is_reachable else place + (status == InstanceStatus.RUNNING)
    items = []
    for number, word in enumerate(texts.CARD_STEPS):
        sign = "✓" if number < awaited else "◔" if number == awaited else "○"
        current = ' aria-current="step"' if number == awaited else ""
        items.append(f'<span role="listitem"{current}>{sign} {escaped(word)}</span>')
    # No <ol>: without our style sheet, on GitHub, it would be five numbered lines.
    return f'<span class="glows-steps" role="list">{" ".join(items)}</span>'


def _available(instance_id: str, snapshot_ids: tuple[str, ...]) -> Steps[list[Snapshot]]:
    """Wait until all of these snapshots can be used."""
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        taken = [one for one in (yield from snapshots_of(instance_id)) if one.snapshot_id in snapshot_ids]
        if any(one.has_failed for one in taken):
            raise SnapshotFailed(texts.CARD_SNAPSHOT_FAILED.format(machine=instance_id))
        if len(taken) == len(snapshot_ids) and all(one.is_available for one in taken):
            return taken
        if time.monotonic() > deadline:
            raise WaitTimeout(texts.CARD_SNAPSHOT_LATE.format(machine=instance_id), None)
        yield from pause(SNAPSHOT_PAUSE)


def _called(instance: Instance) -> str:
    return f"{instance.instance_id} “{instance.remark}”" if instance.remark else instance.instance_id
