"""The click group that holds the commands, and how a line of words is run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import click

from glows_nb.api.errors import GlowsError

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class CommandError(GlowsError):
    """A command's words can't be understood; the text names the nearest right one."""


@click.group(
    name="%glows",
    context_settings=CONTEXT_SETTINGS,
    invoke_without_command=True,
    epilog="More on one: help COMMAND. Without an account: sandbox.",
)
@click.pass_context
def group(context: click.Context) -> None:
    """Rent GPU machines from GLOWS: browse what there is, launch, watch, release."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(words: str | Sequence[str], commands: click.Group = group, name: str = "%glows") -> Any:
    """Run a command and give its value.

    Args:
        words: the command and its arguments, as one line or as separate words.
        commands: the group that has it.
        name: how the group is called in help and errors.

    Raises:
        CommandError: there is no such command or option, or a value can't be understood.
        GlowsError: what the command itself raises.
        KeyboardInterrupt: the command was interrupted; it has said what is left behind.
    """
    try:
        arguments = shlex.split(words) if isinstance(words, str) else list(words)
    except ValueError as error:
        raise CommandError(f"The line can't be read: {error}.") from None
    try:
        value = commands.main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        raise CommandError(_sentence(error, name)) from None
    except click.exceptions.Abort as stop:
        # click turns an interrupt into this: while a machine is awaited, plenty has been done.
        if isinstance(stop.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise CommandError("Stopped; nothing was done.") from None
    # With standalone_mode=False click gives the exit status of --help as the value.
    return None if type(value) is int else value


def _sentence(error: click.ClickException, name: str) -> str:
    message = error.format_message()
    if not message.endswith((".", "?", ")")):
        message += "."
    context = getattr(error, "ctx", None)
    command = context.info_name if context is not None and context.parent is not None else None
    return f"{message} See: {name} help{f' {command}' if command else ''}"
