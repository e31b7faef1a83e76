"""The launch form against a sandbox: what it offers, what it costs, and what a saved notebook holds of it."""

from __future__ import annotations

import html
import time
from typing import Any

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.sandbox.server import SandboxServer
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.form import model
from glows_nb.widgets.form.launch_form import LaunchForm
from tests.widgets.form.clicks import (
    BOTH_CATEGORIES,
    RTX_4090,
    VM_ONLY,
    choose_image,
    eventually,
    form_threads,
    gpu_like,
    note,
    state_of,
)

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_form_answers_before_the_service_does_and_says_that_it_loads() -> None:
    with SandboxServer() as server, glows.Client(server.token, server.base_url, backoff=0) as client:
        server.admin.order("latency", "image_list", seconds=0.5)
        started = time.monotonic()
        form = glows.launch_form(client=client)
        assert time.monotonic() - started < 0.4
        assert "Loading" in form.loading.value
        assert form.button.disabled
        form.ready()
        assert form.loading.value == ""
        assert not form.button.disabled


def test_form_begins_with_something_that_can_be_launched(form: LaunchForm) -> None:
    assert form.offer is not None
    assert not form.button.disabled
    assert form.fields.image.label == "CUDA12.8 Torch2.8.0 Base (img-6ypgvgpw)"
    assert form.fields.category.value == "container"
    assert form.instance is None


def test_form_takes_the_default_client(sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(glows.ConfigError):
        glows.launch_form()
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)
    assert glows.launch_form(name="mine").ready().fields.name.value == "mine"


def test_form_says_that_it_is_a_sandbox(form: LaunchForm) -> None:
    assert "SANDBOX" in form.children[1].value
    assert "SANDBOX" in repr(form)


def test_picking_a_region_narrows_the_offers_to_it(form: LaunchForm, client: glows.Client) -> None:
    fields = form.fields
    anywhere = len(fields.gpu.options)
    fields.region.value = "TW-03"
    assert [label.split(" · ")[0] for label, _ in fields.gpu.options] == [RTX_4090, RTX_4090]
    assert form.offer.region_name == "TW-03"
    fields.region.value = ""
    assert len(fields.gpu.options) == anywhere
    assert [region for _, region in fields.region.options if region] == sorted(
        {spec.region_name for spec in client.specs.all(from_image_id=fields.image.value) if spec.avail}
    )


def test_sold_out_offers_are_not_offered(form: LaunchForm) -> None:
    labels = " ".join(label for label, _ in form.fields.gpu.options)
    assert "NVIDIA H200" in labels
    assert "L40 PCIe" not in labels


def test_images_are_found_by_parts_of_their_names(form: LaunchForm) -> None:
    form.fields.search.value = "comfyui flux"
    labels = [label for label, _ in form.fields.image.options]
    assert len(labels) == 3, "two of that name, and the one that is chosen"
    assert sum("ComfyUI FLUX" in label for label in labels) == 2
    assert form.fields.image.value == "img-6ypgvgpw"
    assert "2 of 47; Enter takes the first" in note(form, "search")
    form.fields.search._handle_custom_msg({"event": "submit"}, [])
    assert "ComfyUI FLUX" in form.fields.image.label
    form.ready()
    form.fields.search.value = "no such image"
    assert "None of 47" in note(form, "search")
    kept = form.fields.image.value
    form.fields.search._handle_custom_msg({"event": "submit"}, [])
    assert form.fields.image.value == kept
    form.fields.search.value = ""
    assert "47 to choose from" in note(form, "search")


def test_price_is_that_of_the_offer_times_its_units(form: LaunchForm) -> None:
    form.fields.region.value = "TW-03"
    assert "0.490 Credits per hour, 11.76 per day, 352.80 per month" in form.price.value
    form.fields.units.value = 2
    assert form.rate == form.offer.rate * 2
    assert "0.980 Credits per hour, 23.52 per day" in form.price.value
    form.fields.gpu.index = 1
    assert "1.100 Credits per hour, 26.40 per day" in form.price.value


def test_units_go_no_further_than_what_is_left(form: LaunchForm) -> None:
    fields = form.fields
    fields.region.value = "TW-04"
    fields.gpu.value = gpu_like(form, "5090")
    fields.units.value = 99
    assert fields.units.value == form.offer.max_available_units == 5
    fields.region.value = "JP-01"
    fields.gpu.value = gpu_like(form, "B200")
    assert fields.units.value == fields.units.max == 2
    assert "10.000 Credits per hour" in form.price.value


def test_choice_is_kept_where_it_still_fits(form: LaunchForm) -> None:
    form.fields.region.value = "TW-03"
    form.fields.gpu.index = 1
    kept = form.fields.gpu.value
    choose_image(form, BOTH_CATEGORIES)
    assert (form.fields.region.value, form.fields.gpu.value) == ("TW-03", kept)


def test_image_decides_which_categories_there_are(form: LaunchForm) -> None:
    fields = form.fields
    assert [word for _, word in fields.category.options] == ["container"]
    choose_image(form, BOTH_CATEGORIES)
    assert [word for _, word in fields.category.options] == ["container", "vm"]
    choose_image(form, VM_ONLY)
    assert fields.category.value == "vm"
    assert not any("5090" in label for label, _ in fields.gpu.options), "it takes containers only"


@pytest.mark.parametrize("image", ["img-6ypgvgpw", BOTH_CATEGORIES, VM_ONLY])
def test_every_combination_on_offer_would_be_rented_as_shown(
    image: str, form: LaunchForm, client: glows.Client
) -> None:
    choose_image(form, image)
    for _, category in form.fields.category.options:
        form.fields.category.value = category
        # "Anywhere" holds the offers of all regions.
        for _, value in form.fields.gpu.options:
            form.fields.gpu.value = value
            arguments = model.launch_arguments(form._filled(), form._menu.choices)
            (candidate,) = client.instances.plan(**arguments).candidates
            assert (candidate.spec.region_name, candidate.spec.resource_id) == value
            assert candidate.rate == form.rate
    assert client.instances.all() == []


def test_offer_given_at_the_start_is_chosen_as_spec_or_as_row(client: glows.Client) -> None:
    wanted = next(spec for spec in client.specs.all() if "H200" in spec.hardware_name)
    frame = glows.specs(client=client)
    row = frame[frame["resource_id"] == wanted.resource_id].iloc[0]
    for spec in (wanted, row):
        form = glows.launch_form(spec=spec, client=client).ready()
        assert form.offer == wanted
    with pytest.raises(glows.InvalidRequest, match="neither a Spec nor a row"):
        glows.launch_form(spec="H200", client=client)


def test_offer_given_at_the_start_that_is_sold_out_says_so_and_takes_no_other(
    client: glows.Client, sandbox: glows.Sandbox
) -> None:
    wanted = next(spec for spec in client.specs.all() if "5090" in spec.hardware_name)
    sandbox.admin.order("no_stock", region=wanted.region_name, gpu_name=wanted.hardware_name)
    form = glows.launch_form(spec=wanted, client=client).ready()
    assert form.offer is None
    assert form.button.disabled
    assert f"{wanted.hardware_name} · 12 CPUs" in note(form, "gpu")
    assert "is sold out" in note(form, "gpu")
    form.fields.region.value = "TW-03"
    assert form.offer is None, "only somebody who chooses takes another"
    form.fields.gpu.index = 0
    assert form.offer is not None
    assert note(form, "gpu") == ""
    assert not form.button.disabled


def test_ways_in_are_messages_and_never_in_the_state(form: LaunchForm) -> None:
    machine = form.launch()
    sent: list[Any] = []
    form.front_end.send = lambda content, buffers=None: sent.append(content)
    for button in form.card.access_buttons.buttons.values():
        button.click()
    assert sent == [
        {"copy": machine.ssh_command},
        {"copy": f"%%glows run {form.card._name_of(machine)}\n"},
        {"copy": machine.ssh_password.get_secret_value()},
        {"open": machine.url().get_secret_value()},
    ]
    form.front_end._on_message(form.front_end, {"copied": True}, [])
    assert "Copied" in form.card.message.value


def test_no_secret_is_in_the_state_of_any_widget(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    form.fields.envs.values = [{"name": "HF_TOKEN", "value": "hf-not-in-a-file"}]
    machine = form.launch()
    assert machine.ssh_password is not None
    secrets = [
        sandbox.token,
        machine.ssh_password.get_secret_value(),
        machine.url().get_secret_value().partition("token=")[2],
    ]
    assert all(len(secret) >= 8 for secret in secrets)
    state = html.unescape(state_of(form))
    assert machine.instance_id in state
    assert "HF_TOKEN" in state
    assert [secret for secret in [*secrets, "hf-not-in-a-file"] if secret in state] == []


def test_without_a_widget_front_end_the_form_says_what_it_is(form: LaunchForm) -> None:
    bundle = form._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith("<LaunchForm SANDBOX: ")
    plain = form._plain()
    for words in ("Launch a machine", "SANDBOX", "0.390 Credits per hour"):
        assert words in plain
    form.fields.ports.values = [{"port": "8000", "protocol": "http"}]
    form.fields.envs.values = [{"name": "HF_TOKEN", "value": "hf-not-in-a-file"}]
    form.fields.command.value = "TOKEN=hush sleep 1000"
    form.launch()
    eventually(lambda: "✓ Reachable" in form._plain())
    plain = form._plain()
    for words in ("Image: CUDA12.8 Torch2.8.0 Base", "Ports: 8000/http", "Environment variables: HF_TOKEN (masked)"):
        assert words in plain
    assert "hush" not in plain
    assert "Private network" not in plain, "nothing is chosen there"


def test_forms_can_be_made_after_all_widgets_were_closed(form: LaunchForm, client: glows.Client) -> None:
    ipywidgets.Widget.close_all()
    assert glows.launch_form(client=client).ready().offer is not None


def test_closing_leaves_no_widget_and_no_thread(client: glows.Client) -> None:
    form = glows.launch_form(client=client)
    form.close()
    eventually(lambda: not form_threads())
    assert [part for part in [form, *all_parts(form)] if part.comm is not None] == []
