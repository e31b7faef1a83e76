"""Days, weeks and months as the user has them: in their time zone, some an hour shorter or longer than others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from glows_nb.api.errors import InvalidRequest

PERIODS: Final = ("day", "week", "month")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
ONE_DAY: Final = timedelta(days=1)
LOCALTIME: Final = Path("/etc/localtime")
"""Where Linux and macOS keep the zone of the computer: a link to its file, whose path ends in its name."""

_chosen: list[tzinfo] = []


class Days:
    """The days of one time zone. Each begins where the one before ends, whatever clocks are set to meanwhile.

    Args:
        zone: the time zone.
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    def moment(self, at_ms: int) -> datetime:
        """A time, in milliseconds since the epoch, as the zone's clocks show it."""
        return (EPOCH + at_ms * MILLISECOND).astimezone(self.zone)

    def begin_ms(self, day: date) -> int:
        """When a day begins: at its first midnight, or where clocks skip that, when they do."""
        return (datetime(day.year, day.month, day.day, tzinfo=self.zone) - EPOCH) // MILLISECOND

    def day_of(self, at_ms: int) -> date:
        """The day that a time lies on."""
        day = self.moment(at_ms).date()
        # Clocks that are set back over midnight show the day before once more: it has begun all the same.
        while self.begin_ms(day + ONE_DAY) <= at_ms:
            day += ONE_DAY
        while self.begin_ms(day) > at_ms:
            day -= ONE_DAY
        return day

    def days_of(self, from_ms: int, to_ms: int) -> Iterator[tuple[date, int, int]]:
        """Each day that a time has part in, with its begin and its end; at least the one on which it begins."""
        day = self.day_of(from_ms)
        end_ms = self.begin_ms(day)
        while end_ms <= from_ms or end_ms < to_ms:
            begin_ms, end_ms = end_ms, self.begin_ms(day + ONE_DAY)
            yield day, begin_ms, end_ms
            day += ONE_DAY

    def period(self, at_ms: int, per: str) -> tuple[int, int]:
        """Begin and end of the day, the week (from Monday on) or the month that a time lies in."""
        day = self.day_of(at_ms)
        if per == "month":
            first = day.replace(day=1)
            return self.begin_ms(first), self.begin_ms((first + 31 * ONE_DAY).replace(day=1))
        first, days = (day - day.weekday() * ONE_DAY, 7) if per == "week" else (day, 1)
        return self.begin_ms(first), self.begin_ms(first + days * ONE_DAY)


UTC_DAYS: Final = Days(UTC)


def days_in(tz: str | tzinfo | None = None) -> Days:
    """The days of a time zone.

    Args:
        tz: its name, such as "Asia/Taipei"; None is the one that was chosen, or the computer's.

    Raises:
        InvalidRequest: there is no such zone.
    """
    if tz is None:
        return Days(_chosen[0] if _chosen else _zone_of_computer())
    return Days(tz if isinstance(tz, tzinfo) else zone_named(tz))


def zone_named(name: str) -> tzinfo:
    """The time zone of a name.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        return UTC if name in ("UTC", "Etc/UTC") else ZoneInfo(name)
    except (KeyError, OSError, ValueError, TypeError, AttributeError):  # of which a name can be the cause of each
        problem = f"{name!r} is no time zone such as Asia/Taipei."
    raise InvalidRequest("tz", problem)


def use_zone(name: str) -> None:
    """Count days in this zone wherever none is said; "" is the computer's again.

    Raises:
        InvalidRequest: there is none of this name.
    """
    _chosen[:] = [zone_named(name)] if name else []


def _zone_of_computer() -> tzinfo:
    """The computer's zone, by its name where that is told; else by what its clock does."""
    for name in (os.getenv("TZ", "").lstrip(":"), str(LOCALTIME.resolve()).rpartition("zoneinfo/")[2]):
        try:
            return zone_named(name)
        except InvalidRequest:
            continue
    if not time.timezone and not time.daylight:
        return UTC
    # pandas brings it, and takes it for a column's zone; loaded here, where hardly anybody comes.
    from dateutil.tz import tzlocal

    local: tzinfo = tzlocal()
    return local
