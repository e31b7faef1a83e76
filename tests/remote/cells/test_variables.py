"""Variables go to a machine's kernel and come back, over SSH; what is nobody's business there stays as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

import glows_nb as glows

LARGE = np.arange(200_000)
"""1.6 MB: it goes as a file."""


def test_variables_go_there_and_come_back(machine: glows.Machine) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=pd.date_range("2026-01-01", periods=2, tz="UTC"))
    machine.put(df=frame, cfg={"epochs": 3, "at": datetime(2026, 1, 2, tzinfo=UTC)}, large=LARGE)
    result = machine.run("type(df).__name__, cfg['epochs'] + 1, int(large.sum())", quiet=True)
    assert result.text == f"('DataFrame', 4, {LARGE.sum()})\n"
    pd.testing.assert_frame_equal(machine.get("df"), frame)
    cfg, large = machine.get("cfg", "large")
    assert cfg == {"epochs": 3, "at": datetime(2026, 1, 2, tzinfo=UTC)}
    np.testing.assert_array_equal(large, LARGE)


def test_it_counts_as_no_cell_there(machine: glows.Machine) -> None:
    machine.run("6 * 7", quiet=True)
    names = "sorted(each for each in globals() if each.strip('_i0123456789'))"
    before = machine.run(names, quiet=True).text
    machine.put(small=1, large=LARGE)
    machine.get("small")
    machine.get("large")
    assert [run.title for run in machine.kernel_status().runs][-2:] == ["6 * 7", names]
    assert machine.output().text == before
    assert machine.run("len(_), len(In), Out[1]", quiet=True).text == f"({before.count(',') + 1}, 4, 42)\n"
    machine.run("del small, large", quiet=True)
    assert machine.run(names, quiet=True).text == before
