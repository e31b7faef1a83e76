"""Days of a time zone: some have 23 hours, some 25, some midnights are skipped, and together they are all of time."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config

from glows_nb.api.errors import InvalidRequest
from glows_nb.commands import CommandError
from glows_nb.commands.settings import Glows, use_settings
from glows_nb.ledger import days as days_of_zones
from glows_nb.ledger.accounting import cost_by_day, cost_since
from glows_nb.ledger.days import UTC_DAYS, Days, days_in
from glows_nb.ledger.records import MachineRecord, Sighting
from glows_nb.money import Cost

HOUR = 3_600_000
# Clocks that are set at midnight, back over midnight, by half an hour, over a whole day, or never.
ODD_ZONES = [
    *("Asia/Taipei", "Europe/Berlin", "America/New_York", "America/Havana", "Africa/Cairo", "Asia/Beirut"),
    *("America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"),
]
zones = st.sampled_from(ODD_ZONES).map(lambda name: Days(ZoneInfo(name)))
moments = st.integers(min_value=0, max_value=4_000_000_000_000)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Asia/Taipei", "2026-03-29", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("America/Sao_Paulo", "2018-11-04", 23),  # whose midnight was skipped
        ("America/Havana", "2026-11-01", 25),  # whose midnight comes twice
        ("Pacific/Apia", "2011-12-30", 0),  # which nobody had
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: str, hours: float) -> None:
    days, on = Days(ZoneInfo(zone)), date.fromisoformat(day)
    assert days.begin_ms(on + timedelta(days=1)) - days.begin_ms(on) == hours * HOUR


def test_an_evening_in_taipei_is_one_day_there_and_two_in_utc() -> None:
    taipei = days_in("Asia/Taipei")
    evening = ms("2026-03-01T07:00+08:00"), ms("2026-03-01T09:00+08:00")
    assert [day.isoformat() for day, _, _ in taipei.days_of(*evening)] == ["2026-03-01"]
    assert [day.isoformat() for day, _, _ in UTC_DAYS.days_of(*evening)] == ["2026-02-28", "2026-03-01"]


def test_clocks_that_are_set_back_over_midnight_begin_no_day_twice() -> None:
    # Until 2011 they were set back at 00:01, to 23:01 of the day before.
    newfoundland = Days(ZoneInfo("America/St_Johns"))
    once_more = ms("2010-11-07T00:01:00-02:30") + HOUR // 2
    assert newfoundland.moment(once_more).date() == date(2010, 11, 6)
    assert newfoundland.day_of(once_more) == date(2010, 11, 7)


@pytest.mark.parametrize(
    ("per", "at", "begins", "ends"),
    [
        ("day", "2026-10-25T23:59+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("week", "2026-10-25T23:59+01:00", "2026-10-19T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("week", "2026-10-26T00:00+01:00", "2026-10-26T00:00+01:00", "2026-11-02T00:00+01:00"),
        ("month", "2026-03-29T12:00+02:00", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        ("month", "2026-01-31T23:59+01:00", "2026-01-01T00:00+01:00", "2026-02-01T00:00+01:00"),
        ("month", "2024-02-29T23:59+01:00", "2024-02-01T00:00+01:00", "2024-03-01T00:00+01:00"),
        ("month", "2026-12-31T23:59+01:00", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
    ],
)
def test_day_week_and_month_begin_and_end_at_midnight_there(per: str, at: str, begins: str, ends: str) -> None:
    assert days_in("Europe/Berlin").period(ms(at), per) == (ms(begins), ms(ends))


@given(days=zones, at_ms=moments, length_ms=st.integers(min_value=0, max_value=40 * 24 * HOUR))
def test_days_follow_each_other_without_a_gap(days: Days, at_ms: int, length_ms: int) -> None:
    parts = list(days.days_of(at_ms, at_ms + length_ms))
    assert parts[0][1] <= at_ms < parts[0][2]
    assert parts[-1][2] >= at_ms + length_ms
    assert all(before[2] == after[1] for before, after in pairwise(parts))
    assert [day for day, _, _ in parts] == [parts[0][0] + timedelta(days=n) for n in range(len(parts))]


@given(days=zones, at_ms=moments, per=st.sampled_from(["day", "week", "month"]))
def test_a_period_holds_its_moment_and_the_next_begins_where_it_ends(days: Days, at_ms: int, per: str) -> None:
    begins, ends = days.period(at_ms, per)
    assert begins <= at_ms < ends
    assert days.period(begins, per) == days.period(ends - 1, per) == (begins, ends)
    assert days.period(ends, per)[0] == ends


@given(
    days=zones,
    begun_ms=moments,
    seconds=st.integers(min_value=1, max_value=4_000_000),
    millicents=st.integers(min_value=1, max_value=10**7),
    since=st.integers(min_value=0, max_value=3_000_000),
)
def test_costs_of_all_days_are_the_cost_of_the_whole_in_every_zone(
    days: Days, begun_ms: int, seconds: int, millicents: int, since: int
) -> None:
    ended_ms = begun_ms + seconds * 1000
    seen = Sighting(begun_ms, ended_ms, "Running", millicents), Sighting(ended_ms, ended_ms, "Finished", millicents)
    machine = MachineRecord("ins-1", "k", "", "TW-03", "", 1, "", "", begun_ms, seen)
    since_ms = begun_ms + since * 1000
    by_day = cost_by_day(machine, ended_ms, since_ms=since_ms, days=days)
    whole, _ = cost_since([machine], since_ms, ended_ms)
    assert sum((day.cost for day in by_day if day.cost is not None), Cost()) == whole
    assert len({day.day for day in by_day}) == len(by_day)


@pytest.mark.parametrize("name", ["Asia/Taipee", "", "../etc/passwd", "/etc/localtime", "CET+1", 8, "\0", "a" * 5000])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is no time zone such as Asia/Taipei"):
        days_in(name)


def test_without_a_word_days_are_those_of_the_setting_and_else_of_the_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert days_in().zone is UTC
    monkeypatch.setenv("TZ", ":Asia/Taipei")
    assert str(days_in().zone) == "Asia/Taipei"
    try:
        use_settings(Glows(tz="Europe/Berlin"))
        assert str(days_in().zone) == "Europe/Berlin"
        assert str(days_in("Asia/Tokyo").zone) == "Asia/Tokyo"
        with pytest.raises(CommandError, match=r"Glows\.tz: 'Berlin' is no time zone"):
            Glows().update_config(Config({"Glows": {"tz": "Berlin"}}))
    finally:
        use_settings(Glows())
    assert str(days_in().zone) == "Asia/Taipei"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no tzset")
def test_a_computer_that_tells_no_name_is_counted_by_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days_of_zones, "LOCALTIME", days_of_zones.Path("/nowhere/localtime"))
    try:
        monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        days = days_in()
        assert days.begin_ms(date(2026, 3, 30)) - days.begin_ms(date(2026, 3, 29)) == 23 * HOUR
        assert days.begin_ms(date(2026, 7, 1)) == ms("2026-07-01T00:00+02:00")
        monkeypatch.setenv("TZ", "XYZ0")
        time.tzset()
        assert days_in().zone is UTC
    finally:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
