"""One machine below the form that launched or found it: how far it is, the way in, snapshot and release."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Final

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, SnapshotFailed, WaitTimeout
from glows_nb.api.models import LEAVING, SSH_PORT, Instance, InstanceStatus, Snapshot
from glows_nb.api.steps import Steps, pause
from glows_nb.api.waiting import wait_for_status, wait_until_reachable
from glows_nb.api.writes import snapshots_of
from glows_nb.widgets import texts
from glows_nb.widgets.background import Background
from glows_nb.widgets.front_end import FrontEnd
from glows_nb.widgets.parts import button, set_shown

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
        released: hears when the machine was released.
    """

    def __init__(
        self, client: Client, front_end: FrontEnd, changed: Callable[[], None], released: Callable[[], None]
    ) -> None:
        self.instance: Instance | None = None
        self.is_found = False
        self._client = client
        self._front_end = front_end
        self._changed, self._released = changed, released
        self._lock = Lock()
        self._background = Background("glows form machine", self.show_error)
        self._confirmed: Callable[[], None] | None = None
        self.facts = ipywidgets.HTML()
        self.copy_ssh = button(texts.MACHINE_COPY_SSH, self._on_copy_ssh)
        self.copy_password = button(texts.MACHINE_COPY_PASSWORD, self._on_copy_password)
        self.jupyter = button(texts.MACHINE_JUPYTER, self._on_jupyter)
        self.snapshot = button(texts.MACHINE_SNAPSHOT, self._on_snapshot)
        self.release = button(texts.MACHINE_RELEASE, self._on_release)
        self.question = ipywidgets.HTML()
        self.snapshot_name = ipywidgets.Text(description=texts.MACHINE_SNAPSHOT_NAME)
        self.snapshot_name.add_class("glows-field")
        self.confirm = button("", self._on_confirm)
        self.back = button(texts.BACK, self._on_back)
        self.message = ipywidgets.HTML()
        self.message.add_class("glows-message")
        actions = [self.copy_ssh, self.copy_password, self.jupyter, self.snapshot, self.release]
        self._actions = ipywidgets.HBox(actions).add_class("glows-actions")
        self._asking = ipywidgets.HBox([self.question, self.snapshot_name, self.confirm, self.back])
        self._asking.add_class("glows-actions").add_class("glows-question")
        super().__init__([self.facts, self._actions, self._asking, self.message])
        self.add_class("glows-machine")
        self._ask_nothing()
        set_shown(self, False)

    def show(self, instance: Instance, *, is_reachable: bool = False) -> None:
        """Show this machine as it is now."""
        self.instance = instance
        self.facts.value = machine_html(instance, is_found=self.is_found, is_reachable=is_reachable)
        is_up = instance.status == InstanceStatus.RUNNING
        is_there = instance.status not in LEAVING
        set_shown(self._actions, is_there)
        self.copy_ssh.disabled = self.copy_password.disabled = not (is_there and instance.ssh_command)
        self.jupyter.disabled = not (is_up and instance.url())
        self.snapshot.disabled = not is_up
        self.release.disabled = not is_there
        set_shown(self, True)
        self._changed()

    def hide(self) -> None:
        """There is no machine to show."""
        self.instance, self.is_found = None, False
        self._ask_nothing()
        self.message.value = ""
        set_shown(self, False)

    def follow(self, instance: Instance, *, is_found: bool = False) -> None:
        """Show this machine, and in the background how it gets on until it answers."""
        self.is_found = is_found
        self.show(instance)
        if instance.status not in LEAVING:
            self._background.start(lambda: self._until_reachable(instance.instance_id))

    def close(self) -> None:
        """Stop following; the machine goes on."""
        self._background.close()
        super().close()

    def show_error(self, error: Exception) -> None:
        """Say what went wrong with the machine."""
        self.message.value = error_html(error)
        self._enable()

    def _until_reachable(self, instance_id: str) -> None:
        steps = wait_until_reachable(instance_id, SSH_PORT, MOST_SECONDS, on_change=self._show_if_meant)
        instance = self._background.run(self._client, steps)
        self._show_if_meant(instance, is_reachable=True)

    def _show_if_meant(self, instance: Instance, *, is_reachable: bool = False) -> None:
        """Another machine may be shown by now."""
        if self.instance is not None and self.instance.instance_id == instance.instance_id:
            self.show(instance, is_reachable=is_reachable)

    def _on_copy_ssh(self) -> None:
        command = self.instance.ssh_command if self.instance else None
        if command:
            self._front_end.copy(command, self._say_copied)

    def _on_copy_password(self) -> None:
        password = self.instance.ssh_password if self.instance else None
        if password is not None:
            self._front_end.copy(password.get_secret_value(), self._say_copied)

    def _on_jupyter(self) -> None:
        url = self.instance.url() if self.instance else None
        if url:
            self._front_end.open_page(str(url))

    def _say_copied(self, is_done: bool) -> None:
        self.message.value = html.escape(texts.COPIED if is_done else texts.COPY_REFUSED)

    def _on_snapshot(self) -> None:
        self._ask(texts.MACHINE_SNAPSHOT_ASK, texts.MACHINE_TAKE_SNAPSHOT, self._take_snapshot, wants_name=True)

    def _on_release(self) -> None:
        if self.instance is not None:
            question = texts.MACHINE_RELEASE_ASK.format(machine=_called(self.instance))
            self._ask(question, texts.MACHINE_RELEASE_NOW, self._release)

    def _ask(self, question: str, answer: str, confirmed: Callable[[], None], *, wants_name: bool = False) -> None:
        self._confirmed = confirmed
        self.question.value = html.escape(question)
        self.confirm.description = answer
        set_shown(self.snapshot_name, wants_name)
        set_shown(self._asking, True)
        (self.snapshot_name if wants_name else self.confirm).focus()

    def _ask_nothing(self) -> None:
        self._confirmed = None
        set_shown(self._asking, False)

    def _on_back(self) -> None:
        (self.snapshot if self.confirm.description == texts.MACHINE_TAKE_SNAPSHOT else self.release).focus()
        self._ask_nothing()

    def _on_confirm(self) -> None:
        # Two clicks may come on two threads: yes is said once.
        with self._lock:
            confirmed, self._confirmed = self._confirmed, None
        # The notebook would take the next key for a command of its own if the focus went with the question.
        self.copy_ssh.focus()
        self._ask_nothing()
        if confirmed is not None:
            self.snapshot.disabled = self.release.disabled = True
            self._background.start(confirmed)

    def _take_snapshot(self) -> None:
        if self.instance is None:
            return
        instance_id = self.instance.instance_id
        taken = self._client.snapshots.create(instance_id, self.snapshot_name.value.strip())
        named = " ".join(taken.snapshot_ids)
        self.message.value = html.escape(texts.MACHINE_SNAPSHOT_BEGUN.format(snapshot=named))
        self._background.run(self._client, _available(instance_id, taken.snapshot_ids))
        steps = wait_for_status(instance_id, timeout=MOST_SECONDS, on_change=self._show_if_meant)
        self._show_if_meant(self._background.run(self._client, steps), is_reachable=True)
        self.message.value = html.escape(texts.MACHINE_SNAPSHOT_TAKEN.format(snapshot=named))

    def _release(self) -> None:
        if self.instance is None:
            return
        instance = self.instance
        self.message.value = html.escape(texts.MACHINE_RELEASING.format(machine=_called(instance)))
        self._client.instances.cancel(instance.instance_id)
        steps = wait_for_status(
            instance.instance_id, InstanceStatus.FINISHED, timeout=MOST_SECONDS, on_change=self._show_if_meant
        )
        self._show_if_meant(self._background.run(self._client, steps))
        self.message.value = html.escape(texts.MACHINE_RELEASED.format(machine=_called(instance)))
        self.is_found = False
        self._released()

    def _enable(self) -> None:
        if self.instance is not None:
            self.snapshot.disabled = self.instance.status != InstanceStatus.RUNNING
            self.release.disabled = self.instance.status in LEAVING


def machine_html(instance: Instance, *, is_found: bool = False, is_reachable: bool = False) -> str:
    """A machine as it stands in the card: how far it is, what it is, what it costs, and its SSH command."""
    hardware, rate = instance.hardware, instance.rate
    what = f"{hardware.gpus or '?'} × {hardware.gpu_name}" if hardware.gpu_name else hardware.cpu_name
    created = texts.MACHINE_CREATED.format(moment=time_html(instance.create_time)) if instance.create_time else ""
    facts = [what, instance.region_name, str(rate) if rate else "", instance.meta_key]
    found = f" · {html.escape(texts.MACHINE_FOUND)}" if is_found else ""
    lines = [
        f"<b>{html.escape(instance.status)}</b> {html.escape(_called(instance))}{found}",
        _steps_html(instance.status, is_reachable=is_reachable),
        " · ".join([*(html.escape(fact) for fact in facts if fact), *([created] if created else [])]),
    ]
    if instance.ssh_command and instance.status not in LEAVING:
        lines.append(f"<code>{html.escape(instance.ssh_command)}</code>")
    return "".join(f"<div>{line}</div>" for line in lines if line)


def time_html(moment: datetime) -> str:
    """A time that the page shows as how long ago it was, and without a page as it is."""
    exact = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f'<time datetime="{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" title="{exact}">{exact}</time>'


def error_html(error: Exception) -> str:
    """An error as a form shows it: a sign, its kind, its sentence."""
    kind = f"<b>{type(error).__name__}</b>: " if isinstance(error, GlowsError) else f"<b>{type(error).__name__}</b> "
    return f'<span class="glows-error">✗ {kind}{html.escape(str(error))}</span>'


def _steps_html(status: str, *, is_reachable: bool) -> str:
    """How far a starting machine is, in words and signs; nothing for one that is not starting."""
    place = STEP_OF_STATUS.get(InstanceStatus(status)) if status in list(InstanceStatus) else None
    if place is None:
        return ""
    # Running is reached once it is reported; what is still awaited then is that the machine answers.
    awaited = len(texts.MACHINE_STEPS) if is_reachable else place + (status == InstanceStatus.RUNNING)
    items = []
    for number, word in enumerate(texts.MACHINE_STEPS):
        sign = "✓" if number < awaited else "◔" if number == awaited else "·"
        current = ' aria-current="step"' if number == awaited else ""
        items.append(f"<li{current}>{sign} {html.escape(word)}</li>")
    return f'<ol class="glows-steps">{"".join(items)}</ol>'


def _available(instance_id: str, snapshot_ids: tuple[str, ...]) -> Steps[list[Snapshot]]:
    """Wait until all of these snapshots can be used."""
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        taken = [one for one in (yield from snapshots_of(instance_id)) if one.snapshot_id in snapshot_ids]
        if any(one.has_failed for one in taken):
            raise SnapshotFailed(f"The snapshot of {instance_id} did not become available; the machine goes on.")
        if len(taken) == len(snapshot_ids) and all(one.is_available for one in taken):
            return taken
        if time.monotonic() > deadline:
            raise WaitTimeout(f"The snapshot of {instance_id} is not available yet; the machine goes on.", None)
        yield from pause(SNAPSHOT_PAUSE)


def _called(instance: Instance) -> str:
    return f"{instance.instance_id} “{instance.remark}”" if instance.remark else instance.instance_id
