"""How a budget stands, and what one more machine does to it: pure. Who knows what was spent is asked by a step.

The service knows of no budget. What was spent is known to who watches the client, as the ledger does, so the steps ask
there for what tells it (`AskBudget`); without an answer there is no budget, and not one request more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Final

from glows_nb.api.errors import BudgetReached
from glows_nb.api.models.instances import Instance
from glows_nb.api.operations.instances import all_instances
from glows_nb.api.steps import AskBudget, Steps
from glows_nb.formatting import SANDBOX_WORD, counted, visible
from glows_nb.money import Cost, Rate

NAMED: Final = 5
"""So many machines are told by name."""


@dataclass(frozen=True)
class Budget:
    """What may be spent in a day, a week or a month, and how that stands now.

    Attributes:
        limit: the budget.
        per: "day", "week" (from Monday on) or "month".
        begins, ends: the day, week or month of now, in the user's time zone.
        now: when this was so.
        spent: since it began, at most; None where that can't be known.
        spent_at_least: what is certain of it.
        rate: what all machines that are there cost per hour together; None where one's price is not known.
        machines: those machines, in words.
        unknown: ids of the machines of which it is not known what they cost.
        is_sandbox: are they a sandbox's, so that nobody pays?
    """

    limit: Cost
    per: str
    begins: datetime
    ends: datetime
    now: datetime
    spent: Cost | None
    spent_at_least: Cost
    rate: Rate | None
    machines: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    is_sandbox: bool = False

    @property
    def credits(self) -> Decimal:
        """The budget in Credits, exact."""
        return self.limit.credits

    @property
    def left(self) -> Decimal | None:
        """Credits that are left of it, below 0 where more was spent; None where that can't be known."""
        return None if self.spent is None else (self.limit - self.spent).credits

    @property
    def is_reached(self) -> bool:
        """Is it used up, so that nothing new is rented?"""
        return (self.spent_at_least if self.spent is None else self.spent) >= self.limit

    @property
    def lasts_until(self) -> datetime | None:
        """When it is used up by what runs now; None where it is not before it ends, or that can't be known."""
        return self.lasts_with(Rate(0))

    def lasts_with(self, more: Rate) -> datetime | None:
        """When it is used up, if one more machine runs too; None as for `lasts_until`.

        Args:
            more: what that costs per hour.
        """
        if self.spent is None or self.rate is None:
            return None
        rate, left = self.rate + more, max((self.limit - self.spent).millicent_seconds, 0)
        if rate.over(self._seconds_left).millicent_seconds <= left:
            return None
        # By the second and not by the clock on the wall, which may be set meanwhile.
        seconds = int(self.now.timestamp()) + left // rate.millicents_per_hour
        return datetime.fromtimestamp(seconds, tz=self.ends.tzinfo)

    def is_passed_by(self, more: Rate) -> bool:
        """Would more be spent, or may be, if one more machine ran too until it ends?

        Args:
            more: what that costs per hour.
        """
        over = self.passed_by(more)
        return over is None or over > Cost()

    def passed_by(self, more: Rate) -> Cost | None:
        """How much more than it would be spent, if one more machine ran until it ends.

        Args:
            more: what that costs per hour.

        Returns:
            The sum, below 0 where less is spent; None where that can't be known.
        """
        if self.spent is None or self.rate is None:
            return None
        return self.spent + (self.rate + more).over(self._seconds_left) - self.limit

    def with_more(self, more: Rate) -> str:
        """A sentence on what one more machine does to it: what is spent, what those that are there take, and this one.

        Args:
            more: what that costs per hour.
        """
        if self.is_reached:
            return f"The {self._used_up()}: nothing is rented."
        over = self.passed_by(more)
        if over is None or self.spent is None or self.rate is None:
            return (
                f"Whether the {self._name} would be passed is not known: at least {self.spent_at_least} are spent, and "
                f"{self._unknown()}."
            )
        parts = (
            f"{self.spent} spent, {self.rate.over(self._seconds_left)} for what runs and "
            f"{more.over(self._seconds_left)} for this machine until {_said(self.ends)}"
        )
        if over <= Cost():
            return f"Within the {self._name}: {parts}."
        lasts = self.lasts_with(more)
        return f"The {self._name} would be passed by {over}: {parts}" + (
            f"; the money lasts until {_said(lasts)}." if lasts else "."
        )

    def refusal(self, more: Rate | None) -> BudgetReached:
        """The error for a machine that is not rented.

        Args:
            more: what it costs per hour; None where nobody knows.
        """
        if self.is_reached or more is None:
            runs = f" What runs is left, and costs: {self._running()}." if self.machines else ""
            return BudgetReached(
                f"Nothing was rented: the {self._used_up()}; wait till then, or allow more by glows.set_budget(…) "
                f"(in a command: budget).{runs}",
                self,
            )
        said = self.with_more(more).rstrip(".")
        said = said[:1].lower() + said[1:]
        return BudgetReached(
            f"Nothing was rented: {said}; over_budget=True (in a command: --over-budget) rents all the same.", self
        )

    @property
    def _seconds_left(self) -> int:
        """Whole seconds until it ends, one that has begun counted."""
        return max(ceil(self.ends.timestamp() - self.now.timestamp()), 0)

    @property
    def _name(self) -> str:
        return f"budget of {self.limit} per {self.per}"

    def _used_up(self) -> str:
        spent = f"at least {self.spent_at_least}" if self.spent is None else f"{self.spent}"
        return f"{self._name} is used up, {spent} spent, and the next {self.per} begins on {_said(self.ends)}"

    def _unknown(self) -> str:
        names = ", ".join(self.unknown[:NAMED]) + (", …" if len(self.unknown) > NAMED else "")
        return f"what {names} {'costs' if len(self.unknown) == 1 else 'cost'} can't be known"

    def _running(self) -> str:
        return ", ".join(self.machines[:NAMED]) + (", …" if len(self.machines) > NAMED else "")

    def __str__(self) -> str:
        badge = f"{SANDBOX_WORD} · " if self.is_sandbox else ""
        if self.spent is None:
            spent = f"at least {self.spent_at_least} of {self.limit} per {self.per} spent since {_said(self.begins)}"
            return visible(f"{badge}{spent}; {self._unknown()}")
        spent = f"{self.spent} of {self.limit} per {self.per} spent since {_said(self.begins)}"
        if not self.machines:
            return f"{badge}{spent}; nothing runs"
        runs = f"{counted(len(self.machines), 'machine')} at {self.rate or 'a price that is not known'}"
        if self.is_reached:
            return visible(f"{badge}{spent}; it is used up, and what runs is left: {self._running()}")
        if self.rate is None:
            return visible(f"{badge}{spent}; {runs}: {self._unknown()}")
        lasts = self.lasts_until
        end = f"it lasts until {_said(lasts)}" if lasts else f"it lasts until its end on {_said(self.ends)}"
        return f"{badge}{spent}; with {runs} {end}"

    def __repr__(self) -> str:
        return f"<Budget {self}>"


Standing = Callable[[Sequence[Instance]], Budget]
"""Tells how a budget stands, of the machines that the service lists now."""


def how_it_stands() -> Steps[Budget | None]:
    """How the budget stands, after the service was asked what there is; None where there is no budget.

    Raises:
        GlowsError: the budget, the ledger or the service can't be read; nothing is rented by a guess.
    """
    stands: Standing | None = yield AskBudget()
    if stands is None:
        return None
    return stands((yield from all_instances(strict=False)))


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}".rstrip()
