"""What machines have cost: the ledger, worked out of the periods in which they were billed. Pure."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from glows_nb.sandbox.bill_store import Period

_SECONDS_PER_HOUR = 3600
_MILLICENTS_PER_CENT = 1000


def ledger(periods: Iterable[Period], names: Mapping[int, str], now: float) -> list[dict[str, object]]:
    """Return one entry for each machine that was ever billed, oldest first.

    Every full second counts. `millicents` is exact but for the last fraction of one; the service settles in hundredths
    of a Credit (FACTS 4.4), which are `settled_cents`, and None while the machine is still billed.
    """
    of_machine: dict[str, list[Period]] = {}
    for period in periods:
        of_machine.setdefault(period.machine, []).append(period)
    entries = []
    for machine, own in of_machine.items():
        exact = sum(
            (Fraction(period.millicent_per_hour * period.seconds(now), _SECONDS_PER_HOUR) for period in own), Fraction()
        )
        is_open = any(period.ended is None for period in own)
        entries.append(
            {
                "instance_id": f"ins-{machine}",
                "user": names.get(own[0].owner, ""),
                "millicent_per_hour": own[0].millicent_per_hour,
                "seconds": sum(period.seconds(now) for period in own),
                "millicents": _rounded(exact),
                "settled_cents": None if is_open else _rounded(exact / _MILLICENTS_PER_CENT),
                "periods": [{"begun": period.begun, "ended": period.ended} for period in own],
            }
        )
    return entries


def _rounded(number: Fraction) -> int:
    """Round half up, as bills are."""
    return int(number + Fraction(1, 2))
