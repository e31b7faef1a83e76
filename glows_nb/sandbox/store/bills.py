"""The billing ledger: when each machine was billed at what price, in the database; and what that comes to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from glows_nb.sandbox.store.database import Database

_SECONDS_PER_HOUR = 3600
_MILLICENTS_PER_CENT = 1000


@dataclass(frozen=True, kw_only=True)
class Period:
    """A time in which a machine was billed; `ended` is None while it is."""

    machine: str
    owner: int
    millicent_per_hour: int
    begun: float
    ended: float | None

    def seconds(self, now: float) -> int:
        """Return how many full seconds of it are over at virtual time `now`."""
        return int((now if self.ended is None else self.ended) - self.begun)


class BillStore:
    """All SQL about bills."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, machine: str, owner: int, millicent_per_hour: int, at: float) -> None:
        """Bill a machine from now on."""
        self._database.write(
            "INSERT INTO bills (machine, owner, millicent_per_hour, begun) VALUES (?, ?, ?, ?)",
            (machine, owner, millicent_per_hour, at),
        )

    def end(self, machine: str, at: float) -> None:
        """Bill a machine no longer."""
        self._database.write("UPDATE bills SET ended = ? WHERE machine = ? AND ended IS NULL", (at, machine))

    def is_billed(self, machine: str) -> bool:
        """Is a machine being billed?"""
        return self._database.row("SELECT 1 FROM bills WHERE machine = ? AND ended IS NULL", (machine,)) is not None

    def periods(self, owner: int | None = None) -> list[Period]:
        """Return all periods, or those of one user, oldest first."""
        rows = self._database.rows(
            "SELECT machine, owner, millicent_per_hour, begun, ended FROM bills"
            " WHERE :owner IS NULL OR owner = :owner ORDER BY seq",
            {"owner": owner},
        )
        return [Period(**dict(row)) for row in rows]


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
