"""Commands that show something to click: form, panel."""

from __future__ import annotations

from typing import Any

import click

from glows_nb.commands.environment import has_front_end
from glows_nb.commands.group import CommandError, group
from glows_nb.connection import current_client


@group.command(examples=["form", "form --name train"])
@click.option("--name", default="", metavar="NAME", help="The machine's name, to begin with.")
def form(name: str) -> Any:
    """A form: choose a machine, see its price, launch it."""
    _require_front_end("form", "launch does the same here")
    from glows_nb.widgets.form.launch_form import launch_form

    return launch_form(name=name, client=current_client())


@group.command(examples=["panel"])
def panel() -> Any:
    """A live panel of your machines, with buttons.

    It follows what happens, and has what can be done with the chosen machine.
    """
    _require_front_end("panel", "list shows the machines here")
    from glows_nb.widgets.panel.machines_panel import panel as live_panel

    return live_panel(client=current_client())


def _require_front_end(name: str, instead: str) -> None:
    if not has_front_end():
        raise CommandError(f"{name} needs a notebook, such as JupyterLab: glows-nb lab opens one; {instead}.")
