"""Whatever is offered together can be launched together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.api.models.specs import SPEC_CATEGORIES, Spec
from glows_nb.api.offers import has_left
from glows_nb.money import Rate
from glows_nb.widgets.form.choices import ANYWHERE, Choices, offer_id, offer_label, price_words

REGIONS = ("TW-01", "TW-02", "JP-01")
WORDS = ("container", "vm", "7")


def spec(
    region: str = "TW-01",
    resource: str = "a",
    gpu: str = "NVIDIA H200",
    categories: tuple[int, ...] = (0,),
    units: int = 3,
    avail: bool = True,
    millicents: int = 49_000,
) -> Spec:
    gpus = {"gpu_name": gpu, "gpus": 1} if gpu else {"cpu_name": "some CPU", "gpus": 0}
    return Spec.model_validate(
        {
            "region_name": region,
            "instance_categories": categories,
            "base_resource": {"resource_id": resource, "unit_spec": {**gpus, "cpus": 8, "ram_mb": 43_008}},
            "price": {"millicent_per_hour": millicents},
            "avail": avail,
            "max_available_units": units,
        }
    )


specs: st.SearchStrategy[list[Spec]] = st.lists(
    st.builds(
        spec,
        region=st.sampled_from(REGIONS),
        resource=st.text("abcdef", min_size=1, max_size=2),
        gpu=st.sampled_from(("NVIDIA H200", "NVIDIA L40", "")),
        categories=st.sets(st.sampled_from((0, 1, 7))).map(lambda found: tuple(sorted(found))),
        units=st.integers(0, 3),
        avail=st.booleans(),
        millicents=st.integers(0, 10**6),
    ),
    unique_by=offer_id,
    max_size=12,
)
chosen = st.builds(
    dict,
    category=st.sampled_from((*WORDS, "unheard of")),
    region=st.sampled_from((ANYWHERE, *REGIONS, "gone")),
)


def launchable(offers: list[Spec], category: str) -> list[Spec]:
    return [offer for offer in offers if has_left(offer) and offer.rate is not None and category in offer.categories]


@given(specs, chosen)
def test_every_offered_combination_is_launchable(offers: list[Spec], wanted: dict[str, str]) -> None:
    first = Choices.among(offers, **wanted)
    for category in first.categories:
        for region in (ANYWHERE, *Choices.among(offers, category).regions):
            choices = Choices.among(offers, category, region)
            assert (choices.category, choices.region) == (category, region), "what is offered can be chosen"
            assert choices.offers, "a choice is never a dead end"
            for offer in choices.offers:
                assert offer in launchable(offers, category)


@given(specs, chosen)
def test_chosen_region_never_offers_something_elsewhere(offers: list[Spec], wanted: dict[str, str]) -> None:
    choices = Choices.among(offers, **wanted)
    if choices.region != ANYWHERE:
        assert {offer.region_name for offer in choices.offers} == {choices.region}


@given(specs)
def test_everything_that_can_be_launched_is_offered(offers: list[Spec]) -> None:
    for category in WORDS:
        reachable = Choices.among(offers, category)
        if reachable.category == category:
            expected = launchable(offers, category)
            assert sorted(map(offer_id, reachable.offers)) == sorted(map(offer_id, expected))
            assert reachable.regions == sorted({offer.region_name for offer in expected})
        else:
            assert launchable(offers, category) == []


@given(specs, chosen)
def test_what_does_not_fit_any_more_is_let_go(offers: list[Spec], wanted: dict[str, str]) -> None:
    choices = Choices.among(offers, **wanted)
    assert choices.category in choices.categories or not choices.categories
    assert choices.region in (ANYWHERE, *choices.regions)
    if wanted["category"] in choices.categories:
        assert choices.category == wanted["category"]
        if wanted["region"] in choices.regions:
            assert choices.region == wanted["region"]


@given(specs, chosen)
def test_gpus_come_before_cpus_and_the_cheap_before_the_dear(offers: list[Spec], wanted: dict[str, str]) -> None:
    order = [(not offer.unit.gpus, offer.rate) for offer in Choices.among(offers, **wanted).offers]
    assert order == sorted(order)


@given(specs, chosen)
def test_offer_that_is_not_ambiguous_is_the_cheapest_of_its_name_there(
    offers: list[Spec], wanted: dict[str, str]
) -> None:
    choices = Choices.among(offers, **wanted)
    for offer in choices.offers:
        same = [
            other.rate
            for other in offers
            if has_left(other)
            and other.rate is not None
            and (other.region_name, other.hardware_name) == (offer.region_name, offer.hardware_name)
        ]
        is_alone_the_cheapest = offer.rate == min(same) and same.count(offer.rate) == 1
        assert choices.is_ambiguous(offer) != is_alone_the_cheapest


@given(specs, chosen)
def test_other_regions_are_those_that_have_the_same_hardware_left(offers: list[Spec], wanted: dict[str, str]) -> None:
    choices = Choices.among(offers, **wanted)
    for offer in choices.offers:
        elsewhere = choices.elsewhere(offer)
        like = [other for other in launchable(offers, choices.category) if other.hardware_name == offer.hardware_name]
        assert set(elsewhere) == {other.region_name for other in like} - {offer.region_name}
        assert list(elsewhere.values()) == sorted(elsewhere.values(), key=lambda spec: spec.rate)
        for region, found in elsewhere.items():
            assert found.rate == min(other.rate for other in like if other.region_name == region)


def test_nothing_to_choose_from_is_no_error() -> None:
    for offers in ([], [spec(units=0), spec(avail=False), spec(categories=())]):
        choices = Choices.among(offers, "container", "TW-01")
        assert (choices.offers, choices.regions) == ([], [])


def test_category_words_are_those_that_a_create_takes() -> None:
    assert Choices.among([spec(categories=(0, 1))], "vm").categories == sorted(SPEC_CATEGORIES.values())
    only = Choices.among([spec(categories=(0, 1))], "container", only="vm")
    assert (only.category, only.categories) == ("vm", ["vm"])
    assert Choices.among([spec(categories=(0,))], "container", only="vm").offers == []


@pytest.mark.parametrize(
    ("changes", "with_region", "label"),
    [
        ({}, True, "NVIDIA H200 · 8 CPUs, 42 GB RAM · TW-01 · 0.490/h"),
        ({}, False, "NVIDIA H200 · 8 CPUs, 42 GB RAM · 0.490/h"),
        ({"gpu": "", "millicents": 8000}, False, "some CPU · 8 CPUs, 42 GB RAM · 0.080/h"),
    ],
)
def test_offer_is_one_line_in_the_menu(changes: dict[str, Any], with_region: bool, label: str) -> None:
    assert offer_label(spec(**changes), with_region=with_region) == label


def test_unit_of_several_gpus_says_how_many() -> None:
    eight = spec().model_dump()
    eight["base_resource"]["unit_spec"]["gpus"] = 8
    assert offer_label(Spec.model_validate(eight), with_region=False).startswith("8 × NVIDIA H200 · ")


def test_price_is_told_per_hour_day_and_month() -> None:
    assert price_words(Rate(49_000)) == "0.490 Credits per hour, 11.76 per day, 352.80 per month of 30 days"
