"""`glows.specs()` and `glows.cheapest()` against a sandbox: filters, sorting, captions, refusals."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import glows_nb as glows
from glows_nb.api.models.specs import ExtraResource
from glows_nb.api.offers import rate_for
from glows_nb.frames.tables import Table
from tests.frames.looking import caption, dtypes
from tests.frames.samples import RTX_4090

pytestmark = pytest.mark.usefixtures("reader")


def test_specs_without_limits_are_all_that_is_to_be_rented(everything: Table) -> None:
    assert len(everything) >= 17
    assert everything["price_per_hour"].notna().all()
    assert set(everything["machine_category"]) == {"GPU", "CPU"}


def test_caption_counts_the_offers_and_names_the_image_that_was_chosen(everything: Table) -> None:
    assert caption(everything).startswith(f"{len(everything)} offers for image ")
    assert everything.attrs["image_id"] in caption(everything)
    assert repr(everything).startswith("SANDBOX · ")


def test_named_image_is_the_one_that_is_asked_about() -> None:
    table = glows.specs(image_id="img-87p9kq26")
    assert table.attrs["image_id"] == "img-87p9kq26"
    assert "img-87p9kq26" in caption(table)
    assert set(table["instance_categories"]) == {"container, vm", "container"}


@pytest.mark.parametrize("text", ["4090", "rtx 4090", "GEFORCE RTX 4090"])
def test_gpu_is_a_part_of_the_name_in_any_case(text: str) -> None:
    table = glows.specs(gpu=text)
    assert set(table["gpu"]) == {RTX_4090}
    assert len(table) == 4


def test_gpu_is_text_and_no_pattern(everything: Table) -> None:
    assert len(glows.specs(gpu=".*")) == 0 < len(everything)


def test_region_is_matched_whole_and_in_any_case() -> None:
    assert set(glows.specs(region="tw-03")["region"]) == {"TW-03"}
    assert len(glows.specs(region="TW")) == 0


def test_regions_may_be_several() -> None:
    table = glows.specs(gpu="4090", region=["tw-03", "TW-01"])
    assert set(table["region"]) == {"TW-01", "TW-03"}
    assert glows.cheapest(gpu="4090", region=["TW-03", "TW-04"]).region_name in ("TW-03", "TW-04")
    assert "There is no region 'TW-98' or 'TW-99'; there are JP-01" in caption(glows.specs(region=["TW-98", "TW-99"]))


def test_memory_limit_leaves_out_what_is_smaller_or_unknown() -> None:
    table = glows.specs(min_vram_gb=80)
    assert len(table) > 0
    assert table["vram_gb"].min() == 80
    assert table["gpu"].notna().all()


def test_price_limit_is_included() -> None:
    table = glows.specs(max_price=0.49)
    assert table["price_per_hour"].max() == 0.49
    assert len(glows.specs(max_price=0)) == 0


def test_available_leaves_out_what_is_sold_out(everything: Table) -> None:
    assert (everything["max_units"] == 0).any()
    table = glows.specs(available=True)
    assert table["available"].all()
    assert len(table) == everything["available"].sum()


def test_limits_hold_all_at_once() -> None:
    table = glows.specs(gpu="4090", region="TW-03", max_price=0.5, available=True)
    assert table[["region", "gpu", "price_per_hour"]].values.tolist() == [["TW-03", RTX_4090, 0.49]]


@pytest.mark.parametrize(
    ("word", "column"),
    [
        ("price", "price_per_hour"),
        ("gpu_price", "price_per_gpu_hour"),
        ("vram", "vram_gb"),
        ("ram", "ram_gb"),
        ("gpus", "gpus"),
        ("region", "region"),
    ],
)
def test_sorting_goes_up_and_with_a_minus_down(word: str, column: str, everything: Table) -> None:
    up, down = (list(glows.specs(sort=sort)[column].dropna()) for sort in (word, f"-{word}"))
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert len(up) == len(down) == everything[column].notna().sum()


def test_unknown_values_are_sorted_last_both_ways() -> None:
    for sort in ("vram", "-vram"):
        values = glows.specs(sort=sort)["vram_gb"]
        assert values.isna().any()
        assert values[values.isna()].index.min() > values[values.notna()].index.max()


def test_rows_are_numbered_anew_after_filtering_and_sorting() -> None:
    table = glows.specs(gpu="H100", sort="-price")
    assert list(table.index) == list(range(len(table)))


@pytest.mark.parametrize(("sort", "hint"), [("prise", "price"), ("-regoin", "region"), ("vram_mb", "vram_gb")])
def test_unknown_column_gives_the_nearest_one(sort: str, hint: str) -> None:
    with pytest.raises(glows.InvalidRequest, match=f"did you mean {hint}"):
        glows.specs(sort=sort)


def test_column_like_no_other_gives_all_there_are() -> None:
    with pytest.raises(glows.InvalidRequest, match="price_per_hour") as refused:
        glows.specs(sort="zzzzzz")
    assert refused.value.field == "sort"


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("gpus >= 8", 2),
        ("region in ['JP-01'] and price_per_hour < 4", 1),
        ("gpu.str.contains('H100')", 4),
        ("not available", 3),
        ("vram_gb == 141", 1),
    ],
)
def test_where_takes_an_expression_over_the_columns(expression: str, count: int) -> None:
    assert len(glows.specs(where=expression)) == count


@pytest.mark.parametrize("expression", ["nonsense > 1", "price_per_hour <", "", "@secret == 1"])
def test_expression_that_can_not_be_read_is_refused_in_one_line(expression: str) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        glows.specs(where=expression)
    assert refused.value.field == "where"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("expression", ["gpus", "1", "True", "price_per_hour * 2", "twice = gpus * 2"])
def test_expression_that_is_no_condition_is_refused_and_picks_no_rows_by_number(expression: str) -> None:
    with pytest.raises(glows.InvalidRequest, match="neither true nor false"):
        glows.specs(where=expression)


@pytest.mark.parametrize(
    "limit", [{"min_vram_gb": -1}, {"max_price": -0.01}, {"max_price": float("nan")}, {"min_vram_gb": float("nan")}]
)
def test_limit_that_no_offer_can_have_is_refused(limit: dict[str, Any]) -> None:
    (field,) = limit
    with pytest.raises(glows.InvalidRequest, match="at least 0") as refused:
        glows.specs(**limit)
    assert refused.value.field == field


def test_limits_are_refused_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOWS_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(glows.InvalidRequest):
        glows.specs(max_price=-1)


def test_empty_result_has_the_columns_and_dtypes_of_a_full_one(everything: Table) -> None:
    nothing = glows.specs(gpu="no such thing")
    assert len(nothing) == 0
    assert dtypes(nothing) == dtypes(everything)
    assert isinstance(nothing, Table)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("4080", RTX_4090), ("RTX 5080", "NVIDIA GeForce RTX 5090"), ("4090 Ti", RTX_4090)],
)
def test_empty_result_names_the_gpu_that_is_nearest(text: str, nearest: str) -> None:
    words = caption(glows.specs(gpu=text))
    assert words.startswith("0 offers")
    assert repr(text) in words
    assert words.endswith(f"the nearest is {nearest}")


def test_empty_result_names_the_regions_there_are() -> None:
    assert caption(glows.specs(region="TW-99")).endswith(
        "There is no region 'TW-99'; there are JP-01, TW-01, TW-02, TW-03, TW-04, TW-05, TW-07"
    )


def test_empty_result_of_limits_that_exist_says_that_they_do_not_fit_together() -> None:
    words = caption(glows.specs(gpu="4090", region="JP-01", max_price=4))
    assert words.partition(". ")[2] == (
        "Nothing fits all these limits at once; without gpu there is 1 × NVIDIA H200 in JP-01 at 3.150; "
        "without region there is 1 × NVIDIA GeForce RTX 4090 in TW-01 at 0.390"
    )
    assert caption(glows.specs(gpu="4090", where="price_per_hour > 9")).endswith("these limits at once")


def test_tables_made_from_an_answer_are_plain_frames(everything: Table) -> None:
    cheap = everything[everything["price_per_hour"] < 1]
    assert type(cheap) is pd.DataFrame
    assert type(everything) is Table


def test_gpus_is_the_number_in_one_unit() -> None:
    eight = glows.specs(gpus=8)
    assert set(eight["gpus"]) == {8}
    assert 23.68 in eight["price_per_hour"].tolist()
    assert eight.loc[eight["price_per_hour"] == 23.68, "price_per_gpu_hour"].tolist() == [pytest.approx(2.96)]
    plain = glows.specs(gpus=0)
    assert len(plain) > 0
    assert plain["gpu"].isna().all()
    assert len(glows.specs(gpus=3)) == 0


@pytest.mark.parametrize("gpus", [-1, 1.5, True, float("nan")])
def test_number_of_gpus_that_is_none_is_refused(gpus: Any) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        glows.specs(gpus=gpus)
    assert refused.value.field == "gpus"


def test_wide_offers_have_the_exact_price_and_what_can_be_added(everything: Table) -> None:
    wide = glows.specs(gpu="4090", region="TW-03", wide=True)
    assert wide["millicent_per_hour"].tolist() == [49_000, 55_000]
    assert list(wide.columns)[: len(everything.columns)] == list(everything.columns)
    assert {"unit_qty", "extra_resources"} <= set(wide.columns)


def test_cheapest_is_the_row_with_the_lowest_price_of_what_fits(everything: Table) -> None:
    spec = glows.cheapest(gpu="4090", region="TW-03")
    assert (spec.region_name, spec.rate) == ("TW-03", glows.Rate(49_000))
    anything = glows.cheapest()
    left = everything[(everything["max_units"] > 0) & (everything["gpus"] > 0)]
    assert float(anything.rate.per_hour) == left["price_per_hour"].min()
    assert glows.cheapest(min_vram_gb=80, gpus=8).unit.gpus == 8
    assert not glows.cheapest(gpus=0).unit.gpus


def test_cheapest_takes_nothing_that_is_sold_out(everything: Table) -> None:
    sold_out = everything[everything["max_units"] == 0]
    assert "NVIDIA L40 PCIe" in set(sold_out["gpu"])
    with pytest.raises(glows.NoResourceAvailable, match="without available there is 1 × NVIDIA L40 PCIe in TW-01"):
        glows.cheapest(gpu="L40 PCIe")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"gpu": "4080"}, "No GPU is called like '4080'; the nearest is NVIDIA GeForce RTX 4090"),
        ({"region": "TW-99"}, "There is no region 'TW-99'; there are JP-01"),
        ({"gpu": "4090", "max_price": 0.1}, "without max_price there is 1 × NVIDIA GeForce RTX 4090 in TW-01 at 0.390"),
        ({"min_vram_gb": 80, "max_price": 1}, "without min_vram_gb there is 1 × NVIDIA GeForce RTX 4090"),
    ],
)
def test_nothing_that_fits_says_why_and_what_is_nearest(limits: dict[str, Any], reason: str) -> None:
    with pytest.raises(glows.NoResourceAvailable) as refused:
        glows.cheapest(**limits)
    assert reason in str(refused.value)
    assert str(refused.value).endswith(".")


def test_two_offers_with_one_name_in_one_region_are_two_rows_and_each_can_be_launched(client: glows.Client) -> None:
    table = glows.specs(gpu="4090", region="TW-03", sort="price", client=client)
    assert table["price_per_hour"].tolist() == [0.49, 0.55]
    assert table["ram_gb"].tolist() == [50, 64]
    assert table["resource_id"].is_unique
    image = table.attrs["image_id"]
    for number in range(2):
        request = glows.CreateInstance.from_spec(
            table.iloc[number], from_image_id=image, custom_meta_key=f"row-{number}"
        )
        created = client.instances.create(request)
        running = client.instances.wait(created.instance_id, timeout=20)
        assert running.hardware.ram_mb == [50, 64][number] * 1024
        assert running.price_cent == [49, 55][number]
    specs = [spec for spec in client.specs.all(from_image_id=image) if spec.resource_id in set(table["resource_id"])]
    for spec in specs:
        launched = client.instances.launch(
            base_resource=spec.base_resource,
            region_name="TW-03",
            from_image_id=image,
            name=f"launch {spec.rate}",
            wait=True,
        )
        assert launched.hardware.ram_mb == spec.unit.ram_mb


def test_cheapest_offer_can_be_launched_as_it_is(client: glows.Client) -> None:
    spec = glows.cheapest(gpu="4090", region="TW-03", client=client)
    image = client.images.default().image_id
    request = glows.CreateInstance.from_spec(spec, from_image_id=image, custom_meta_key="cheapest")
    machine = client.instances.wait(client.instances.create(request).instance_id, timeout=20)
    assert machine.rate == spec.rate


def test_offers_by_region_are_the_same_offers(client: glows.Client, everything: Table) -> None:
    image = everything.attrs["image_id"]
    grouped = glows.frames.specs_by_region(client.specs.by_region(0, image))
    flat = everything[everything["machine_category"] == "GPU"]
    assert sorted(grouped["resource_id"]) == sorted(flat["resource_id"])
    assert dtypes(grouped) == dtypes(everything)


def test_extra_resources_and_units_have_their_price(client: glows.Client) -> None:
    sold = [{"resource": {"cpus": 4}, "price": {"millicent_per_hour": 20_000}}]
    spec = client.specs.all()[0].model_copy(update={"extra_resources": tuple(map(ExtraResource.model_validate, sold))})
    base = spec.rate.millicents_per_hour
    assert rate_for(spec, 2) == glows.Rate(2 * base)
    assert rate_for(spec, 2, {"cpus": 8}) == glows.Rate(2 * (base + 40_000))
    assert rate_for(spec, 1, {"cpus": 0, "ram_mb": 0}) == glows.Rate(base)
    for unsold in ({"cpus": 3}, {"ram_mb": 1024}):
        with pytest.raises(glows.InvalidRequest, match="not sold"):
            rate_for(spec, 1, unsold)


def test_an_expression_may_use_the_caller_s_variables(everything: Table) -> None:
    cap = 0.5
    cheap = glows.specs(where="price_per_hour < @cap")
    assert 0 < len(cheap) < len(everything)
    assert cheap["price_per_hour"].lt(cap).all()
    with pytest.raises(glows.InvalidRequest, match="'price_per_hour < @nothing' can't be used"):
        glows.specs(where="price_per_hour < @nothing")
