"""The command that opens a machine's port here: forward."""

from __future__ import annotations

from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Final

import click

from glows_nb.commands.group import JSON, MAGIC_PROGRAM, CommandError, group, program, say
from glows_nb.commands.parameter_types import MACHINE
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.remote.ports.forward import Forward

PORT: Final = click.IntRange(1, 65535)
LOOK_SECONDS: Final = 1.0
"""On Windows nothing interrupts a thread that waits without an end."""

_open: Final[dict[tuple[str, str, int], Forward]] = {}
"""By the service, the machine's id and its port."""


@group.command(examples=("forward train 6006", "forward train 6006 --close"))
@click.argument("machine", type=MACHINE)
@click.argument("port", type=PORT)
@click.option("--local", type=PORT, metavar="PORT", help="The port here; a free one without it.")
@click.option("--close", "is_closing", is_flag=True, help="Close it again.")
@click.pass_context
def forward(context: click.Context, machine: str, port: int, local: int | None, is_closing: bool) -> Forward | None:
    """Open a port of MACHINE here, for this computer alone.

    TensorBoard's 6006, say, or JupyterLab's 8888, which needs no public address then. In a notebook it is a link
    that lives until it is closed or the kernel ends; the same line again gives the same one. In a terminal it stays
    until Ctrl-C.
    """
    from glows_nb.remote.machine import Machine

    client = current_client()
    instance = client.instances.find(machine)
    key = (client.base_url, instance.instance_id, port)
    known = _open.get(key)
    if known is not None and known.is_closed:
        known = None
    if is_closing:
        if known is None:
            raise CommandError(f"Port {port} of {instance.instance_id} is not open here, so nothing was closed.")
        known.close()
        del _open[key]
        say(f"Closed {known.url}.")
        return None
    if known is not None and local in (None, known.local_port):
        return known
    if known is not None:
        raise CommandError(
            f"Port {port} of {instance.instance_id} is open already, at {known.url}; close it first: "
            f"{program()} forward {machine} {port} --close"
        )
    _open[key] = opened = Machine(instance, client=client).forward(port, local or 0)
    if program() != MAGIC_PROGRAM:
        _stay(opened, is_json=bool(context.meta.get(JSON)))
        return None
    return opened


def _stay(opened: Forward, *, is_json: bool) -> None:
    """Say the address, and keep it open until an interrupt."""
    from glows_nb.commands.json_output import as_json

    click.echo(as_json(opened) if is_json else opened.url)
    say("It stays open until Ctrl-C.")
    with suppress(KeyboardInterrupt), opened:
        while not Event().wait(LOOK_SECONDS):
            pass
