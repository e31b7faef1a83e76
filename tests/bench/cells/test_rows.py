"""Every row about cells computes; what it comes to is not asked here, as in `test_bench`."""

from __future__ import annotations

import math
import sys

import pytest

from tests.bench.cells.rows import ROWS
from tests.bench.measuring import SHORT
from tests.bench.report import as_markdown, results_of
from tests.bench.rows import Row
from tests.sandbox.machines.sshd import PROGRAM

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux"),
    pytest.mark.skipif(not PROGRAM, reason="OpenSSH is not installed"),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_row_computes(row: Row) -> None:
    figures = row.measure(SHORT)
    assert figures.ours > 0
    assert math.isfinite(row.value(figures))
    assert row.what in as_markdown(results_of([(row, figures)]))
