"""Commands around the work: sandbox, config, doctor, help."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from glows_nb.api.credentials.config import (
    BASE_URL_VARIABLE,
    LIVE_BASE_URL,
    PROFILE_VARIABLE,
    TOKEN_VARIABLE,
    profiles_path,
)
from glows_nb.commands.group import JSON, group, say
from glows_nb.commands.parameter_types import COMMAND
from glows_nb.connection import about_sandbox_machines, client_in_use, connect_to_sandbox

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.doctor.report import Diagnosis
    from glows_nb.frames.tables import Table

LONGEST_SENTENCE: Final = 120


@group.command(examples=["sandbox"])
def sandbox() -> Client:
    """Use a sandbox: no account, and nothing costs money.

    It is a GLOWS server on this machine that speaks the same HTTP API, and ends with the kernel.
    """
    client = connect_to_sandbox()
    say(f"SANDBOX at {client.base_url}: nothing here costs money. {about_sandbox_machines()}".rstrip())
    return client


@group.command(examples=["config"])
def config() -> Table:
    """Settings, the address in use, and where files lie.

    In a notebook a setting is changed by %config Glows.name = value, and in ipython_config.py by c.Glows.name = value.
    """
    import pandas as pd

    from glows_nb.commands.settings import settings
    from glows_nb.frames.tables import WIDEST, captioned
    from glows_nb.ledger.database import ledger_path

    client = client_in_use()
    chosen = settings()
    rows = [
        (f"Glows.{name}", repr(getattr(chosen, name)), str(trait.help))
        for name, trait in sorted(chosen.traits(config=True).items())
    ]
    address = client.base_url if client else os.getenv(BASE_URL_VARIABLE, LIVE_BASE_URL)
    rows += [
        ("address", address, "Where requests go." if client else "Nothing is connected yet; without a profile, this."),
        (PROFILE_VARIABLE, os.getenv(PROFILE_VARIABLE, ""), "The profile without use or login --profile."),
        (TOKEN_VARIABLE, "set" if os.getenv(TOKEN_VARIABLE) else "not set", "Counts before the default profile."),
        ("profiles", str(profiles_path()), "The file with profiles and their tokens."),
        ("ledger", str(ledger_path()), "The file with what was started and seen here."),
    ]
    table = pd.DataFrame(rows, columns=["name", "value", "meaning"])
    table.attrs[WIDEST] = LONGEST_SENTENCE
    return captioned(
        table, "Change one with: %config Glows.name = value", is_sandbox=bool(client and client.is_sandbox)
    )


@group.command(examples=["doctor"])
def doctor() -> Diagnosis:
    """Find what is wrong, and say what to do about it.

    Checks address, token, clock, routes, versions, front end and ledger; nothing is written or rented.
    In the terminal the exit status is 1 where a check failed.
    """
    from glows_nb.doctor import report

    return report.doctor()


@group.command(name="help", examples=["help launch", "help network create"])
@click.argument("command", type=COMMAND, nargs=-1)
@click.pass_context
def help_command(context: click.Context, command: tuple[str, ...]) -> None:
    """Say what the commands do, or how one is used."""
    parent = context.parent
    if parent is None or not isinstance(parent.command, click.Group):
        raise click.UsageError("help belongs to a group of commands.")
    inner: click.Context = parent
    found: click.Command = parent.command
    for word in command:
        if not isinstance(found, click.Group):
            raise click.UsageError(f"{inner.command_path} has no commands of its own, such as {word!r}.")
        name, next_found, _ = found.resolve_command(inner, [word])
        if next_found is None:
            raise click.UsageError(f"No such command {word!r}.")
        found = next_found
        inner = click.Context(found, info_name=name, parent=inner)
    click.echo(found.get_help(inner), err=bool(context.meta.get(JSON)))
