"""Which columns frames have and of which dtypes, with any number of rows, and that wide ones have all fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from glows_nb import frames
from glows_nb.api.models.images import Image
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Endpoint, Network
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.ledger.accounting import DayCost
from glows_nb.ledger.records import MachineRecord, Sighting
from glows_nb.ledger.spending import Discrepancy
from glows_nb.money import Cost, Rate
from tests.frames.looking import dtypes
from tests.frames.promised_columns import (
    ENDPOINT_COLUMNS,
    IMAGE_COLUMNS,
    INSTANCE_COLUMNS,
    NETWORK_COLUMNS,
    SNAPSHOT_COLUMNS,
    SPEC_COLUMNS,
)
from tests.frames.samples import RTX_4090, endpoint, image, machine, network, snapshot, spec


def test_columns_are_those_of_the_design_in_its_order() -> None:
    assert list(frames.specs([spec()]).columns) == SPEC_COLUMNS
    assert list(frames.instances([machine()]).columns) == INSTANCE_COLUMNS
    assert list(frames.images([image()]).columns) == IMAGE_COLUMNS
    assert list(frames.snapshots([snapshot()]).columns) == [*SNAPSHOT_COLUMNS, "name", "image", "image_id"]
    assert list(frames.networks([network()]).columns) == NETWORK_COLUMNS
    assert list(frames.endpoints([endpoint()]).columns) == ENDPOINT_COLUMNS
    assert list(frames.stats({"Running": 1}).columns) == ["status", "machines"]


def test_specs_have_the_same_dtypes_with_no_row_one_or_many() -> None:
    bare = spec({}, price={"millicent_per_hour": 0}, instance_categories=None)
    some = [dtypes(frames.specs(rows)) for rows in ([], [spec()], [bare], [spec(), bare, spec(machine_category=1)])]
    assert some == [some[0]] * 4
    assert list(some[0]) == SPEC_COLUMNS
    assert some[0]["price_per_hour"] == some[0]["price_per_gpu_hour"] == "float64"


def test_instances_have_the_same_dtypes_with_no_row_one_or_many() -> None:
    bare = Instance.model_validate({"instanceID": "ins-bare", "status": "SchedInit"})
    some = [dtypes(frames.instances(rows)) for rows in ([], [machine()], [bare], [machine(), bare, machine()])]
    assert some == [some[0]] * 4
    assert list(some[0]) == INSTANCE_COLUMNS
    assert some[0]["price_per_hour"] == some[0]["cost_estimate"] == "float64"
    assert some[0]["created"] == "datetime64[ns, UTC]"
    assert some[0]["age"] == "timedelta64[ns]"


def test_images_have_the_same_dtypes_with_no_row_one_or_many() -> None:
    bare = Image.model_validate({"image_id": "img-bare"})
    some = [dtypes(frames.images(rows)) for rows in ([], [image()], [bare], [image(), bare, image()])]
    assert some == [some[0]] * 4
    assert list(some[0]) == IMAGE_COLUMNS


def test_names_that_repeat_are_texts_that_can_be_set_to_any_other() -> None:
    """A category takes no value that it does not know, and users edit their tables."""
    table = frames.instances([machine(), machine()])
    for name in ("status", "region", "category", "gpu", "image", "image_id"):
        assert table[name].dtype == "string"
        table.loc[0, name] = "my own word"
        assert table[name].iloc[0] == "my own word"
    offers = frames.specs([spec()])
    for name in ("region", "machine_category", "gpu", "cpu", "instance_categories"):
        offers.loc[0, name] = "my own word"
        assert offers[name].iloc[0] == "my own word"


def test_frames_take_any_iterable_of_models() -> None:
    assert len(frames.specs(iter([spec(), spec()]))) == 2
    assert len(frames.instances(iter([machine()]))) == 1
    assert len(frames.images(iter(()))) == 0


BARE_MACHINE = {"instanceID": "ins-bare", "status": "Teleporting"}
KINDS: dict[str, tuple[Callable[..., pd.DataFrame], Any, Any]] = {
    "specs": (frames.specs, spec(), spec({}, price={"millicent_per_hour": 0}, machine_category=9, avail=None)),
    "instances": (frames.instances, machine(), Instance.model_validate(BARE_MACHINE)),
    "images": (frames.images, image(), Image(image_id="img-bare", status=99)),
    "snapshots": (frames.snapshots, snapshot(), Snapshot(snapshot_id="snap-bare", status=99)),
    "networks": (frames.networks, network(), Network.model_validate({"netID": "net-bare", "clusterType": "New"})),
    "endpoints": (frames.endpoints, endpoint(), Endpoint(endpoint_id="ept-bare", status=99)),
}


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_are_the_same_for_no_row_one_and_ten_thousand(kind: str, is_wide: bool) -> None:
    make, full, bare = KINDS[kind]
    promised = dtypes(make([], wide=is_wide))
    assert dtypes(make([full], wide=is_wide)) == promised
    assert dtypes(make([bare], wide=is_wide)) == promised
    many = make([full, bare] * 5_000, wide=is_wide)
    assert len(many) == 10_000
    assert dtypes(many) == promised
    assert (
        many.isna()
        .sum()
        .eq(5_000 * (make([full], wide=is_wide).isna().sum() + make([bare], wide=is_wide).isna().sum()))
        .all()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_come_back_from_a_file(kind: str, tmp_path: Path) -> None:
    make, full, bare = KINDS[kind]
    for rows in ([], [full], [full, bare, full]):
        frame = make(rows)
        frame.to_pickle(tmp_path / "frame.pickle")
        pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "frame.pickle"), frame)  # noqa: S301 - our own file


def test_other_frames_have_the_same_dtypes_with_and_without_rows() -> None:
    sighting = Sighting(0, 1000, "Running", 49_000)
    record = MachineRecord("ins-1", "key", "", "TW-03", RTX_4090, 1, "img", "Base", 0, (sighting,))
    known = DayCost(date(2026, 3, 1), 3600, Rate(49_000).over(3600), Cost(), is_estimate=False)
    unknown = DayCost(date(2026, 3, 1), None, None, Cost(), is_estimate=True)
    assert dtypes(frames.spending([])) == dtypes(frames.spending([(record, known), (record, unknown)]))
    values = frames.spending([(record, known), (record, unknown)])
    assert values["cost"].iloc[0] == 0.49
    assert values["cost"].isna().tolist() == [False, True]
    differing = [Discrepancy(None, "key", "ordered", "ordered", None)]
    assert dtypes(frames.discrepancies([])) == dtypes(frames.discrepancies(differing))
    assert dtypes(frames.stats({})) == dtypes(frames.stats({"Running": 2, "Teleporting": 1}))
    assert frames.stats({"Finished": 1, "Running": 2})["status"].tolist() == ["Running", "Finished"]


def leaves(body: Any) -> Iterator[str]:
    """Every value in a JSON body, as text."""
    if isinstance(body, dict | list):
        for part in body.values() if isinstance(body, dict) else body:
            yield from leaves(part)
    elif body not in (None, "", 0):
        yield str(body)


# What a wide frame writes otherwise than the wire does, and what it must not show.
WRITTEN_OTHERWISE: dict[str, set[str]] = {
    "specs": {"43008"},
    "instances": {"43008", "ssh://access.example.com:15692", "**********"},
    "images": set(),
    "snapshots": set(),
    "networks": set(),
    "endpoints": set(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_wide_frame_has_every_field_of_the_model_but_secrets(kind: str) -> None:
    make, full, _ = KINDS[kind]
    cells = list(make([full], wide=True).iloc[0])
    moments = [cell for cell in cells if isinstance(cell, pd.Timestamp)]
    shown = " ".join(map(str, cells))
    shown += " ".join(f"{moment:%Y-%m-%dT%H:%M:%SZ} {moment.timestamp():.0f}" for moment in moments)
    left_out = {text for text in leaves(json.loads(full.model_dump_json())) if text not in shown}
    assert left_out == WRITTEN_OTHERWISE[kind]
