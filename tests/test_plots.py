"""The pictures: axes with units, everything drawn that is known, and nothing that is not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

import glows_nb as glows
from glows_nb import plots


def words(picture: plots.Picture) -> set[str]:
    axes = picture.axes[0]
    legend = axes.get_legend()
    labels = [text.get_text() for text in legend.get_texts()] if legend else []
    return {axes.get_xlabel(), axes.get_ylabel(), axes.get_title(), *labels}


def test_prices_are_drawn_against_memory_with_units(shared_sandbox: glows.Sandbox) -> None:
    with shared_sandbox.client() as client:
        specs = glows.specs(client=client)
    picture = plots.prices(specs)
    assert {"memory per GPU (GB)", "price per GPU-hour (Credits)", "GeForce RTX 4090, TW-03"} <= words(picture)
    drawn = sum(len(points.get_offsets()) for points in picture.axes[0].collections)
    assert drawn == len(specs.dropna(subset=["gpu", "vram_gb", "price_per_gpu_hour"])) == 17
    assert picture._repr_svg_().count("<svg") == 1


def costs(**changes: Any) -> pd.DataFrame:
    day = pd.Timestamp("2026-11-23", tz="UTC")
    rows = {
        "day": [day, day, day + pd.Timedelta(days=1)],
        "meta_key": ["train", "eval", "train"],
        "instance_id": ["ins-1", "ins-2", "ins-1"],
        "cost": [1.0, 0.5, 2.0],
    }
    return pd.DataFrame(rows | changes)


def test_spending_is_stacked_by_day_and_its_heights_are_the_sums() -> None:
    picture = plots.spending(costs())
    assert {"day (UTC)", "cost (Credits)", "train", "eval"} <= words(picture)
    tops: dict[float, float] = {}
    for bar in picture.axes[0].patches:
        middle = round(bar.get_x() + bar.get_width() / 2, 6)
        tops[middle] = max(tops.get(middle, 0), bar.get_y() + bar.get_height())
    assert sorted(tops.values()) == [1.5, 2.0]


def test_amounts_that_are_not_known_are_said_and_not_drawn_as_zero() -> None:
    picture = plots.spending(costs(cost=[1.0, None, 2.0]))
    assert "1 amounts are not known and not drawn" in words(picture)
    assert "eval" not in words(picture)


def test_timeline_has_a_bar_for_each_stay_in_a_status() -> None:
    start = pd.Timestamp("2026-11-23 12:00", tz="UTC")
    minutes = [pd.Timedelta(minutes=n) for n in (0, 1, 2, 30, 31)]
    statuses = pd.DataFrame(
        {
            "status": pd.Categorical(["SchedQueued", "Pending", "Running", "Finished"]),
            "since": [start + minute for minute in minutes[:-1]],
            "until": [start + minute for minute in minutes[1:]],
        }
    )
    picture = plots.timeline(statuses)
    assert {"time (UTC)", "status"} <= words(picture)
    labels = [text.get_text() for text in picture.axes[0].get_yticklabels()]
    assert labels == ["SchedQueued", "Pending", "Running", "Finished"]
    assert len(picture.axes[0].patches) == 4


@pytest.mark.parametrize("draw", [plots.prices, plots.spending, plots.timeline])
def test_a_frame_of_something_else_or_of_nothing_is_refused(draw: Any) -> None:
    with pytest.raises(glows.InvalidRequest, match="lacks"):
        draw(pd.DataFrame({"a": [1]}))
    empty = {plots.prices: glows.frames.specs([]), plots.spending: costs().iloc[:0]}
    nothing = empty.get(draw, pd.DataFrame({"status": [], "since": [], "until": []}))
    with pytest.raises(glows.InvalidRequest, match="holds no"):
        draw(nothing)


def test_without_matplotlib_the_extra_is_named() -> None:
    code = "import sys; sys.modules['matplotlib'] = None\ntry:\n import glows_nb.plots\nexcept Exception as e: print(e)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)  # noqa: S603 - ours
    assert "glows-nb[plots]" in ran.stdout
