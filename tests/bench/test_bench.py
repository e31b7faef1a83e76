"""Every row of the bench computes; what it comes to is not asked here, where other work goes on beside it."""

from __future__ import annotations

import math

import pytest

from tests.bench.measuring import SHORT
from tests.bench.report import as_json, as_markdown
from tests.bench.rows import ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=[row.measure.__name__ for row in ROWS])
def test_row_computes(row: Row) -> None:
    figures = row.measure(SHORT)
    assert figures.ours > 0
    assert figures.baseline is None or figures.baseline > 0
    assert math.isfinite(row.value(figures))
    assert row.what in as_markdown([(row, figures)])
    assert f'"goal": {row.goal}' in as_json([(row, figures)])
