"""Every row of the bench computes; what it comes to is not asked here, where other work goes on beside it.

README and the results that are kept tell the same.
"""

from __future__ import annotations

import importlib.util
import json
import math

import pytest

from tests.bench import wire
from tests.bench.__main__ import README, RESULTS
from tests.bench.measuring import SHORT, said_by
from tests.bench.report import as_json, as_markdown, in_readme, results_of
from tests.bench.rows import ROWS, Row
from tests.bench.server import serving
from tests.bench.starting import FIRST_SPECS


@pytest.mark.parametrize("row", ROWS, ids=[row.measure.__name__ for row in ROWS])
def test_row_computes(row: Row) -> None:
    figures = row.measure(SHORT)
    assert figures.ours > 0
    assert figures.baseline is None or figures.baseline > 0
    assert math.isfinite(row.value(figures))
    results = results_of([(row, figures)])
    assert row.what in as_markdown(results)
    assert f'"goal": {row.goal}' in as_json(results)


def test_readme_tells_what_the_last_full_run_came_to() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert [each["what"] for each in results["rows"]] == [row.what for row in ROWS]
    readme = README.read_text(encoding="utf-8")
    assert in_readme(readme, results, "tests.bench") == readme


def test_offers_are_read_without_loading_what_belongs_to_machines() -> None:
    with serving(wire.PER_PAGE) as base_url:
        code = f"{FIRST_SPECS}\nprint(*sorted(name for name in sys.modules if name.startswith('glows_nb.')))"
        loaded = set(said_by(code, wire.token(), base_url).split())
    api = "glows_nb.api"
    assert {f"{api}.models.specs", f"{api}.resources.specs", f"{api}.operations.images"} <= loaded
    unneeded = {
        f"{api}.{name}"
        for name in (
            "async_resources",
            "lifecycle.creating",
            "lifecycle.parking",
            "lifecycle.waiting",
            "models.instances",
            "models.networks",
            "models.snapshots",
            "operations.instances",
            "requests.create",
            "resources.instances",
        )
    }
    assert all(importlib.util.find_spec(name) for name in unneeded)
    assert unneeded & loaded == set()
