"""What machines have cost, worked out of when they were seen in which status; pure, exact, and open about gaps.

A machine is billed by the full second, while it is Running by one page of the service, from its order on by another
(FACTS 4.4). It is known only at the moments at which it was seen, so there are two amounts: `cost`, which counts from
the order, and after a pause from the last moment before Running, to the first one after it (at most so much was paid,
whichever page is right), and `at_least`, which counts from the first to the last time that it was seen Running. A
machine that was seen Running twice is taken to have run between. Where not even the greater one can be known, `cost` is
None, never zero; only a machine that never ran, and whose price nobody told, counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.ledger.days import UTC_DAYS, Days
from glows_nb.ledger.records import MachineRecord, Sighting
from glows_nb.money import Cost, Rate

if TYPE_CHECKING:
    from glows_nb.api.models.instances import Instance

SLACK_MS: Final = 60_000
"""Gaps up to this are what it takes to look now and then; costs with longer ones are marked as estimates."""

NEVER_RAN: Final = frozenset(
    {InstanceStatus.SCHED_INIT, InstanceStatus.SCHED_QUEUED, InstanceStatus.PENDING, InstanceStatus.PRICE_CHANGED}
)


@dataclass(frozen=True)
class DayCost:
    """What one machine cost on one day of a time zone."""

    day: date
    seconds: int | None
    cost: Cost | None
    at_least: Cost
    is_estimate: bool


@dataclass(frozen=True)
class Stretch:
    """A time for which a machine is billed, or may be: then `is_known` is False, or its price is None."""

    begun_ms: int
    ended_ms: int
    seen_begun_ms: int
    seen_ended_ms: int
    millicents: int | None
    is_known: bool
    is_estimate: bool

    def part(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """Full seconds in a part of it, at most and at least; those of all parts together are those of the whole."""
        return (
            _seconds(self.begun_ms, self.ended_ms, from_ms, to_ms),
            _seconds(self.seen_begun_ms, self.seen_ended_ms, from_ms, to_ms),
        )


def rate_now(machine: Instance, record: MachineRecord | None) -> Rate | None:
    """A machine's price per hour now: the ledger's, which has the third decimal, where it is the same price.

    None where the service's answer about the machine can't be read: what it costs now is not known.
    """
    if machine.unread:
        return None
    recorded = record.last.rate if record is not None and record.last.status == machine.status else None
    if recorded is None and record is not None and record.order is not None and record.order.millicents is not None:
        recorded = Rate(record.order.millicents)
    return recorded or machine.rate


def cost_so_far(record: MachineRecord | None, now: datetime) -> Cost | None:
    """What a machine has cost, at most; None where the ledger can't tell."""
    if record is None:
        return None
    days = cost_by_day(record, int(now.timestamp() * 1000))
    costs = [day.cost for day in days]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Cost()) if len(known) == len(costs) else None


def cost_by_day(
    machine: MachineRecord, now_ms: int, *, since_ms: int = 0, is_read: bool = True, days: Days = UTC_DAYS
) -> list[DayCost]:
    """What a machine cost on each day on which it was billed; a time of which nothing is known is one row.

    Args:
        machine: the machine.
        now_ms: the time until which to count.
        since_ms: the time from which to count.
        is_read: was the service asked just now? If not, nobody knows what a running machine did since.
        days: in which time zone days are counted.
    """
    by_day: dict[date, list[tuple[Stretch, int, int]]] = {}
    for stretch in stretches(machine, now_ms, is_read=is_read):
        if stretch.ended_ms <= since_ms:
            continue
        for day, begin_ms, end_ms in days.days_of(max(stretch.begun_ms, since_ms), stretch.ended_ms):
            part = stretch.part(max(begin_ms, since_ms), end_ms)
            if part != (0, 0) or not stretch.is_known:
                by_day.setdefault(day, []).append((stretch, *part))
            if not stretch.is_known:
                # Weeks of which nobody knows anything are one row, where they begin, and not one for each day.
                break
    return [_day_cost(day, parts) for day, parts in sorted(by_day.items())]


def cost_since(
    machines: Iterable[MachineRecord], since_ms: int, now_ms: int, *, is_read: bool = True
) -> tuple[Cost | None, Cost]:
    """What machines cost in all since a moment, at most and at least; None where it can't be known."""
    most: Cost | None = Cost()
    least = Cost()
    for machine in machines:
        for stretch in stretches(machine, now_ms, is_read=is_read):
            if stretch.ended_ms <= since_ms:
                continue
            seconds, seen = stretch.part(since_ms, max(now_ms, stretch.ended_ms))
            if not stretch.is_known or stretch.millicents is None:
                most = None
            elif most is not None:
                most += Rate(stretch.millicents).over(seconds)
            least += Rate(stretch.millicents or 0).over(seen)
    return most, least


def stretches(machine: MachineRecord, now_ms: int, *, is_read: bool = True) -> list[Stretch]:
    """The times for which a machine is billed or may be, oldest first."""
    seen = machine.sightings
    found = [*_before(machine), *_never_ran(machine, now_ms, is_read=is_read)]
    has_run = False
    for index, sighting in enumerate(seen):
        before = seen[index - 1] if index else None
        after = seen[index + 1] if index + 1 < len(seen) else None
        if sighting.status == InstanceStatus.RUNNING:
            begun_ms = sighting.at_ms
            if not has_run:
                begun_ms = min(begun_ms, _ordered_ms(machine))
            elif before is not None and before.status != InstanceStatus.RUNNING:
                begun_ms = before.until_ms
            found += _running(begun_ms, sighting, after, now_ms, is_read=is_read)
        elif sighting.status not in list(InstanceStatus):
            found.append(_unknown(sighting.at_ms, after.at_ms if after else now_ms))
        elif after is None:
            if not _is_fresh(sighting, now_ms, is_read=is_read) and sighting.status not in LEAVING:
                found.append(_unknown(sighting.until_ms, now_ms))
        elif _may_have_run(sighting, after):
            found.append(_unknown(sighting.until_ms, after.at_ms))
        has_run = has_run or sighting.status not in NEVER_RAN
    return found


def _before(machine: MachineRecord) -> Iterable[Stretch]:
    """What may have been before a machine was first seen; whether it ran then is told by its having a price."""
    first = machine.sightings[0]
    ran_unseen = first.status not in NEVER_RAN and first.status != InstanceStatus.RUNNING and first.millicents
    begun_ms = first.at_ms if machine.created_ms is None else machine.created_ms
    if ran_unseen and (first.at_ms - begun_ms > SLACK_MS or machine.created_ms is None):
        yield _unknown(min(begun_ms, first.at_ms), first.at_ms)


def _ordered_ms(machine: MachineRecord) -> int:
    """When a machine was ordered, or first seen where the service does not tell."""
    first = machine.sightings[0].at_ms
    if machine.order is not None:
        return min(first, machine.order.at_ms)
    return first if machine.created_ms is None else min(first, machine.created_ms)


def _never_ran(machine: MachineRecord, now_ms: int, *, is_read: bool) -> Iterable[Stretch]:
    """The time in the queue of a machine that was not seen to run, where it is known what that may cost."""
    seen = machine.sightings
    if any(sighting.status not in NEVER_RAN | LEAVING for sighting in seen) or seen[0].status not in NEVER_RAN:
        return
    millicents = next((sighting.millicents for sighting in reversed(seen) if sighting.millicents), None)
    if millicents is None and machine.order is not None:
        millicents = machine.order.millicents
    if not millicents:
        return
    left = next((sighting.at_ms for sighting in seen if sighting.status in LEAVING), None)
    begun_ms, ended_ms = _ordered_ms(machine), seen[-1].until_ms
    if left is not None:
        ended_ms = left
    elif _is_fresh(seen[-1], now_ms, is_read=is_read):
        ended_ms = max(now_ms, ended_ms)
    yield Stretch(begun_ms, ended_ms, begun_ms, begun_ms, millicents, is_known=True, is_estimate=True)


def _running(
    begun_ms: int,
    sighting: Sighting,
    after: Sighting | None,
    now_ms: int,
    *,
    is_read: bool,
) -> Iterable[Stretch]:
    is_open = after is None and _is_fresh(sighting, now_ms, is_read=is_read)
    ended_ms = max(now_ms, sighting.until_ms) if is_open else sighting.until_ms
    ended_ms = ended_ms if after is None else after.at_ms
    has_gap = sighting.at_ms - begun_ms > SLACK_MS or ended_ms - sighting.until_ms > SLACK_MS
    # Price changes while it runs are seen as one status after another of the same name: no time is between them.
    runs_on = after is not None and after.status == InstanceStatus.RUNNING
    yield Stretch(
        begun_ms=begun_ms,
        ended_ms=ended_ms,
        seen_begun_ms=sighting.at_ms,
        seen_ended_ms=ended_ms if runs_on else sighting.until_ms,
        millicents=sighting.millicents,
        is_known=True,
        is_estimate=has_gap or is_open or not sighting.is_exact or sighting.millicents is None,
    )
    if after is None and not is_open:
        yield _unknown(sighting.until_ms, max(now_ms, sighting.until_ms))


def _is_fresh(sighting: Sighting, now_ms: int, *, is_read: bool) -> bool:
    """Was it seen so short a time ago that it is still so?"""
    return now_ms - sighting.until_ms <= (SLACK_MS if is_read else 0)


def _may_have_run(sighting: Sighting, after: Sighting) -> bool:
    """Was nobody looking for so long that it may have run between these two, and did it ever (it has a price)?"""
    return (
        after.status != InstanceStatus.RUNNING
        and sighting.status not in LEAVING
        and bool(after.millicents)
        and after.at_ms - sighting.until_ms > SLACK_MS
    )


def _unknown(begun_ms: int, ended_ms: int) -> Stretch:
    return Stretch(begun_ms, ended_ms, begun_ms, begun_ms, None, is_known=False, is_estimate=True)


def _seconds(begun_ms: int, ended_ms: int, from_ms: int, to_ms: int) -> int:
    """Full seconds of a time that lie in a part, counted from its begin, so that parts add up to the whole."""
    until = max(min(ended_ms, to_ms) - begun_ms, 0) // 1000
    before = max(min(ended_ms, from_ms) - begun_ms, 0) // 1000
    return until - before


def _day_cost(day: date, parts: list[tuple[Stretch, int, int]]) -> DayCost:
    is_known = all(stretch.is_known for stretch, _, _ in parts)
    has_price = all(stretch.millicents is not None for stretch, _, _ in parts)
    least, most = Cost(), Cost()
    for stretch, seconds, seen in parts:
        least += Rate(stretch.millicents or 0).over(seen)
        most += Rate(stretch.millicents or 0).over(seconds)
    return DayCost(
        day=day,
        seconds=sum(seconds for _, seconds, _ in parts) if is_known else None,
        cost=most if is_known and has_price else None,
        at_least=least,
        is_estimate=any(stretch.is_estimate for stretch, _, _ in parts),
    )
