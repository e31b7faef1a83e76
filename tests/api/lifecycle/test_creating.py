"""The safe create, step by step, with the service played by the test."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.api.errors import (
    AmbiguousResult,
    GlowsError,
    InvalidRequest,
    MachineDiffers,
    MetaKeyExists,
    NoResourceAvailable,
    PriceTooHigh,
    StalePlan,
    TransportError,
    UserNodeQtyExceedQuota,
)
from glows_nb.api.lifecycle.creating import create, launch, launch_planned
from glows_nb.api.lifecycle.keys import find_newest, key_for_name, key_of_generation
from glows_nb.api.lifecycle.launch_request import LaunchRequest, checked_launch
from glows_nb.api.lifecycle.planning import plan
from tests.api.fake_service import FakeService, instance_row, spec_row

MARK = "0123abcd"
KEY = f"train-{MARK}"
RTX_4090 = "NVIDIA GeForce RTX 4090"
LOST = ("lost before", "lost after", "done late", "code 1", "code 999")


def wanted(**fields: Any) -> LaunchRequest:
    usual = {"from_image_id": "img-87p9kq26", "gpu_name": RTX_4090, "region_name": "TW-03", "name": "train"}
    return checked_launch(MARK, **(usual | fields))


def running(key: str = KEY, **fields: Any) -> dict[str, Any]:
    hardware = {"gpuName": RTX_4090, "gpuNum": 1}
    return instance_row(key, 7, "Running", hardware=hardware) | fields


def test_first_launch_rents_one_machine_under_the_marked_key() -> None:
    service = FakeService()
    assert service.play(launch(wanted())).meta_key == KEY
    assert list(service.machines) == [KEY]


def test_second_launch_finds_the_machine_of_the_first() -> None:
    service = FakeService()
    first = service.play(launch(wanted()))
    assert service.play(launch(wanted())).instance_id == first.instance_id
    assert service.creates() == 1


def test_launch_after_the_machine_ended_uses_the_next_generation() -> None:
    service = FakeService(machines={KEY: running(status="Finished")})
    assert service.play(launch(wanted())).meta_key == f"{KEY}.2"


@pytest.mark.parametrize("generations", [1, 2, 3, 7, 8, 100, 1000])
def test_the_newest_generation_is_found_in_logarithmically_many_look_ups(generations: int) -> None:
    keys = [key_of_generation(KEY, number) for number in range(1, generations + 1)]
    service = FakeService(machines={key: running(key, status="Finished") for key in keys})
    newest, number = service.play(find_newest(KEY))
    assert newest is not None
    assert (newest.meta_key, number) == (keys[-1], generations)
    assert len(service.asked) <= 2 * generations.bit_length() + 1


@pytest.mark.parametrize("fault", LOST)
def test_a_create_whose_answer_was_lost_makes_one_machine(fault: str) -> None:
    service = FakeService(faults=[fault])
    made = service.play(launch(wanted()))
    service.commit_late()
    assert [row["instanceID"] for row in service.machines.values()] == [made.instance_id]


def test_a_create_that_never_left_is_sent_again_after_a_pause() -> None:
    service = FakeService(faults=["not sent", "rate limited"])
    service.play(launch(wanted(), backoff=0.5))
    assert service.creates() == 3
    assert service.pauses == [0.5, 1.0]


def test_a_service_that_can_not_be_reached_is_a_transport_error_and_not_ambiguous() -> None:
    with pytest.raises(TransportError):
        FakeService(faults=["not sent"] * 3).play(launch(wanted()))


def test_a_create_that_stays_lost_is_ambiguous_and_names_its_key() -> None:
    with pytest.raises(AmbiguousResult, match=KEY):
        FakeService(faults=["lost before"] * 3).play(launch(wanted()))


def test_a_refusal_after_a_lost_create_is_still_ambiguous() -> None:
    service = FakeService(faults=["done late", "code 215"])
    with pytest.raises(AmbiguousResult, match=KEY):
        service.play(launch(wanted()))
    service.commit_late()
    assert list(service.machines) == [KEY]


@given(
    faults=st.lists(st.sampled_from([*LOST, "not sent", "rate limited", "done", "code 215"]), max_size=8),
    launches=st.integers(1, 3),
    commits=st.booleans(),
)
def test_no_order_of_faults_makes_two_machines_or_one_unknown_to_the_caller(
    faults: list[str], launches: int, commits: bool
) -> None:
    service = FakeService(faults=list(faults))
    for _ in range(launches):
        known: set[str] = set()
        try:
            known.add(service.play(launch(wanted(), backoff=0)).meta_key)
        except AmbiguousResult as error:
            assert KEY in str(error)
            known.add(KEY)
        except GlowsError:
            pass
        if commits:
            service.commit_late()
        assert set(service.machines) <= {KEY}
        assert set(service.machines) <= known | ({KEY} if service.late else set())


def test_a_raw_create_of_a_taken_key_is_refused() -> None:
    service = FakeService(machines={"order.1": running("order.1")})
    request = wanted(name=None, meta_key="order.1").template
    with pytest.raises(MetaKeyExists):
        service.play(create(request))


def test_a_key_of_somebody_else_is_said_and_nothing_moves_on() -> None:
    service = FakeService(foreign_keys={KEY}, specs=[spec_row("TW-03"), spec_row("TW-04")])
    with pytest.raises(MetaKeyExists, match="somebody else"):
        service.play(launch(wanted(regions=["TW-04"])))
    assert service.creates() == 1


def test_two_kernels_that_launch_at_once_get_the_same_machine() -> None:
    """Both have planned before either creates: the second is refused by the key, and takes the first's machine."""
    service = FakeService()
    first, second = launch(wanted()), launch(wanted())
    steps = {first: next(first), second: next(second)}
    results = []
    while steps:
        for generator, step in list(steps.items()):
            try:
                try:
                    answer = service.answer(step)
                except GlowsError as error:
                    steps[generator] = generator.throw(error)
                else:
                    steps[generator] = generator.send(answer)
            except StopIteration as stop:
                results.append(stop.value.instance_id)
                del steps[generator]
    assert len(service.machines) == 1
    assert results[0] == results[1]


@pytest.mark.parametrize("code", [215, 206, 208])
def test_the_next_region_is_tried_after_these_refusals(code: int) -> None:
    service = FakeService(faults=[f"code {code}"], specs=[spec_row("TW-03"), spec_row("TW-04")])
    assert service.play(launch(wanted(regions=["TW-04"]))).region_name == "TW-04"


def test_no_other_refusal_moves_on_to_the_next_region() -> None:
    service = FakeService(faults=["code 198"], specs=[spec_row("TW-03"), spec_row("TW-04")])
    with pytest.raises(UserNodeQtyExceedQuota):
        service.play(launch(wanted(regions=["TW-04"])))
    assert service.creates() == 1


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"hardware": {"gpuName": "NVIDIA H200", "gpuNum": 1}}, "GPU"),
        ({"hardware": {"gpuName": RTX_4090, "gpuNum": 4}}, "4 GPUs"),
        ({"category": "vm"}, "vm"),
        ({"baseImage": {"imageID": "img-6np5yvq2", "imageName": ""}}, "image"),
    ],
)
def test_a_machine_that_differs_is_not_taken_for_the_one_asked_for(change: dict[str, Any], difference: str) -> None:
    service = FakeService(machines={KEY: running(**change)})
    with pytest.raises(MachineDiffers, match=difference):
        service.play(launch(wanted()))
    assert service.play(launch(wanted(), adopt=True)).instance_id == "ins-00000007"
    assert service.creates() == 0


def test_a_unit_of_eight_gpus_does_not_differ_from_one_unit_asked_for() -> None:
    service = FakeService(
        machines={KEY: running(hardware={"gpuName": RTX_4090, "gpuNum": 8})}, specs=[spec_row(gpus=8)]
    )
    assert service.play(launch(wanted())).instance_id == "ins-00000007"


def test_a_legacy_image_id_does_not_differ_from_the_same_one_with_a_prefix() -> None:
    service = FakeService(machines={KEY: running()})
    assert service.play(launch(wanted(from_image_id="87p9kq26"))).instance_id == "ins-00000007"


def test_of_two_offers_with_one_name_the_cheaper_is_pinned() -> None:
    offers = [spec_row(millicents=55_000, resource_id="b"), spec_row(millicents=49_000, resource_id="a")]
    (candidate,) = FakeService(specs=offers).play(plan(wanted())).candidates
    assert candidate.request.gpu_name is None
    assert candidate.request.base_resource is not None
    assert candidate.request.base_resource.resource_id == "a"


def test_one_offer_of_a_name_is_asked_for_by_its_name() -> None:
    (candidate,) = FakeService().play(plan(wanted())).candidates
    assert candidate.request.gpu_name == RTX_4090
    assert candidate.request.base_resource is None


def test_nothing_is_rented_above_the_price_cap() -> None:
    service = FakeService()
    with pytest.raises(PriceTooHigh, match=r"0\.980"):
        service.play(launch(wanted(unit_qty=2, max_price_per_hour=0.97)))
    assert service.creates() == 0


def test_nothing_is_sent_where_the_offers_say_that_too_few_are_left() -> None:
    service = FakeService(specs=[spec_row(units=1), spec_row("TW-01", units=3)])
    with pytest.raises(NoResourceAvailable, match="TW-03 has 1 left, asked were 2; regions that have it: TW-01"):
        service.play(launch(wanted(unit_qty=2)))
    assert service.creates() == 0


def test_an_unknown_region_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="TW-99 offers nothing; there are TW-03"):
        FakeService().play(plan(wanted(region_name="TW-99")))


def test_a_plan_that_no_longer_holds_rents_nothing() -> None:
    for change, what in (
        ([spec_row(millicents=60_000)], "price"),
        ([spec_row(units=0), spec_row("TW-04")], "TW-03 has 0 left, asked were 1"),
    ):
        service = FakeService(specs=[spec_row("TW-03"), spec_row("TW-04")])
        asked = wanted(regions=["TW-04"])
        planned = service.play(plan(asked))
        service.specs = change
        with pytest.raises(StalePlan, match=what):
            service.play(launch_planned(asked, planned))
        assert service.creates() == 0


def test_a_plan_says_what_each_of_its_regions_costs() -> None:
    service = FakeService(specs=[spec_row("TW-03"), spec_row("TW-04", millicents=90_000)])
    planned = service.play(plan(wanted(regions=["TW-04"])))
    assert str(planned).endswith("If none is left: TW-04 at 0.900 Credits/h.")
    assert (str(planned.rate), str(planned.highest_rate)) == ("0.490 Credits/h", "0.900 Credits/h")


def test_a_plan_that_would_cost_more_than_the_cap_by_now_says_so() -> None:
    service = FakeService(specs=[spec_row("TW-03"), spec_row("TW-04")])
    asked = wanted(regions=["TW-04"], max_price_per_hour=0.6)
    planned = service.play(plan(asked))
    service.specs = [spec_row("TW-03", millicents=90_000), spec_row("TW-04")]
    with pytest.raises(StalePlan, match=r"TW-03 costs 0\.900 Credits/h, the cap is 0\.600"):
        service.play(launch_planned(asked, planned))
    assert service.creates() == 0


@pytest.mark.parametrize(
    ("by_now", "error", "creates"),
    [
        pytest.param([spec_row("TW-03"), spec_row("TW-04", millicents=90_000)], StalePlan, 0, id="dearer than shown"),
        pytest.param([spec_row("TW-03"), spec_row("TW-01")], NoResourceAvailable, 1, id="not shown"),
    ],
)
def test_a_region_is_not_fallen_back_to_at_a_price_that_was_not_shown(
    by_now: list[dict[str, Any]], error: type[GlowsError], creates: int
) -> None:
    service = FakeService(specs=[spec_row("TW-03"), spec_row("TW-04")], faults=["code 215"])
    asked = wanted(regions=["TW-04", "TW-01"])
    planned = service.play(plan(asked))
    service.specs = by_now
    with pytest.raises(error):
        service.play(launch_planned(asked, planned))
    assert service.creates() == creates
    assert service.machines == {}


def test_a_region_is_fallen_back_to_at_the_price_that_was_shown() -> None:
    service = FakeService(specs=[spec_row("TW-03"), spec_row("TW-04")], faults=["code 215"])
    asked = wanted(regions=["TW-04"])
    planned = service.play(plan(asked))
    assert service.play(launch_planned(asked, planned)).region_name == "TW-04"


def test_a_plan_is_stale_when_the_machine_is_there_by_now() -> None:
    service = FakeService()
    planned = service.play(plan(wanted()))
    service.machines[KEY] = running()
    with pytest.raises(StalePlan, match="ins-00000007") as stale:
        service.play(launch_planned(wanted(), planned))
    assert stale.value.existing is not None
    assert stale.value.existing.instance_id == "ins-00000007"
    service.machines[KEY] = running(hardware={"gpuName": "NVIDIA H200", "gpuNum": 1})
    with pytest.raises(MachineDiffers):
        service.play(launch_planned(wanted(), planned))


def test_a_plan_that_holds_is_carried_out() -> None:
    service = FakeService()
    planned = service.play(plan(wanted()))
    assert "0.490 Credits/h, 11.76 Credits per day" in str(planned)
    assert service.play(launch_planned(wanted(), planned)).meta_key == planned.meta_key


@pytest.mark.parametrize("name", ["", "n" * 65, "line\nend", " space"])
def test_a_name_that_can_not_be_a_key_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        wanted(name=name)


@given(st.text("abcdefghij-. ", min_size=1, max_size=64))
def test_every_name_gives_a_key_with_room_for_generations(name: str) -> None:
    key = key_for_name(name, MARK)
    assert len(key_of_generation(key, 99_999)) <= 64
    assert key.endswith(MARK)


def test_long_names_that_begin_alike_have_different_keys() -> None:
    assert key_for_name("n" * 63 + "a", MARK) != key_for_name("n" * 63 + "b", MARK)


def test_a_key_derived_from_arguments_depends_on_each_of_them() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"gpu_name": "NVIDIA H200"},
        {"region_name": "TW-04"},
        {"unit_qty": 2},
        {"ports": [8000]},
        {"envs": {"A": "1"}},
        {"cmd": "sleep 1"},
        {"instance_category": "vm"},
        {"from_image_id": "img-6np5yvq2"},
    ]
    keys = {wanted(name=None, **change).key for change in changes}
    assert len(keys) == len(changes)
    assert wanted(name=None).key == wanted(name=None).key


# Names as people write them.

H100S = [
    spec_row("TW-01", gpu="NVIDIA H100 PCIe", millicents=200_000, resource_id="pcie"),
    spec_row("TW-02", gpu="NVIDIA H100 SXM5", millicents=250_000, resource_id="sxm"),
]


@pytest.mark.parametrize("gpu", ["4090", "rtx4090", "RTX_4090", "NVIDIA GeForce RTX 4090"])
@pytest.mark.parametrize("region", ["TW-03", "tw03", "tw-03", "TW_03"])
def test_gpu_and_region_are_understood_as_they_are_written(gpu: str, region: str) -> None:
    service = FakeService(specs=[*H100S, spec_row("TW-03")])
    planned = service.play(plan(wanted(gpu_name=gpu, region_name=region)))
    (candidate,) = planned.candidates
    assert (candidate.request.gpu_name, candidate.region_name) == ("NVIDIA GeForce RTX 4090", "TW-03")
    assert service.play(launch(wanted(gpu_name=gpu, region_name=region))).region_name == "TW-03"
    again = service.play(launch(wanted(gpu_name="NVIDIA GeForce RTX 4090", region_name="TW-03")))
    assert again.meta_key == planned.meta_key
    assert service.creates() == 1


def test_a_name_that_may_mean_several_rents_none_and_lists_them_with_prices() -> None:
    service = FakeService(specs=H100S)
    said = r"gpu_name: 'H100' may mean NVIDIA H100 PCIe \(from 2\.000 Credits/h\) or NVIDIA H100 SXM5 \(from 2\.500"
    with pytest.raises(InvalidRequest, match=said):
        service.play(launch(wanted(gpu_name="H100", regions=["TW-01", "TW-02"])))
    assert service.creates() == 0


def test_a_gpu_that_nobody_offers_is_not_called_sold_out() -> None:
    with pytest.raises(
        NoResourceAvailable, match="No GPU is called like '4091'; the nearest is 'NVIDIA GeForce RTX 4090'"
    ):
        FakeService().play(launch(wanted(gpu_name="4091")))


def test_the_machine_of_another_gpu_is_another_machine_also_for_a_short_name() -> None:
    service = FakeService(machines={KEY: running(hardware={"gpuName": "NVIDIA L40S PCIe", "gpuNum": 1})})
    with pytest.raises(MachineDiffers, match="its GPU is NVIDIA L40S PCIe, asked was L40"):
        service.play(launch(wanted(gpu_name="L40")))
    assert service.play(launch(wanted(gpu_name="l40s"))).instance_id == "ins-00000007"
