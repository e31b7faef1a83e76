"""`glows.plan()` and `glows.launch()`: the same plan from words, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import glows_nb as glows
from glows_nb.api.observing import Answered, Event, Sending
from glows_nb.commands import run
from glows_nb.connection import used_for_a_while
from glows_nb.money import Rate
from glows_nb.renting.words import Words
from glows_nb.widgets.form.choices import Choices
from glows_nb.widgets.form.model import Filled, resolved

PYTORCH = "CUDA12.8 Torch2.8.0 Base"


@pytest.fixture(autouse=True)
def in_use(client: glows.Client) -> Iterator[None]:
    with used_for_a_while(client):
        yield


def sent(client: glows.Client) -> list[str]:
    """The operations that the client asks for from now on."""
    names: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Answered | Sending):
            names.append(event.operation.name)

    client.observers.add(note)
    return names


def image_named(client: glows.Client, name: str) -> str:
    return next(image.image_id for image in client.images.all() if image.name == name)


def test_plan_is_the_cheapest_region_under_the_cap_and_rents_nothing(client: glows.Client) -> None:
    plan = glows.plan(gpu="4090", name="train", max_price=0.60)
    offers = [spec for spec in client.specs.all() if spec.unit.gpu_name == "NVIDIA GeForce RTX 4090" and spec.avail]
    cheapest = min(offers, key=lambda spec: spec.price_order)
    assert (plan.existing, plan.cap, plan.rate) == (None, Rate.cap("0.60"), cheapest.rate)
    assert plan.candidates[0].region_name == cheapest.region_name
    assert [candidate.rate for candidate in plan.candidates] == sorted(
        (candidate.rate for candidate in plan.candidates), key=lambda rate: rate.millicents_per_hour
    )
    assert client.instances.all() == []


def test_launch_twice_is_one_machine_and_the_plan_says_that_it_is_there(client: glows.Client) -> None:
    first = glows.launch("4090", name="train", wait=True)
    assert first.status == "Running"
    assert glows.launch("4090", name="train").instance_id == first.instance_id
    there = glows.plan("4090", name="train").existing
    assert there is not None
    assert there.instance_id == first.instance_id
    assert len(client.instances.all()) == 1


def test_plan_carries_itself_out(client: glows.Client) -> None:
    machine = glows.plan(gpu="4090", region="TW-03", name="x").launch()
    assert (machine.region_name, machine.hardware.gpu_name) == ("TW-03", "NVIDIA GeForce RTX 4090")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"gpu": "4090"}, "launch --gpu 4090"),
        ({"gpu": "4090", "ports": 8000}, "launch --gpu 4090 --port 8000"),
        ({"gpu": "4090", "ports": {"8001", 8000}}, "launch --gpu 4090 --port 8001 --port 8000"),
        ({"gpu": "4090", "region": ["TW-04", "TW-03"]}, "launch --gpu 4090 --region TW-04 --region TW-03"),
        ({"gpu": "4090", "cmd": "sleep 9", "envs": {"A": "1"}}, "launch --gpu 4090 --cmd 'sleep 9' --env A=2"),
        ({"gpu": "4090", "image": PYTORCH}, f"launch --gpu 4090 --image '{PYTORCH}'"),
        ({"gpu": "4090", "units": 2, "max_price": 5}, "launch --gpu 4090 --units 2"),
        ({"cpu": "8468", "remark": "prepares"}, "launch --cpu 8468"),
    ],
)
def test_words_without_a_name_find_the_machine_of_the_same_command(
    words: dict[str, Any], line: str, client: glows.Client
) -> None:
    machine = glows.launch(**words)
    planned = run(f"{line} --dry-run")
    assert planned.existing.instance_id == machine.instance_id
    assert glows.plan(**words).meta_key == machine.meta_key


def test_the_form_makes_the_same_plan_of_the_same_choice(client: glows.Client) -> None:
    image_id = image_named(client, PYTORCH)
    specs = client.specs.all(from_image_id=image_id)
    choices = Choices.among(specs, "container", "TW-03")
    offer = next(spec for spec in choices.offers if "4090" in spec.hardware_name)
    assert offer.rate is not None
    of_form = resolved(Filled(image_id=image_id, offer=offer, name="train"), choices).plan(client)
    of_words = glows.plan("4090", image=PYTORCH, region="TW-03", name="train", max_price=offer.rate.per_hour)
    assert of_form == of_words


@pytest.mark.parametrize(
    "word", ["cuda12.8 torch2.8.0 base", "Torch 2.8.0", "CUDA 12.8 Torch2.8.0 BASE", "img-6ypgvgpw"]
)
def test_image_by_a_name_as_people_write_it(word: str, client: glows.Client) -> None:
    plan = glows.plan("4090", image=word, name="x")
    assert plan.candidates[0].request.from_image_id == image_named(client, PYTORCH)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("Ollama", r"image: 'Ollama' may mean .*\(img-\w{8}\), .*; give the id of one\."),
        ("no such image", r"image: there is no image 'no such image'; there are: .*\(img-\w{8}\), .*, …\."),
        ("img-88888888", r"image: you have none with the id 'img-88888888'; to see them: glows\.images\(\)"),
    ],
)
def test_image_that_is_none_or_several_is_refused_with_what_there_is(word: str, said: str) -> None:
    with pytest.raises(glows.InvalidRequest, match=said):
        glows.plan("4090", image=word)


def test_snapshot_by_the_name_that_it_was_given_from_here(client: glows.Client) -> None:
    machine = glows.launch("4090", name="train", wait=True)
    older = client.snapshots.create(machine.instance_id, "weights").snapshot_ids[0]
    client.instances.wait(machine.instance_id)
    newer = client.snapshots.create(machine.instance_id, "weights").snapshot_ids[0]
    assert older != newer
    with pytest.raises(glows.InvalidRequest, match=f"snapshot: the newest called 'weights', {newer}, is not available"):
        glows.plan("4090", snapshot="weights")
    client.instances.wait(machine.instance_id)
    request = glows.plan("4090", snapshot="weights", name="again").candidates[0].request
    assert (request.from_snap_id, request.from_image_id) == (newer, None)
    assert glows.plan("4090", snapshot=older).candidates[0].request.from_snap_id == older
    with pytest.raises(glows.InvalidRequest, match="snapshot: there is no snapshot 'data'; there are: snap-"):
        glows.plan("4090", snapshot="data")


def test_network_and_public_ip_by_their_names(client: glows.Client, sandbox: glows.Sandbox) -> None:
    mesh = client.networks.create("team", "TW-03")
    plan = glows.plan("4090", region="TW-03", network="team", name="x")
    assert plan.candidates[0].request.net_ids == (mesh,)
    with pytest.raises(glows.InvalidRequest, match="network: there is no network 'crew'; there are: team"):
        glows.plan("4090", network="crew")
    with pytest.raises(glows.InvalidRequest, match="public_ip: there is no public IP 'office'; there are: none"):
        glows.plan("4090", public_ip="office")
    public_ip = sandbox.admin.grant_public_ip("researcher", "TW-03")
    plan = glows.plan("4090", region="TW-03", public_ip=public_ip, name="x")
    assert plan.candidates[0].request.public_ip_id == public_ip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "gpu: say what hardware"),
        ({"gpu": "4090", "cpu": "8468"}, "cpu: is for a machine without a GPU; give gpu or cpu"),
        ({"gpu": 4090}, "gpu: 4090 is no text"),
        ({"gpu": " "}, "gpu: is empty"),
        ({"gpu": "4090", "image": ""}, "image: is empty"),
        ({"gpu": "4090", "image": "a", "snapshot": "b"}, "snapshot: give image or snapshot"),
        ({"gpu": "4090", "name": "a", "meta_key": "b"}, "name: give name or meta_key"),
        ({"gpu": "4090", "name": ""}, "name: .* takes 1 to "),
        ({"gpu": "4090", "units": 0.5}, "units: 0.5 is no whole number"),
        ({"gpu": "4090", "units": "2"}, "units: '2' is no whole number"),
        ({"gpu": "4090", "units": 0}, "units: 0 is no whole number of at least 1"),
        ({"gpu": "4090", "units": True}, "units: True is no whole number"),
        ({"gpu": "4090", "region": 5.0}, "region: 5.0 is neither one nor several"),
        ({"gpu": "4090", "region": [5]}, "region: 5 is no region's name"),
        ({"gpu": "4090", "region": ""}, "region: '' is no region's name"),
        ({"gpu": "4090", "ports": 5.5}, "ports: 5.5 is neither one nor several"),
        ({"gpu": "4090", "meta_key": "a" * 65}, "meta_key: "),
        ({"gpu": "4090", "name": "train-MARK"}, "name: .* is a key made of a name"),
        ({"gpu": "4090", "units": -1}, "units: "),
        ({"gpu": "4090", "category": "cluster"}, "category: "),
        ({"gpu": "4090", "category": "vm"}, "image: is required for a VM"),
        ({"gpu": "4090", "region": "x" * 300}, "region: "),
        ({"gpu": "4090", "ports": [0]}, "ports"),
        ({"gpu": "4090", "ports": [8000, "8000/tcp"]}, "ports: 8000 stands there twice"),
        ({"gpu": "4090", "envs": "A=1"}, "envs: takes a mapping"),
        ({"gpu": "4090", "envs": {"A": 1}}, "envs: the value of A is no text"),
        ({"gpu": "4090", "extra": ["cpus"]}, "extra: takes a mapping"),
        ({"gpu": "4090", "extra": {"cpus": -4}}, "extra: -4 is no whole number of at least 0"),
        ({"gpu": "4090", "extra": {5: 1}}, "extra: "),
        ({"gpu": "4090", "remark": "x" * 33}, "remark: "),
        ({"gpu": "4090", "cmd": "x" * 10_000}, "cmd: "),
        ({"gpu": "4090", "max_price": "cheap"}, "max_price: "),
        ({"gpu": "4090", "max_price": float("nan")}, "max_price: "),
        ({"gpu": "4090", "lease": "8h"}, "lease: can't be kept yet"),
    ],
)
def test_bad_words_are_refused_before_any_request_by_the_word(
    wrong: dict[str, Any], said: str, client: glows.Client
) -> None:
    if "MARK" in str(wrong.get("name")):
        wrong = wrong | {"name": f"train-{client.account_mark}"}
    asked = sent(client)
    for call in (glows.plan, glows.launch):
        with pytest.raises(glows.InvalidRequest, match=f"^{said}"):
            call(**wrong)
    assert asked == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"region": "XX-99"}, "region: XX-99 offers nothing"),
        ({"extra": {"cpus": 3}, "region": "TW-01"}, "extra: 3 more cpus are not sold there"),
    ],
)
def test_what_only_the_offers_tell_is_refused_by_the_word_too(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(glows.InvalidRequest, match=f"^{said}") as refused:
        glows.plan("4090", **wrong)
    assert refused.value.field == said.partition(":")[0]


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"units": 2}, {"units": np.int64(2)}),
        ({"units": 1}, {}),
        ({"region": "tw03"}, {"region": ["TW-03"]}),
        ({"extra": {"cpus": 4}, "region": "TW-01"}, {"extra": {"cpus": np.int64(4)}, "region": ("TW-01",)}),
    ],
)
def test_equal_words_are_one_machine(first: dict[str, Any], again: dict[str, Any]) -> None:
    machine = glows.launch("4090", **first)
    existing = glows.plan("4090", **again).existing
    assert existing is not None
    assert existing.instance_id == machine.instance_id


def test_what_is_no_client_of_threads_is_refused(sandbox: glows.Sandbox) -> None:
    other: Any = glows.AsyncClient(sandbox.token, sandbox.base_url)
    with pytest.raises(glows.InvalidRequest, match="client: takes a Client, not AsyncClient"):
        glows.plan("4090", client=other)


def test_cap_below_every_price_rents_nothing_and_says_what_it_costs(client: glows.Client) -> None:
    for cap in (0.01, Decimal("0.01"), "0.01"):
        with pytest.raises(glows.PriceTooHigh, match="the cap is"):
            glows.launch("4090", max_price=cap)
    assert client.instances.all() == []


def test_gpu_that_may_be_several_names_them_with_prices() -> None:
    with pytest.raises(glows.InvalidRequest, match=r"gpu: .* may mean .* \(from .*say which"):
        glows.plan("RTX")


def test_machine_under_the_name_that_differs_is_not_taken(client: glows.Client) -> None:
    glows.launch("4090", name="train")
    with pytest.raises(glows.MachineDiffers, match="its GPU is"):
        glows.launch("L40S", name="train")
    assert glows.launch("L40S", name="train", adopt=True).hardware.gpu_name == "NVIDIA GeForce RTX 4090"


def test_words_of_the_command_as_it_was_typed_have_the_key_that_they_always_had() -> None:
    # A machine that an earlier version started without a name has to be found by the same line.
    assert Words(gpu="4090").derived_name(()) == "auto-c77edd4765bd"
    assert Words(gpu="4090", ports=("8000/http",), units=2).derived_name(["TW-04"]) == "auto-969ed21b1756"
    assert Words(cpu="8468", cmd="sleep 9", extra={"cpus": 4}).derived_name(()) == "auto-0a8c90b80efa"


def test_a_budget_holds_for_words_too_also_of_a_client_that_nobody_watched(sandbox: glows.Sandbox) -> None:
    with sandbox.client() as unwatched:
        glows.set_budget("0.00001", per="month")
        for word in ({}, {"wait": True}):
            with pytest.raises(glows.BudgetReached, match="over_budget=True"):
                glows.launch("4090", name="train", client=unwatched, **word)
        plan = glows.plan("4090", name="train", client=unwatched)
        with pytest.raises(glows.BudgetReached):
            plan.launch()
        assert unwatched.instances.all() == []
        assert plan.launch(over_budget=True).remark == "train"
        assert glows.launch("4090", name="more", over_budget=True, client=unwatched).remark == "more"
