"""Every row about work on machines computes; what it comes to is not asked here, as in `test_bench`."""

from __future__ import annotations

import math
import shutil
import sys

import pytest

from tests.bench.measuring import SHORT
from tests.bench.remote.rows import ROWS
from tests.bench.report import as_markdown, results_of
from tests.bench.rows import Row
from tests.sandbox.machines.sshd import PROGRAM

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux"),
    pytest.mark.skipif(not shutil.which("rsync") or not PROGRAM, reason="OpenSSH or rsync is not installed"),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.measure.__name__ for row in ROWS])
def test_row_computes(row: Row) -> None:
    figures = row.measure(SHORT)
    assert figures.ours > 0
    assert math.isfinite(row.value(figures))
    assert row.what in as_markdown(results_of([(row, figures)]))
