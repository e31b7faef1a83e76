"""A plan that was shown is what is carried out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from glows_nb.api.errors import GlowsError, StalePlan
from glows_nb.api.lifecycle.creating import launch_planned
from glows_nb.api.lifecycle.launch_request import checked_launch
from glows_nb.api.lifecycle.planning import Plan, plan
from tests.api.fake_service import FakeService, instance_row, spec_row
from tests.api.lifecycle.asked import ASKED, MARK

# A plan that was shown is what is carried out.


def test_plans_that_show_the_same_are_equal_whoever_carries_them_out() -> None:
    planned = FakeService().play(plan(checked_launch(MARK, **ASKED)))
    assert replace(planned, _launch=print) == planned
    with pytest.raises(GlowsError, match="not made by a client"):
        planned.launch()


def shown_then(service: FakeService, row: dict[str, Any], **fields: Any) -> tuple[Any, Plan]:
    asked = checked_launch(MARK, **(ASKED | fields))
    planned = service.play(plan(asked))
    service.specs = [row, *service.specs[1:]]
    return asked, planned


def with_unit(**unit: Any) -> dict[str, Any]:
    row = spec_row()
    resource = row["base_resource"]
    return row | {"base_resource": resource | {"unit_spec": resource["unit_spec"] | unit}}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (spec_row(millicents=49_001), "price"),
        (spec_row(millicents=48_999), "price"),
        (spec_row(resource_id="another"), "offer's id"),
        (with_unit(gpus=2), "number of GPUs"),
        (with_unit(cpus=1), "number of CPUs"),
        (with_unit(ram_mb=1), "RAM"),
        (with_unit(disk_gb=1), "disk"),
        (with_unit(cpu_name="Another CPU"), "the offer's CPU"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_difference_from_what_a_plan_showed_rents_nothing(row: dict[str, Any], what: str) -> None:
    service = FakeService()
    asked, planned = shown_then(service, row)
    with pytest.raises(StalePlan, match=what):
        service.play(launch_planned(asked, planned))
    assert service.creates() == 0


def test_a_plan_whose_key_was_used_up_meanwhile_is_stale() -> None:
    service = FakeService()
    asked = checked_launch(MARK, **ASKED)
    planned = service.play(plan(asked))
    service.machines[asked.key] = instance_row(asked.key, 1, "Finished")
    with pytest.raises(StalePlan, match="the key"):
        service.play(launch_planned(asked, planned))
    assert service.creates() == 0


def test_a_plan_of_another_image_is_stale() -> None:
    service = FakeService()
    planned = service.play(plan(checked_launch(MARK, **ASKED)))
    with pytest.raises(StalePlan, match="the image"):
        service.play(launch_planned(checked_launch(MARK, **(ASKED | {"from_image_id": "img-other"})), planned))
    assert service.creates() == 0


def test_a_plan_that_still_holds_is_carried_out() -> None:
    service = FakeService()
    asked, planned = shown_then(service, spec_row(units=3))
    assert service.play(launch_planned(asked, planned)).meta_key == planned.meta_key
