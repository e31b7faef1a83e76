"""Money: exact amounts inside, Credits outside.

The service counts prices in whole millicents per hour (1 Credit = 100 cents = 100,000 millicents,
FACTS 5.1), so a `Rate` does too; Credits appear only when an amount is shown or put into a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

MILLICENTS_PER_CREDIT = 100_000
MILLICENTS_PER_CENT = 1_000
HOURS_PER_DAY = 24
DAYS_PER_MONTH = 30


@dataclass(frozen=True, order=True)
class Rate:
    """What something costs per hour, in whole millicents.

    >>> Rate(49_000) * 2
    Rate('0.980 Credits/h')
    """

    millicents_per_hour: int

    @classmethod
    def from_cents(cls, cents: int) -> Rate:
        """The rate for a price in cents per hour (`priceCent` on the wire)."""
        return cls(cents * MILLICENTS_PER_CENT)

    @classmethod
    def from_credits(cls, credits_per_hour: Decimal | float | str) -> Rate:
        """The rate for a price in Credits per hour, rounded to a whole millicent."""
        exact = Decimal(str(credits_per_hour)) * MILLICENTS_PER_CREDIT
        return cls(int(exact.to_integral_value()))

    @property
    def per_hour(self) -> Decimal:
        """Credits per hour, exact."""
        return Decimal(self.millicents_per_hour) / MILLICENTS_PER_CREDIT

    @property
    def per_day(self) -> Decimal:
        """Credits per day of 24 hours, exact."""
        return self.per_hour * HOURS_PER_DAY

    @property
    def per_month(self) -> Decimal:
        """Credits per month of 30 days, exact."""
        return self.per_day * DAYS_PER_MONTH

    def cost(self, duration: timedelta) -> Decimal:
        """Credits for `duration`, billed by the second (FACTS 4.4)."""
        return self.per_hour * int(duration.total_seconds()) / 3600

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.millicents_per_hour + other.millicents_per_hour)

    def __mul__(self, units: int) -> Rate:
        return Rate(self.millicents_per_hour * units)

    def __str__(self) -> str:
        return f"{self.per_hour:.3f} Credits/h"

    def __repr__(self) -> str:
        return f"Rate('{self}')"
