"""What stands in a form: what is wrong with it by field, the launch that it means, and the same as Python."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

import glows_nb as glows
from glows_nb.api.models.specs import Spec
from glows_nb.widgets.form.choices import Choices, offer_id
from glows_nb.widgets.form.model import Filled, as_python, field_of, hints, launch_arguments, problems, reason

IMAGE = "img-6ypgvgpw"


@pytest.fixture(scope="module")
def specs(shared_sandbox: glows.Sandbox) -> list[Spec]:
    with shared_sandbox.client() as client:
        return client.specs.all(from_image_id=IMAGE)


@pytest.fixture
def choices(specs: list[Spec]) -> Choices:
    return Choices.among(specs, "container")


@pytest.fixture
def filled(choices: Choices) -> Filled:
    offer = next(spec for spec in choices.offers if spec.region_name == "TW-04" and "4090" in spec.hardware_name)
    return Filled(image_id=IMAGE, offer=offer)


def test_a_form_with_an_offer_has_nothing_wrong(filled: Filled, choices: Choices) -> None:
    assert problems(filled, choices) == {}
    assert hints(filled) == {}
    assert launch_arguments(filled, choices)["max_price_per_hour"] == filled.offer.rate.per_hour


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": "x" * 65}, "name", "65 characters"),
        ({"name": "a\tb"}, "name", "control character"),
        ({"ports": (("70000", "http"),)}, "ports", "65535"),
        ({"ports": (("eighty", "tcp"),)}, "ports", "is not a port"),
        ({"ports": (("80", "http"), (" 80 ", "tcp"))}, "ports", "80 is there twice"),
        ({"envs": (("A=B", SecretStr("x")),)}, "envs", "which the wire can't carry"),
        ({"envs": (("", SecretStr("x")),)}, "envs", "is empty"),
        ({"envs": (("A", SecretStr("x;y")),)}, "envs", "holds ';'"),
        ({"envs": (("A", SecretStr("x")), ("A", SecretStr("y")))}, "envs", "A is there twice"),
        ({"envs": (("A", SecretStr("x" * 600)),)}, "envs", "the limit is 512"),
        ({"command": "x" * 513}, "command", "513 characters"),
        ({"command": "sleep 1", "category": "vm"}, "command", "containers only"),
        ({"network_id": "net-a", "public_ip_id": "net-b"}, "public_ip", "not both"),
        ({"fallbacks": ("TW-01", "TW-01")}, "fallbacks", "TW-01 is there twice"),
        ({"cap": "free"}, "cap", "'free' is not a number of Credits above 0"),
        ({"cap": "-1"}, "cap", "above 0"),
        ({"cap": "nan"}, "cap", "above 0"),
        ({"cap": "0.1"}, "cap", "below the price of 0.490"),
        ({"offer": None}, "gpu", "Nothing is left"),
        ({"image_id": ""}, "source", "Nothing is chosen to start from"),
    ],
)
def test_what_is_wrong_is_said_of_the_field_that_it_is_in(
    change: dict[str, Any], field: str, words: str, filled: Filled, choices: Choices
) -> None:
    wrong = replace(filled, **change)
    found = problems(wrong, choices)
    assert list(found) == [field]
    assert words in found[field]
    assert field != "envs" or "xxx" not in found[field], "no value of a variable is repeated"
    with pytest.raises(glows.InvalidRequest):
        launch_arguments(wrong, choices)


def test_all_that_is_wrong_is_known_at_once(filled: Filled, choices: Choices) -> None:
    wrong = replace(filled, name="x" * 65, ports=(("x", "tcp"),), cap="x", command="x" * 600)
    assert set(problems(wrong, choices)) == {"name", "ports", "cap", "command"}


def test_port_8888_is_worth_a_word_and_no_error(filled: Filled, choices: Choices) -> None:
    taken = replace(filled, ports=(("8888", "http"),))
    assert problems(taken, choices) == {}
    assert "Jupyter" in hints(taken)["ports"]


def test_errors_of_a_launch_belong_to_fields_of_the_form() -> None:
    error = glows.InvalidRequest("cmd", "'x' is refused: it is too long.")
    assert (field_of(error), reason(error)) == ("command", "'x' is refused: it is too long.")
    assert field_of(glows.InvalidRequest("ports.0.port", "no")) == "ports"
    assert field_of(glows.InvalidRequest("name", "no")) == "name"


def test_cap_is_the_price_of_the_dearest_region_that_may_be_taken(filled: Filled, choices: Choices) -> None:
    elsewhere = choices.elsewhere(filled.offer)
    regions = tuple(elsewhere)
    dearest = max([filled.offer, *elsewhere.values()], key=lambda spec: spec.rate)
    arguments = launch_arguments(replace(filled, fallbacks=regions, units=2), choices)
    assert arguments["regions"] == list(regions)
    assert arguments["max_price_per_hour"] == (dearest.rate * 2).per_hour


def test_dearer_of_two_offers_of_one_name_is_pinned_and_has_no_other_region(choices: Choices, filled: Filled) -> None:
    cheap, dear = sorted(
        (spec for spec in choices.offers if spec.region_name == "TW-03" and "4090" in spec.hardware_name),
        key=lambda spec: spec.rate,
    )
    assert launch_arguments(replace(filled, offer=cheap), choices)["gpu_name"] == cheap.hardware_name
    assert launch_arguments(replace(filled, offer=dear), choices)["base_resource"] == dear.base_resource
    wrong = problems(replace(filled, offer=dear, fallbacks=("TW-01",)), choices)
    assert "Only TW-03 has this very offer" in wrong["fallbacks"]


@pytest.mark.parametrize(
    "change",
    [
        {"snapshot_id": "snp-1"},
        {"envs": (("A", SecretStr("x")),)},
        {"command": "sleep 9"},
        {"network_id": "net-1"},
        {"units": 2},
        {"ports": (("80", "tcp"),)},
    ],
)
def test_without_a_name_each_choice_has_its_own_and_no_secret_is_in_it(
    change: dict[str, Any], filled: Filled, choices: Choices
) -> None:
    name = launch_arguments(filled, choices)["name"]
    other = replace(filled, **change)
    assert launch_arguments(other, choices)["name"] != name
    assert launch_arguments(replace(filled, cap="3"), choices)["name"] == name
    secret = replace(other, envs=tuple((name, SecretStr("other")) for name, _ in other.envs))
    assert launch_arguments(secret, choices)["name"] == launch_arguments(other, choices)["name"]


def test_code_takes_the_client_in_use_where_the_form_did(filled: Filled, choices: Choices) -> None:
    code = as_python(replace(filled, envs=(("A", SecretStr("x")),)), choices, client_is_given=False)
    assert code.startswith(
        "import os\n\nimport glows_nb as glows\n\nclient = glows.current_client()\nclient.instances."
    )
    assert "current_client" not in as_python(filled, choices)


@pytest.mark.parametrize("place", [("TW-04", 0), ("TW-03", 1)])
def test_code_run_as_it_stands_finds_the_machine_that_the_form_launched(
    place: tuple[str, int], client: glows.Client, choices: Choices, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, number = place
    offer = sorted(
        (spec for spec in choices.offers if spec.region_name == region and "4090" in spec.hardware_name),
        key=lambda spec: (spec.rate, offer_id(spec)),
    )[number]
    secret = "hf-secret-value"
    whole = replace(
        filled,
        offer=offer,
        name='the "best" one',
        ports=(("8000", "http"), ("3306", "tcp")),
        envs=(("HF_TOKEN", SecretStr(secret)),),
        command="sleep 1000; echo 'ä'",
        cap="1.5",
    )
    launched = client.instances.launch(**launch_arguments(whole, choices))
    code = as_python(whole, choices)
    assert secret not in code
    monkeypatch.setenv("HF_TOKEN", secret)
    *before, call = code.rsplit("client.instances.launch", 1)
    names: dict[str, Any] = {"client": client, "os": os}
    exec("".join(before) + "again = client.instances.launch" + call, names)  # noqa: S102 - what is tested is code
    assert names["again"].instance_id == launched.instance_id
    assert launched.price_cent in (0, offer.rate.millicents_per_hour // 1000)
    assert len(client.instances.all()) == 1
