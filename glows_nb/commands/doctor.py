"""The command that finds out what is wrong: doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glows_nb.commands.group import group

if TYPE_CHECKING:
    from glows_nb.doctor.report import Diagnosis


@group.command(examples=["doctor"])
def doctor() -> Diagnosis:
    """Find what is wrong, and say what to do about it.

    Checks address, token, clock, routes, versions, front end and ledger; nothing is written or rented.
    In the terminal the exit status is 1 where a check failed.
    """
    from glows_nb.doctor import report

    return report.doctor()
