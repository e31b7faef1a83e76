"""What can be rented: the catalogue behind specs and images, their filters and their pages."""

import pytest

from glows_nb.sandbox.catalogue import CATALOGUE, Offer

GENERAL_IMAGE = "img-87p9kq26"
CONTAINER_IMAGE = "img-6np5yvq2"
VM_IMAGE = "img-9rp47yp3"


def specs_of(reader, **params):
    answer = reader.get("/spec/list", **({"machine_category": 0, "from_image_id": GENERAL_IMAGE} | params))
    assert answer["code"] == 0
    return answer["specs"]


def test_catalogue_has_the_twenty_rows_with_their_own_ids_and_prices():
    assert len(CATALOGUE.offers) == len(CATALOGUE.offer_by_id) == 20
    assert all(offer.millicent_per_hour > 0 for offer in CATALOGUE.offers)
    known_prices = [offer for offer in CATALOGUE.offers if "millicent_per_hour" not in offer.invented]
    assert len(known_prices) == 17
    assert sum(offer.stock == 0 for offer in CATALOGUE.offers) == 3
    assert {offer.region for offer in CATALOGUE.offers} == set(CATALOGUE.regions)


def test_catalogue_marks_only_fields_that_exist_as_invented():
    fields = set(Offer.__dataclass_fields__)
    assert all(offer.invented <= fields for offer in CATALOGUE.offers)


def test_images_have_ids_of_the_real_alphabet_and_none_twice():
    assert len(CATALOGUE.images) == len(CATALOGUE.image_by_hash) == 47
    assert all(len(image.hash) == 8 for image in CATALOGUE.images)
    assert set("".join(CATALOGUE.image_by_hash)) <= set("123456789bdegjklmnopqrvwxyz")


def test_gpu_and_cpu_machines_are_of_different_categories(reader):
    assert len(specs_of(reader)) == 17
    assert len(specs_of(reader, machine_category=1)) == 3
    assert all(spec["base_resource"]["unit_spec"]["gpus"] == 0 for spec in specs_of(reader, machine_category=1))
    assert specs_of(reader, machine_category=3) == []


def test_one_name_can_have_two_prices_in_one_region(reader):
    rows = [
        (spec["price"]["millicent_per_hour"], spec["base_resource"]["resource_id"])
        for spec in specs_of(reader, region_name="TW-03")
        if spec["base_resource"]["unit_spec"]["gpu_name"] == "NVIDIA GeForce RTX 4090"
    ]
    assert [price for price, _ in rows] == [49000, 55000]
    assert rows[0][1] != rows[1][1]


def test_specs_are_those_that_the_image_can_run_on(reader):
    assert {tuple(s["instance_categories"]) for s in specs_of(reader, from_image_id=CONTAINER_IMAGE)} == {(0,)}
    assert {tuple(s["instance_categories"]) for s in specs_of(reader, from_image_id=VM_IMAGE)} == {(1,)}
    both = {tuple(s["instance_categories"]) for s in specs_of(reader)}
    assert both == {(0, 1), (0,)}
    assert len(specs_of(reader, from_image_id=VM_IMAGE)) == 16  # no VMs on the RTX 5090


def test_instance_category_filters_specs(reader):
    assert len(specs_of(reader, instance_category=0)) == 17
    assert len(specs_of(reader, instance_category=1)) == 16
    assert specs_of(reader, from_image_id=CONTAINER_IMAGE, instance_category=1) == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"machine_category": None}, 6),
        ({"machine_category": 4}, 6),
        ({"machine_category": "gpu"}, 6),
        ({"from_image_id": None}, 6),
        ({"from_image_id": "img-99999999"}, 6),
        ({"instance_category": 2}, 6),
        ({"by_region": "maybe"}, 6),
        ({"per_page": 21}, 6),
        ({"page": -1}, 6),
        ({"region_name": "TW-99"}, 206),
        ({"region_name": "r" * 129}, 6),
        ({"page": 0, "per_page": 0}, 0),
        ({"from_image_id": "87p9kq26"}, 0),
    ],
)
def test_spec_parameters_are_checked(reader, params, code):
    wanted = {"machine_category": 0, "from_image_id": GENERAL_IMAGE} | params
    answer = reader.get("/spec/list", **{name: value for name, value in wanted.items() if value is not None})
    assert answer["code"] == code


def test_specs_page_with_a_default_of_twenty(reader):
    first = reader.get("/spec/list", machine_category=0, from_image_id=GENERAL_IMAGE)
    assert first["pagination"] == {"total": 17, "numPages": 1, "page": 1, "perPage": 20}
    parts = [specs_of(reader, page=page, per_page=7) for page in (1, 2, 3, 4)]
    assert [len(part) for part in parts] == [7, 7, 3, 0]
    assert [spec for part in parts for spec in part] == first["specs"]


def test_specs_by_region_page_over_regions(reader):
    answer = reader.get("/spec/list", machine_category=0, from_image_id=GENERAL_IMAGE, by_region="true", per_page=2)
    assert answer["specs"] == []
    assert answer["pagination"] == {"total": 7, "numPages": 4, "page": 1, "perPage": 2}
    assert [region["region_name"] for region in answer["regions"]] == ["TW-03", "TW-04"]
    assert [len(region["specs"]) for region in answer["regions"]] == [2, 2]


def test_images_page_newest_first_without_gaps(reader):
    pages = [reader.get("/image/list", page=page) for page in (1, 2, 3)]
    images = [image for page in pages for image in page["images"]]
    assert pages[0]["pagination"] == {"total": 47, "numPages": 3, "page": 1, "perPage": 20}
    assert len({image["image_id"] for image in images}) == 47
    times = [image["create_time"] for image in images]
    assert times == sorted(times, reverse=True)


def test_images_are_found_by_words_of_their_names(reader):
    names = [image["name"] for image in reader.get("/image/list", keywords="comfyui flux")["images"]]
    assert names == ["ComfyUI FLUX.1-Kontext", "ComfyUI FLUX"]
    assert reader.get("/image/list", keywords="k" * 101)["code"] == 6


def test_nobody_owns_a_public_image(reader):
    answer = reader.get("/image/list", owned="true")
    assert (answer["images"], answer["pagination"]["total"]) == ([], 0)
