"""Money: exact amounts inside, Credits outside.

The service counts prices in whole millicents per hour (1 Credit = 100 cents = 100,000 millicents,
FACTS 5.1) and bills by the second, so a `Rate` is whole millicents and a `Cost` whole millicent-seconds; Credits
appear only when an amount is shown or put into a table. Sums are sums of integers and never drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from numbers import Rational, Real

MILLICENTS_PER_CREDIT = 100_000
MILLICENTS_PER_CENT = 1_000
HIGHEST = 10**15
"""Millicents an hour, ten thousand million Credits: what is told beyond is no price."""
SECONDS_PER_HOUR = 3600
HOURS_PER_DAY = 24
DAYS_PER_MONTH = 30
LARGEST_POWER = 30


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
    def from_credits(cls, credits_per_hour: object) -> Rate:
        """The rate for `credits_per_hour`, rounded to a whole millicent."""
        return cls(millicents(credits_per_hour))

    @classmethod
    def cap(cls, credits_per_hour: object) -> Rate:
        """The highest rate that is not above a price in Credits per hour: floored to a whole millicent.

        Args:
            credits_per_hour: a number of any type, or a text that is one.

        Raises:
            ValueError: it is no finite number, or less than a millicent; a sentence's second half, as "… is no number".
        """
        whole = floor(exact_amount(credits_per_hour) * MILLICENTS_PER_CREDIT)
        if whole < 1:
            raise ValueError(f"{credits_per_hour!r} is refused: a price per hour is at least 0.00001 Credits")
        return cls(whole)

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

    def over(self, seconds: int) -> Cost:
        """What so many full seconds cost, exact."""
        return Cost(self.millicents_per_hour * seconds)

    def cost(self, duration: timedelta) -> Decimal:
        """Credits for `duration`, billed by the full second (FACTS 4.4)."""
        return self.over(int(duration.total_seconds())).credits

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.millicents_per_hour + other.millicents_per_hour)

    def __mul__(self, units: int) -> Rate:
        return Rate(self.millicents_per_hour * units)

    def __str__(self) -> str:
        return f"{self.per_hour:.3f} Credits/h{_exchanged(self.per_hour, '/h')}"

    def __repr__(self) -> str:
        return f"Rate('{self.per_hour:.3f} Credits/h')"


@dataclass(frozen=True, order=True)
class Cost:
    """What something has cost, in whole millicent-seconds: 3600 of them are a millicent.

    >>> Rate(39_000).over(600)
    Cost('0.065 Credits')
    """

    millicent_seconds: int = 0

    @classmethod
    def from_millicents(cls, whole: int) -> Cost:
        """A `whole` number of millicents."""
        return cls(whole * SECONDS_PER_HOUR)

    @property
    def millicents(self) -> int:
        """Whole millicents, rounded half up as bills are."""
        return (2 * self.millicent_seconds + SECONDS_PER_HOUR) // (2 * SECONDS_PER_HOUR)

    @property
    def credits(self) -> Decimal:
        """Credits; exact but for the 28th digit."""
        return Decimal(self.millicent_seconds) / (MILLICENTS_PER_CREDIT * SECONDS_PER_HOUR)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.millicent_seconds + other.millicent_seconds)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.millicent_seconds - other.millicent_seconds)

    def __str__(self) -> str:
        return f"{self.credits:.3f} Credits{_exchanged(self.credits)}"

    def __repr__(self) -> str:
        return f"Cost('{self.credits:.3f} Credits')"


def exact_amount(amount: object) -> Fraction:
    """A number of Credits, exact; a binary float counts as the decimal that Python writes for it.

    Raises:
        ValueError: it is no finite number; truth values are none.
    """
    try:
        number = None if isinstance(amount, bool) else amount
        if isinstance(number, Rational):
            return Fraction(int(number.numerator), int(number.denominator))
        if isinstance(number, str | Real | Decimal):
            exact = Decimal(str(number).strip())
            # A power of ten that nobody has Credits for would take for ever to be written out.
            if exact.is_finite() and abs(exact.adjusted()) <= LARGEST_POWER:
                return Fraction(exact)
    except ArithmeticError:
        pass
    raise ValueError(f"{amount!r} is not a number of Credits")


def millicents(amount: object) -> int:
    """Whole millicents of an amount in Credits, rounded half up.

    Raises:
        ValueError: it is no finite number.
    """
    return floor(exact_amount(amount) * MILLICENTS_PER_CREDIT + Fraction(1, 2))


@dataclass(frozen=True)
class ExchangeRate:
    """What one Credit is worth in another currency, as the user says it."""

    currency: str
    per_credit: Decimal

    def __str__(self) -> str:
        return f"1 Credit = {self.per_credit} {self.currency}"


_chosen: list[ExchangeRate] = []


def set_exchange_rate(currency: str | None, per_credit: object = 0) -> ExchangeRate | None:
    """Show prices and costs in another currency too, beside the Credits that are billed.

    Args:
        currency: its name, such as "TWD" or "EUR"; None shows Credits alone again.
        per_credit: how much of it one Credit is, such as 32; nobody is asked for it.

    Returns:
        The rate that holds from now on in this process.

    Raises:
        ValueError: the name is empty, or the rate is not a number above 0.
    """
    if currency is None:
        _chosen.clear()
        return None
    try:
        fraction = exact_amount(per_credit)
    except ValueError:
        fraction = Fraction(0)
    exact = Decimal(fraction.numerator) / fraction.denominator
    if not currency.strip() or exact <= 0:
        raise ValueError(
            f"1 Credit = {per_credit!r} {currency!r} is no exchange rate: it takes a name and a number > 0"
        )
    _chosen[:] = [ExchangeRate(currency.strip(), exact)]
    return _chosen[0]


def exchange_rate() -> ExchangeRate | None:
    """The rate that the user has set, if any."""
    return _chosen[0] if _chosen else None


def _exchanged(credits: Decimal, per: str = "") -> str:
    """The same amount in the user's currency, in brackets."""
    rate = exchange_rate()
    return f" ({credits * rate.per_credit:.2f} {rate.currency}{per})" if rate else ""
