"""What machines cost: spending, what runs now per hour, what is left of a balance, and where ledger and service differ.

The service tells neither what was spent nor what is left (FACTS 0.1, fact 15), so this reads it from the ledger, after
asking the service what runs now. What can't be known is None, with a warning, and never counts as zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import ENDED, LEAVING, InstanceStatus
from glows_nb.formatting import SANDBOX_WORD, counted
from glows_nb.ledger.accounting import DayCost, cost_by_day, cost_since, rate_now
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.days import UTC_DAYS, Days
from glows_nb.ledger.recorder import Recorder, recorder_of
from glows_nb.ledger.records import Discrepancy, MachineRecord
from glows_nb.money import Cost, Rate, millicents

SETTLING_MS: Final = 60_000
"""A machine that was ordered a moment ago need not be in a list yet."""


class UnreadWarning(UserWarning):
    """Something could not be read, so an amount is unknown; it is shown as NA."""


@dataclass(frozen=True)
class BurnRate:
    """What all running machines cost per hour now.

    Attributes:
        rate: of all together; None when that of one of them, or which run at all, is unknown.
        at_least: of those that are known.
        machines: how many run, as far as is known.
        unknown: how many of them have no known price.
        is_sandbox: are they a sandbox's, so that nobody pays?
    """

    rate: Rate | None
    at_least: Rate
    machines: int
    unknown: int = 0
    is_sandbox: bool = False

    def __str__(self) -> str:
        badge = f"{SANDBOX_WORD} · " if self.is_sandbox else ""
        what = f"{badge}{counted(self.machines, 'machine')} running"
        if self.rate is not None:
            return f"{what} at {self.rate}, {self.rate.per_day:.2f} Credits per day"
        return f"{what} at {self.at_least} at least; the rest is unknown"

    def __repr__(self) -> str:
        return f"<BurnRate {self}>"


@dataclass(frozen=True)
class Balance:
    """What is left of a balance that the user entered, and until when that lasts.

    Attributes:
        left: Credits, exact; None when what was spent since can't be known.
        at_most: Credits that are left if nothing but what was seen was spent.
        burn: what runs now.
        runs_out: when nothing is left at this rate (UTC); None when nothing runs or it can't be known.
        entered, entered_at: what the user said, and when.
    """

    left: Decimal | None
    at_most: Decimal
    burn: BurnRate
    runs_out: datetime | None
    entered: Decimal
    entered_at: datetime

    def __str__(self) -> str:
        badge = f"{SANDBOX_WORD} · " if self.burn.is_sandbox else ""
        left = f"at most {self.at_most:.3f}" if self.left is None else f"about {self.left:.3f}"
        said = f"{badge}{left} of {self.entered:.3f} Credits left, entered on {self.entered_at:%Y-%m-%d %H:%M} UTC"
        if self.runs_out is not None:
            return f"{said}; runs out on {self.runs_out:%Y-%m-%d %H:%M} UTC at {self.burn.rate}"
        if self.burn.rate == Rate(0):
            return f"{said}; nothing runs"
        return f"{said}; when it runs out can't be known"

    def __repr__(self) -> str:
        return f"<Balance {self}>"


@dataclass(frozen=True)
class Spending:
    """What machines cost, by machine and day, and in all.

    Attributes:
        rows: each machine with each of its days, oldest first.
        known: the sum of what is known.
        at_least: the sum of what was certainly spent.
        unknown: ids of machines whose cost can't be known in full.
        estimated: ids of those whose cost is an estimate.
        differing: how many things ledger and service say differently.
    """

    rows: list[tuple[MachineRecord, DayCost]]
    known: Cost
    at_least: Cost
    unknown: set[str]
    estimated: set[str]
    differing: int


def spending_of(service: Client, since: date | datetime | None = None, days: Days = UTC_DAYS) -> Spending:
    """What each machine cost on each day since a day or moment, after asking the service what there is now.

    Args:
        service: the client to ask.
        since: count from here.
        days: in which time zone days are counted.

    Raises:
        InvalidRequest: a moment without a time zone.
        LedgerError: the ledger can't be used.
    """
    since_ms = _moment_ms(since, days)
    recorder = recorder_of(service)
    listed = _read(service)
    now_ms = recorder.now_ms()
    machines = recorder.ledger.machines(recorder.account)
    unread = (
        {record.instance_id for record in machines}
        if listed is None
        else {machine.instance_id for machine in listed if machine.unread}
    )
    rows = [
        (machine, day)
        for machine in machines
        for day in cost_by_day(machine, now_ms, since_ms=since_ms, is_read=machine.instance_id not in unread, days=days)
    ]
    rows.sort(key=lambda row: row[1].day)
    unknown = {machine.instance_id for machine, day in rows if day.cost is None}
    if unknown:
        _warn(f"What {counted(len(unknown), 'machine')} cost can't be known in full; it is NA and in no sum.")
    return Spending(
        rows=rows,
        known=sum((day.cost for _, day in rows if day.cost is not None), Cost()),
        at_least=sum((day.at_least for _, day in rows), Cost()),
        unknown=unknown,
        estimated={machine.instance_id for machine, day in rows if day.is_estimate and day.cost is not None},
        differing=0 if listed is None else len(discrepancies_of(recorder, listed)),
    )


def burn_rate_now(service: Client) -> BurnRate:
    """What all running machines cost per hour now; `rate` is None, with a warning, where the service can't be read."""
    return _burn_rate(recorder_of(service), _read(service, [InstanceStatus.RUNNING]))


def burn_rate_of(
    running: Sequence[Instance], records: Mapping[str, MachineRecord], *, is_sandbox: bool = False
) -> BurnRate:
    """What these running machines cost per hour together; asks nobody.

    Args:
        running: the machines.
        records: what the ledger knows of machines, by id; its prices have the third decimal.
        is_sandbox: are they a sandbox's?
    """
    rates = [rate_now(machine, records.get(machine.instance_id)) for machine in running]
    known = [rate for rate in rates if rate is not None]
    total = sum(known, Rate(0))
    unknown = len(rates) - len(known)
    return BurnRate(None if unknown else total, total, len(running), unknown, is_sandbox)


def enter_balance(service: Client, credits: Decimal | float | str) -> None:
    """Write down what the account holds now.

    Raises:
        InvalidRequest: it is not a number of at least 0.
        LedgerError: the ledger can't be used.
    """
    try:
        entered = millicents(credits)
    except ValueError as error:
        raise InvalidRequest("credits", f"{error}.") from None
    if entered < 0:
        raise InvalidRequest("credits", f"{credits!r} is not a number of at least 0.")
    recorder = recorder_of(service)
    # What the ledger hears of only now was paid before now, and is not in the balance that the console shows.
    _read(service)
    recorder.ledger.set_balance(recorder.account, entered, recorder.now_ms())


def balance_of(service: Client) -> Balance:
    """What is left of the balance that was entered, and when it runs out at what is running now.

    Raises:
        InvalidRequest: no balance was entered for this account.
        LedgerError: the ledger can't be used.
    """
    recorder = recorder_of(service)
    known = recorder.ledger.balance(recorder.account)
    if known is None:
        raise InvalidRequest(
            "credits", "no balance is known; the service tells none. Enter it: glows.set_balance(100)."
        )
    at_ms, entered = known
    listed = _read(service)
    now_ms = recorder.now_ms()
    machines = recorder.ledger.machines(recorder.account)
    is_read = listed is not None and not any(machine.unread for machine in listed)
    most, least = cost_since(machines, at_ms, now_ms, is_read=is_read)
    left = None if most is None else Cost.from_millicents(entered) - most
    running = None if listed is None else [machine for machine in listed if machine.may_be_billed]
    burn = _burn_rate(recorder, running)
    return Balance(
        left=None if left is None else left.credits,
        at_most=(Cost.from_millicents(entered) - least).credits,
        burn=burn,
        runs_out=_runs_out(left, burn.rate, now_ms),
        entered=Cost.from_millicents(entered).credits,
        entered_at=datetime.fromtimestamp(at_ms / 1000, UTC),
    )


def discrepancies_of(recorder: Recorder, listed: Sequence[Instance]) -> list[Discrepancy]:
    """Where the ledger and the service, which lists these machines, say different things."""
    now_ms = recorder.now_ms()
    known = {record.instance_id: record for record in recorder.ledger.machines(recorder.account)}
    on_service = {machine.instance_id: machine for machine in listed}
    found = []
    for id_, machine in on_service.items():
        record = known.get(id_)
        if machine.unread:
            was = record.last.status if record is not None else None
            fields = ", ".join(machine.unread)
            found.append(
                _discrepancy(id_ or None, machine.meta_key, f"the service's {fields} can't be read", was, None)
            )
            continue
        if machine.status not in ENDED and (record is None or not record.is_from_here):
            found.append(_discrepancy(id_, machine.meta_key, "alive, and not started from here", None, machine.status))
        ordered = record.order.millicents if record is not None and record.order is not None else None
        if machine.is_billed and record is not None and ordered is not None and record.last.millicents != ordered:
            price = f"ordered at {Rate(ordered)}, costs {machine.rate or 'an unknown price'}"
            found.append(_discrepancy(id_, machine.meta_key, price, record.last.status, machine.status))
    for id_, record in known.items():
        if id_ not in on_service and record.last.status not in LEAVING:
            was = f"last seen {record.last.status}, and the service lists it no more"
            found.append(_discrepancy(id_, record.meta_key, was, record.last.status, None))
    for order in recorder.ledger.lost_orders(recorder.account):
        if now_ms - order.at_ms > SETTLING_MS:
            found.append(_discrepancy(None, order.meta_key, "ordered, and never seen since", "ordered", None))
    return found


def _read(service: Client, statuses: Sequence[str] = ()) -> list[Instance] | None:
    """What the service lists now; None, and a warning, when it can't be read."""
    try:
        return service.instances.all(statuses)
    except GlowsError as error:
        _warn(f"The service could not be read, so what runs now is unknown: {error}")
        return None


def _burn_rate(recorder: Recorder, running: Sequence[Instance] | None) -> BurnRate:
    is_sandbox = recorder.account.is_sandbox
    try:
        records = {record.instance_id: record for record in recorder.ledger.machines(recorder.account)}
    except LedgerError as error:
        _warn(str(error))
        records = {}
    if running is None:
        last = [record.last for record in records.values() if record.last.status == InstanceStatus.RUNNING]
        known = [sighting.rate for sighting in last if sighting.rate is not None]
        return BurnRate(None, sum(known, Rate(0)), len(last), len(last) - len(known), is_sandbox)
    burn = burn_rate_of(running, records, is_sandbox=is_sandbox)
    if burn.unknown:
        _warn(f"The price of {counted(burn.unknown, 'running machine')} is unknown.")
    return burn


def _runs_out(left: Cost | None, rate: Rate | None, now_ms: int) -> datetime | None:
    if left is None or rate is None or not rate.millicents_per_hour:
        return None
    seconds = max(left.millicent_seconds, 0) // rate.millicents_per_hour
    try:
        return datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _discrepancy(
    instance_id: str | None, meta_key: str, what: str, in_ledger: str | None, on_service: str | None
) -> Discrepancy:
    return Discrepancy(instance_id, meta_key or None, what, in_ledger, on_service)


def _moment_ms(since: date | datetime | None, days: Days) -> int:
    if since is None:
        return 0
    if not isinstance(since, datetime):
        return days.begin_ms(since)
    if since.tzinfo is None:
        raise InvalidRequest("since", f"{since!r} has no time zone; give a moment one, or say a day.")
    return int(since.timestamp() * 1000)


def _warn(text: str) -> None:
    warnings.warn(text, UnreadWarning, stacklevel=4)
