"""The billing ledger in the database: when each machine was billed, and at what price."""

from dataclasses import dataclass

from glows_nb.sandbox.database import Database


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
