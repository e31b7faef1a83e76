"""Commands around the work: sandbox, help."""

from __future__ import annotations

import click

from glows_nb.api.client import Client
from glows_nb.commands.arguments import COMMAND
from glows_nb.commands.group import group
from glows_nb.connection import connect_to_sandbox


@group.command()
def sandbox() -> Client:
    """Use a sandbox: a GLOWS server on this machine that needs no account and costs nothing.

    Example: sandbox
    """
    client = connect_to_sandbox()
    click.echo(f"SANDBOX at {client.base_url}: nothing here costs money.")
    return client


@group.command(name="help")
@click.argument("command", type=COMMAND, required=False)
@click.pass_context
def help_command(context: click.Context, command: str | None) -> None:
    """Say what the commands do, or how one is used.

    Example: help launch
    """
    parent = context.parent
    if parent is None or not isinstance(parent.command, click.Group):
        raise click.UsageError("help belongs to a group of commands.")
    if command is None:
        click.echo(parent.get_help())
        return
    _, found, _ = parent.command.resolve_command(parent, [command])
    if found is None:
        raise click.UsageError(f"No such command {command!r}.")
    with click.Context(found, info_name=command, parent=parent) as inner:
        click.echo(found.get_help(inner))
