"""A machine's timeline, as it was seen from here."""

from __future__ import annotations

import pandas as pd
import pytest

import glows_nb as glows
from glows_nb import plots


def test_timeline_has_each_status_that_was_seen_in_order(sandbox: glows.Sandbox) -> None:
    client = glows.connect(sandbox.token, sandbox.base_url)
    machine = client.instances.launch(
        name="train",
        gpu_name="NVIDIA GeForce RTX 4090",
        region_name="TW-04",
        from_image_id=client.images.default().image_id,
        wait=True,
    )
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, "Finished")
    table = glows.timeline("train")
    seen = list(table["status"])
    assert [word for word in seen if word in ("SchedQueued", "Running", "Finished")] == [
        "SchedQueued",
        "Running",
        "Finished",
    ]
    assert (table["until"] >= table["since"]).all()
    assert table["since"].is_monotonic_increasing
    assert table.set_index("status")["price_per_hour"]["Running"] == pytest.approx(0.49)
    assert plots.timeline(table).axes[0].patches


def test_timeline_of_a_machine_that_is_not_there_is_an_error(sandbox: glows.Sandbox) -> None:
    glows.connect(sandbox.token, sandbox.base_url)
    with pytest.raises(glows.ParamIllegal, match="no machine"):
        glows.timeline("nobody")


def test_timeline_frame_is_typed_when_empty() -> None:
    frame = glows.frames.timeline([])
    assert list(frame.columns) == ["status", "since", "until", "price_per_hour"]
    assert isinstance(frame["since"].dtype, pd.DatetimeTZDtype)
