"""The command around the budget: budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from glows_nb.commands.group import group, program, sandbox_word, say
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.api.lifecycle.budget import Budget


@group.command(examples=["budget 20 --per day", "budget", "budget 0"])
@click.argument("credits", required=False, metavar="[CREDITS]")
@click.option(
    "--per", type=click.Choice(["day", "week", "month"]), default="day", show_default=True, help="In what time."
)
@click.option("--tz", metavar="ZONE", help="Whose days, such as Asia/Taipei; this computer's without it.")
def budget(credits: str | None, per: str, tz: str | None) -> Budget | None:
    """What may be spent in a day, a week or a month.

    Alone it says how that stands, with CREDITS it sets it, and 0 takes it away. What would pass it, if all machines ran
    until the day ends, is asked for by name, and --yes alone does not rent it; where it is used up, nothing is rented.
    Machines that run are left as they are.
    """
    from glows_nb.frames import costs

    stands = costs.budget() if credits is None else costs.set_budget(credits, per, tz=tz)
    if stands is None:
        say(f"{sandbox_word(current_client())}There is no budget; to set one: {program()} budget 20 --per day")
    return stands
