"""Machines that come and go leave nothing; `python -m tests.sandbox.machines.soak` asks the same for longer."""

from __future__ import annotations

import sys

import pytest

from tests.sandbox.machines import soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux")


def test_machines_that_come_and_go_leave_nothing() -> None:
    counts = soak.soak(machines=3, turns=2)
    assert soak.is_clean(counts), soak.as_table(counts)


def test_what_is_left_is_seen() -> None:
    nothing, busy = soak.Held(0, 0, 0, 1, 6), soak.Held(0, 0, 0, 2, 12)
    counts = {soak.BEFORE: nothing, soak.STARTED: busy, soak.LAST: busy, soak.STOPPED: nothing}
    assert soak.is_clean(counts)
    for left in (soak.Held(1, 0, 0, 2, 12), soak.Held(0, 1, 0, 2, 12), soak.Held(0, 0, 0, 2, 13)):
        assert not soak.is_clean({**counts, soak.LAST: left})
    assert not soak.is_clean({**counts, soak.STOPPED: soak.Held(0, 0, 0, 2, 6)})
