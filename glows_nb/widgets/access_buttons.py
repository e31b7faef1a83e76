"""The buttons by which one gets into a machine: copy SSH command, password or a cell's line; open its Jupyter."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import ipywidgets

from glows_nb.api.models.instances import Instance
from glows_nb.widgets import texts
from glows_nb.widgets.controls import button
from glows_nb.widgets.front_end import FrontEnd
from glows_nb.widgets.machines_frame import fitting_actions


class AccessButtons:
    """The buttons, for one machine at a time. What they copy or open goes to the page at a click, and is kept nowhere.

    Attributes:
        buttons: by action: ssh, cell, password, jupyter.

    Args:
        front_end: copies, and opens pages.
        name_of: what a machine is called.
        say: shows a sentence.
    """

    def __init__(self, front_end: FrontEnd, name_of: Callable[[Instance], str], say: Callable[[str], None]) -> None:
        self._front_end = front_end
        self._name_of = name_of
        self._say = say
        self._machine: Instance | None = None
        self.buttons: dict[str, ipywidgets.Button] = {
            "ssh": button(texts.MACHINE_SSH, self._on_ssh, tooltip=texts.MACHINE_SSH_HINT),
            "cell": button(texts.MACHINE_CELL, self._on_cell, tooltip=texts.MACHINE_CELL_HINT),
            "password": button(texts.MACHINE_LOGIN, self._on_password, tooltip=texts.MACHINE_LOGIN_HINT),
            "jupyter": button(texts.MACHINE_JUPYTER, self._on_jupyter, tooltip=texts.MACHINE_JUPYTER_HINT),
        }

    def show(self, machine: Instance | None) -> None:
        """These are the ways into this machine now, in this status."""
        self._machine = machine
        fitting = fitting_actions(machine) if machine is not None else frozenset()
        for action, made in self.buttons.items():
            made.disabled = action not in fitting

    def _on_ssh(self) -> None:
        if self._machine is not None and self._machine.ssh_command:
            self._copy(self._machine.ssh_command, self._machine.ssh_command)

    def _on_cell(self) -> None:
        if self._machine is not None:
            line = f"%%glows run {shlex.quote(self._name_of(self._machine))}"
            self._copy(f"{line}\n", line)

    def _on_password(self) -> None:
        if self._machine is not None and (password := self._machine.ssh_password) is not None:
            self._copy(password.get_secret_value(), texts.MACHINE_LOGIN_OF.format(name=self._name_of(self._machine)))

    def _on_jupyter(self) -> None:
        url = self._machine.url() if self._machine else None
        if url is not None:
            self._front_end.open_page(url.get_secret_value())

    def _copy(self, text: str, what: str) -> None:
        said = texts.COPIED_WHAT.format(what=what)
        self._front_end.copy(text, lambda is_copied: self._say(said if is_copied else texts.COPY_REFUSED))
