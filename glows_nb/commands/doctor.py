"""The command that finds out what is wrong: doctor."""

from __future__ import annotations

from glows_nb import diagnosis
from glows_nb.commands.group import group


@group.command(examples=["doctor"])
def doctor() -> diagnosis.Diagnosis:
    """Find what is wrong, and say what to do about it.

    Checks address, token, clock, routes, versions, front end and ledger; nothing is written or rented.
    In the terminal the exit status is 1 where a check failed.
    """
    return diagnosis.doctor()
