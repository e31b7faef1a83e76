"""What machines cost: `glows.spending()`, `glows.burn_rate()`, `glows.balance()`, `glows.discrepancies()`.

The service tells neither what was spent nor what is left (FACTS 0.1, fact 15), so this reads it from the ledger, after
asking the service what runs now. What can't be known is NA, with a warning, and never counts as zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import ENDED, LEAVING, InstanceStatus
from glows_nb.connection import current_client, recorder_of
from glows_nb.ledger.accounting import cost_by_day, cost_since
from glows_nb.ledger.journal import LedgerError
from glows_nb.ledger.recording import Recorder
from glows_nb.ledger.records import MachineRecord
from glows_nb.money import Cost, Rate, millicents
from glows_nb.tables import Table, captioned
from glows_nb.wording import SANDBOX_WORD, counted

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


def spending(*, since: date | datetime | None = None, client: Client | None = None) -> Table:
    """What each machine cost on each day; see `glows_nb.frames.spending` for the columns.

    Asks the service first what there is now. `attrs` holds the sum of all as "glows_total" (Credits; NaN when one of
    the amounts is unknown) and "glows_total_at_least".

    Args:
        since: count from here, a day (UTC) or a moment; without it all that is known, and of machines that ended before
            this ledger began that their cost is not known.
        client: the client to ask; without it the current one.

    Raises:
        LedgerError: the ledger can't be used.
    """
    since_ms = _moment_ms(since)
    service = client or current_client()
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
        for day in cost_by_day(machine, now_ms, since_ms=since_ms, is_read=machine.instance_id not in unread)
    ]
    rows.sort(key=lambda row: row[1].day)
    table = frames.spending(rows)
    least = sum((day.at_least for _, day in rows), Cost())
    known = sum((day.cost for _, day in rows if day.cost is not None), Cost())
    unknown = {machine.instance_id for machine, day in rows if day.cost is None}
    estimated = {machine.instance_id for machine, day in rows if day.is_estimate and day.cost is not None}
    table.attrs["glows_total"] = float("nan") if unknown else float(known.credits)
    table.attrs["glows_total_at_least"] = float(least.credits)
    caption = f"{'at least ' if unknown else ''}{least if unknown else known} for {_machines(rows)}"
    if estimated:
        caption += f", estimated for {len(estimated)} of them"
    if unknown:
        caption += f"; what {counted(len(unknown), 'machine')} cost is not known in full"
        _warn(f"What {counted(len(unknown), 'machine')} cost can't be known in full; it is NA and in no sum.")
    differing = [] if listed is None else _discrepancies(recorder, listed)
    if differing:
        caption += f"; glows.discrepancies() lists {len(differing)} things to look at"
    return captioned(table, caption, is_sandbox=recorder.account.is_sandbox)


def burn_rate(*, client: Client | None = None) -> BurnRate:
    """What all running machines cost per hour now, read from the service.

    Where the service can't be read, `rate` is None and a warning says why.

    Args:
        client: the client to ask; without it the current one.
    """
    service = client or current_client()
    recorder = recorder_of(service)
    return _burn_rate(recorder, _read(service, [InstanceStatus.RUNNING]))


def burn_rate_of(
    running: Sequence[Instance], records: Mapping[str, MachineRecord], *, is_sandbox: bool = False
) -> BurnRate:
    """What these running machines cost per hour together; asks nobody.

    Args:
        running: the machines.
        records: what the ledger knows of machines, by id; its prices have the third decimal.
        is_sandbox: are they a sandbox's?
    """
    rates = [_rate(machine, records.get(machine.instance_id)) for machine in running]
    known = [rate for rate in rates if rate is not None]
    total = sum(known, Rate(0))
    unknown = len(rates) - len(known)
    return BurnRate(None if unknown else total, total, len(running), unknown, is_sandbox)


def set_balance(credits: Decimal | float | str, *, client: Client | None = None) -> Balance:
    """Say what the account holds now, as the console shows it; what is spent from now on is counted against it.

    Args:
        credits: the balance, in Credits.
        client: the client of the account; without it the current one.

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
    service = client or current_client()
    recorder = recorder_of(service)
    # What the ledger hears of only now was paid before now, and is not in the balance that the console shows.
    _read(service)
    recorder.ledger.set_balance(recorder.account, entered, recorder.now_ms())
    return balance(client=service)


def balance(*, client: Client | None = None) -> Balance:
    """What is left of the balance that `set_balance` was given, and when it runs out at what is running now.

    Args:
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: no balance was entered for this account.
        LedgerError: the ledger can't be used.
    """
    service = client or current_client()
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


def discrepancies(*, client: Client | None = None) -> Table:
    """Where the ledger and the service say different things; see `glows_nb.frames.discrepancies` for the columns.

    Args:
        client: the client to ask; without it the current one.

    Raises:
        GlowsError: the service or the ledger can't be read; that is never an empty list.
    """
    service = client or current_client()
    recorder = recorder_of(service)
    rows = _discrepancies(recorder, service.instances.all())
    caption = f"{len(rows)} things that ledger and service say differently"
    return captioned(frames.discrepancies(rows), caption, is_sandbox=recorder.account.is_sandbox)


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


def _rate(machine: Instance, record: MachineRecord | None) -> Rate | None:
    """A running machine's price: the ledger's, which has the third decimal, where it is the same price.

    None where the service's answer about the machine can't be read: what it costs now is not known.
    """
    if machine.unread:
        return None
    recorded = record.last.rate if record is not None and record.last.status == machine.status else None
    if recorded is None and record is not None and record.order is not None and record.order.millicents is not None:
        recorded = Rate(record.order.millicents)
    return recorded or machine.rate


def _runs_out(left: Cost | None, rate: Rate | None, now_ms: int) -> datetime | None:
    if left is None or rate is None or not rate.millicents_per_hour:
        return None
    seconds = max(left.millicent_seconds, 0) // rate.millicents_per_hour
    try:
        return datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _discrepancies(recorder: Recorder, listed: Sequence[Instance]) -> list[frames.Discrepancy]:
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


def _discrepancy(
    instance_id: str | None, meta_key: str, what: str, in_ledger: str | None, on_service: str | None
) -> frames.Discrepancy:
    return frames.Discrepancy(instance_id, meta_key or None, what, in_ledger, on_service)


def _moment_ms(since: date | datetime | None) -> int:
    if since is None:
        return 0
    if not isinstance(since, datetime):
        since = datetime(since.year, since.month, since.day, tzinfo=UTC)
    if since.tzinfo is None:
        raise InvalidRequest("since", f"{since!r} has no time zone; days and times are UTC here.")
    return int(since.timestamp() * 1000)


def _machines(rows: Sequence[tuple[MachineRecord, object]]) -> str:
    return counted(len({machine.instance_id for machine, _ in rows}), "machine")


def _warn(text: str) -> None:
    warnings.warn(text, UnreadWarning, stacklevel=3)
