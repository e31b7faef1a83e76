"""The launch form against a sandbox: what it offers, what it costs, and that it rents once."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.sandbox.server import SandboxServer
from glows_nb.widgets import lifetime
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.form import launch_form, model
from glows_nb.widgets.form.choices import offer_id
from glows_nb.widgets.form.launch_form import LaunchForm

RTX_4090 = "NVIDIA GeForce RTX 4090"
BOTH_CATEGORIES = "img-87p9kq26"
VM_ONLY = "img-17l3gyqd"
SSH = re.compile(r"<code>ssh -p \d+ (root|glows)@[\w.-]+</code>")


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(launch_form, "SETTLED_SECONDS", 0.05)
    before = set(threading.enumerate())
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not [thread for thread in set(threading.enumerate()) - before if "form" in thread.name])


@pytest.fixture
def form(client: glows.Client) -> LaunchForm:
    return glows.launch_form(client=client).ready()


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def choose_image(form: LaunchForm, image_id: str) -> None:
    form.fields.image.value = image_id
    form.ready()


def gpu_like(form: LaunchForm, words: str) -> Any:
    """The value of the first offer in the menu whose label holds these words."""
    return next(value for label, value in form.fields.gpu.options if words in label)


def launch_by_clicks(form: LaunchForm) -> None:
    form.button.click()
    eventually(lambda: form.question.subject)
    form.question.yes.click()


def note(form: LaunchForm, name: str) -> str:
    """What stands beside a field."""
    return html.unescape(str(form.fields._notes[name].value))


def form_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("glows form")]


def state_of(form: LaunchForm) -> str:
    """All that a saved notebook can hold of the form."""
    widgets = [form, *all_parts(form)]
    return json.dumps([widget.get_state() for widget in widgets], default=str) + repr(form) + form._plain()


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
            arguments = model.launch_arguments(form._filled(), form._choices)
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


def test_launch_gives_a_running_machine_of_what_was_chosen(form: LaunchForm) -> None:
    fields = form.fields
    fields.region.value = "TW-03"
    fields.units.value = 2
    fields.name.value = "from the form"
    fields.ports.values = [{"port": "8000", "protocol": "http"}, {"port": "3306", "protocol": "tcp"}]
    fields.envs.values = [{"name": "HF_TOKEN", "value": "hush"}]
    fields.command.value = "sleep 1000"
    machine = form.launch()
    assert form.instance.instance_id == machine.instance_id
    assert (machine.status, machine.region_name, machine.hardware.gpus) == ("Running", "TW-03", 2)
    assert machine.rate == form.rate
    assert machine.remark == "from the form"
    assert machine.envs.get_secret_value() == "HF_TOKEN=hush"
    assert machine.cmd == "sleep 1000"
    assert {22, 8000, 3306} <= {access.listen_port for access in machine.accesses}
    assert "<b>Running</b>" in form.card.facts.value
    eventually(lambda: f"{machine.instance_id} has it" in note(form, "name"))
    assert html.escape(machine.ssh_command or "?") in form.card.facts.value
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    assert not form.button.disabled


def test_wait_that_ends_too_early_leaves_the_machine_to_the_form(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    sandbox.admin.clock(speed=10)
    with pytest.raises(glows.WaitTimeout):
        form.launch(timeout=0.2)
    assert "WaitTimeout" in form.message.value
    sandbox.admin.clock(speed=200)
    eventually(lambda: "✓ Reachable" in form.card.facts.value)


def test_launch_right_after_the_form_was_made_waits_for_what_it_reads(client: glows.Client) -> None:
    assert glows.launch_form(name="at once", client=client).launch().status == "Running"


def test_offer_of_a_name_that_two_have_is_the_one_that_was_chosen(form: LaunchForm) -> None:
    form.fields.region.value = "TW-03"
    form.fields.gpu.index = 1
    machine = form.launch()
    assert machine.price_cent == 55
    assert machine.hardware.ram_mb == 64 * 1024


def test_machine_of_plain_cpus_launches_too(form: LaunchForm) -> None:
    form.fields.gpu.value = form.fields.gpu.options[-1][1]
    machine = form.launch()
    assert machine.hardware.gpus == 0
    assert machine.hardware.cpu_name == form.offer.hardware_name


@pytest.mark.parametrize("name", ["", "twice"])
def test_launching_twice_or_from_a_second_form_gives_the_same_machine(name: str, client: glows.Client) -> None:
    first_form = glows.launch_form(name=name, client=client)
    first, again = first_form.launch(), first_form.launch()
    second_form = glows.launch_form(name=name, client=client)
    second = second_form.launch()
    assert first.instance_id == again.instance_id == second.instance_id
    assert len(client.instances.all()) == 1


def test_form_without_a_name_rents_one_machine_for_each_choice(form: LaunchForm, client: glows.Client) -> None:
    first = form.launch()
    form.fields.region.value = "TW-04"
    second = form.launch()
    assert first.instance_id != second.instance_id
    assert len(client.instances.all()) == 2


def test_plan_says_what_would_be_rented_and_that_the_name_is_free(form: LaunchForm) -> None:
    form.fields.region.value = "TW-03"
    form.fields.name.value = "mine"
    assert "asking whether it is in use" in note(form, "name")
    eventually(lambda: f"Rents 1 × {RTX_4090} in TW-03 at 0.490 Credits/h" in form.plan.value)
    assert "4 of 64 characters; no machine has it" in note(form, "name")


def test_machine_under_the_name_is_found_again_before_anything_is_pressed(client: glows.Client) -> None:
    machine = glows.launch_form(name="mine", client=client).launch()
    form = glows.launch_form(name="mine", client=client).ready()
    eventually(lambda: "Nothing new is rented" in form.plan.value)
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    assert form.instance.instance_id == machine.instance_id
    assert "Found again" in form.card.facts.value
    assert f"{machine.instance_id} has it" in note(form, "name")
    form.fields.name.value = "another"
    eventually(lambda: form.instance is None)


def test_only_the_last_of_many_edits_is_asked_about(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    eventually(lambda: "Plan:" in form.plan.value)
    before = len(sandbox.admin.transcript())
    for length in range(1, 21):
        form.fields.name.value = "n" * length
    eventually(lambda: "20 of 64 characters; no machine has it" in note(form, "name"))
    assert len(sandbox.admin.transcript()) - before < 10


def test_name_of_a_machine_that_is_something_else_is_refused(form: LaunchForm, client: glows.Client) -> None:
    form.fields.name.value = "taken"
    form.launch()
    form.fields.gpu.value = gpu_like(form, "H200")
    with pytest.raises(glows.MachineDiffers, match="NVIDIA H200"):
        form.launch()
    assert "MachineDiffers" in form.message.value
    assert "is not what was asked for" in note(form, "name")
    assert len(client.instances.all()) == 1


def test_sold_out_since_the_form_was_shown_says_so_beside_the_gpu(form: LaunchForm, client: glows.Client) -> None:
    form.fields.region.value = "JP-01"
    form.fields.gpu.value = gpu_like(form, "B200")
    client.instances.launch(
        from_image_id=form.fields.image.value,
        gpu_name="NVIDIA B200",
        region_name="JP-01",
        unit_qty=2,
        name="all",
        wait=True,
    )
    with pytest.raises(glows.NoResourceAvailable, match="0 left"):
        form.launch()
    assert "0 left" in note(form, "gpu")
    assert len(client.instances.all()) == 1


def test_price_that_rose_since_the_form_was_shown_rents_nothing(
    form: LaunchForm, sandbox: glows.Sandbox, client: glows.Client
) -> None:
    form.fields.region.value = "TW-04"
    sandbox.admin.order("price_change", region="TW-04", factor=1.1)
    with pytest.raises(glows.PriceTooHigh, match=r"0\.539 Credits/h, the cap is 0\.490"):
        form.launch()
    assert "0.539" in note(form, "cap")
    assert client.instances.all() == []


def test_refresh_brings_prices_and_stock_of_now_and_keeps_what_is_chosen(
    form: LaunchForm, sandbox: glows.Sandbox
) -> None:
    form.fields.region.value = "TW-04"
    form.fields.gpu.value = chosen = gpu_like(form, "5090")
    sandbox.admin.order("price_change", region="TW-04", factor=2)
    form.refresh_button.click()
    assert form.refresh_button.disabled
    form.ready()
    assert form.fields.gpu.value == chosen
    assert "1.380 Credits per hour" in form.price.value
    assert not form.refresh_button.disabled
    sandbox.admin.order("no_stock", region="TW-04", gpu_name="NVIDIA GeForce RTX 5090")
    form.refresh_button.click()
    form.ready()
    assert form.offer is None, "only somebody who chooses takes another"
    assert "is sold out" in note(form, "gpu")
    assert form.button.disabled


def test_what_is_typed_while_another_thread_fills_in_is_heard(form: LaunchForm) -> None:
    heard: list[str] = []
    form.fields.on_change(["image"], lambda: heard.append(form.fields.image.value))
    with form.fields.filling():
        typing = threading.Thread(target=lambda: setattr(form.fields.image, "value", VM_ONLY))
        typing.start()
        typing.join()
    assert heard == [VM_ONLY]
    form.ready()
    assert form.fields.category.value == "vm"


def test_other_region_is_taken_when_the_first_has_none_left(
    form: LaunchForm, sandbox: glows.Sandbox, client: glows.Client
) -> None:
    form.fields.region.value = "TW-04"
    form.fields.gpu.value = gpu_like(form, "4090")
    assert form.fields.fallbacks.columns[0]["choices"][0] == "TW-01"
    form.fields.fallbacks.values = [{"region": "TW-03"}, {"region": "TW-01"}]
    sandbox.admin.order("no_stock", region="TW-04")
    assert form.launch().region_name == "TW-03"


def test_networks_of_the_region_are_offered_once_somebody_wants_to_see_them(
    form: LaunchForm, client: glows.Client, sandbox: glows.Sandbox
) -> None:
    fields = form.fields
    fields.region.value = "TW-04"
    network_id = client.networks.create("mine", "TW-04")
    calls = len(sandbox.admin.transcript())
    assert [value for _, value in fields.network.options] == [""]
    form.more.value = True
    form.ready()
    assert len(sandbox.admin.transcript()) > calls
    assert [value for _, value in fields.network.options] == ["", network_id]
    fields.region.value = "TW-03"
    assert [value for _, value in fields.network.options] == [""], "it is in another region"
    fields.region.value = "TW-04"
    fields.network.value = network_id
    machine = form.launch()
    assert [endpoint.network_id for endpoint in machine.network_endpoints] == [network_id]


def test_what_is_asked_for_late_never_changes_what_is_shown_by_then(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    sandbox.admin.order("latency", "spec_list", seconds=0.3, count=4)
    form.fields.image.value = VM_ONLY
    form.fields.image.value = BOTH_CATEGORIES
    form.ready()
    assert [word for _, word in form.fields.category.options] == ["container", "vm"]
    sandbox.admin.order("latency", "instance_get", seconds=0.5)
    form.fields.name.value = "slow"
    form.fields.name.value = "quick"
    eventually(lambda: "5 of 64 characters; no machine has it" in note(form, "name"))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("ports", "80/udp", "80/udp"),
        ("ports", "<b>", "is not a port"),
        ("name", "x" * 65, "65 characters"),
        ("command", "x" * 513, "513 characters"),
        ("cap", "<i>", "is not a number of Credits"),
    ],
)
def test_bad_input_is_shown_beside_its_field_and_raised(
    field: str, value: str, words: str, form: LaunchForm, client: glows.Client
) -> None:
    if field == "ports":
        form.fields.ports.values = [{"port": value, "protocol": "http"}]
    else:
        getattr(form.fields, field).value = value
    assert words in note(form, field)
    labels = form.front_end.labels
    assert labels[f"glows-field-{field} :is(input, select, textarea)"]["aria-invalid"] == "true"
    form.button.click()
    assert "Mend what is marked first" in form.message.value
    with pytest.raises(glows.InvalidRequest, match=words):
        form.launch()
    assert value not in form.fields._notes[field].value or "<" not in value, "text from a field is never HTML"
    assert client.instances.all() == []


def test_service_that_is_gone_is_shown_in_the_form_and_raised(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    address = sandbox.base_url
    sandbox.close()
    with pytest.raises(glows.TransportError, match=re.escape(address)):
        form.launch()
    assert "TransportError" in form.message.value
    form.fields.image.value = BOTH_CATEGORIES
    with pytest.raises(glows.TransportError):
        form.ready()
    assert "Could not list specs" in form.loading.value
    assert form.offer is None
    assert form.button.disabled


def test_bad_token_is_an_error_in_the_form_with_a_way_to_try_again(sandbox: glows.Sandbox) -> None:
    with glows.Client("nonsense", sandbox.base_url, backoff=0) as client:
        form = glows.launch_form(client=client)
        with pytest.raises(glows.AuthError):
            form.ready()
        assert "AuthError" in form.loading.value
        assert form.retry.layout.display == ""
        assert form.button.disabled
        assert "Nothing is left" not in form.price.value, "what can't be seen is not nothing"
        assert note(form, "source") == ""
        with pytest.raises(glows.AuthError):
            form.launch()


def test_form_that_could_not_read_tries_again_on_a_click(sandbox: glows.Sandbox, client: glows.Client) -> None:
    sandbox.admin.order("code", "image_list", code=1)
    form = glows.launch_form(client=client)
    with pytest.raises(glows.InternalError):
        form.ready()
    form.retry.click()
    assert form.ready().offer is not None
    assert form.loading.value == ""
    assert form.retry.layout.display == "none"


def test_what_was_chosen_is_chosen_again_after_an_outage(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    form.fields.gpu.value = chosen = gpu_like(form, "H200")
    sandbox.admin.order("code", "spec_list", code=1)
    form.fields.image.value = BOTH_CATEGORIES
    with pytest.raises(glows.InternalError):
        form.ready()
    form.retry.click()
    form.ready()
    assert form.fields.gpu.value == chosen


def test_clicks_ask_once_and_end_with_the_way_in(form: LaunchForm, client: glows.Client) -> None:
    form.button.click()
    assert form.button.disabled
    form.button.click()
    eventually(lambda: form.question.subject)
    assert "0.390 Credits/h, 9.36 Credits per day. Rent it?" in form.question._text.value
    assert client.instances.all() == []
    form.question.yes.click()
    form.question.yes.click()
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    assert SSH.search(form.card.facts.value)
    assert form.instance.status == "Running"
    assert not form.button.disabled
    eventually(lambda: not form_threads())
    assert [machine.instance_id for machine in client.instances.all()] == [form.instance.instance_id]


def test_question_is_taken_back_by_a_click_and_by_any_edit(form: LaunchForm, client: glows.Client) -> None:
    form.button.click()
    eventually(lambda: form.question.subject)
    form.question.no.click()
    assert not form.question.subject
    form.question.yes.click()
    form.button.click()
    eventually(lambda: form.question.subject)
    form.fields.units.value = 2
    assert not form.question.subject
    form.question.yes.click()
    eventually(lambda: not form_threads())
    assert client.instances.all() == []


def test_two_clicks_and_a_call_at_once_rent_one_machine(form: LaunchForm, client: glows.Client) -> None:
    launch_by_clicks(form)
    machine = form.launch()
    eventually(lambda: not form_threads())
    assert [found.instance_id for found in client.instances.all()] == [machine.instance_id]


def test_plan_that_was_asked_for_before_the_launch_does_not_deny_the_machine(
    form: LaunchForm, sandbox: glows.Sandbox
) -> None:
    eventually(lambda: "Plan:" in form.plan.value)
    form.fields.name.value = "mine"
    eventually(lambda: "no machine has it" in note(form, "name"))
    # The form begins to look ahead, and is answered only when the machine is there.
    asked = len(sandbox.admin.transcript())
    sandbox.admin.order("latency", "spec_list", seconds=1)
    form.fields.units.value = 2
    eventually(lambda: len(sandbox.admin.transcript()) > asked)
    form.launch()
    eventually(lambda: not form_threads())
    assert "has it and would be found again" in note(form, "name")
    assert form.plan.value == ""


def test_button_stays_off_while_a_launch_goes_on_whatever_is_chosen_meanwhile(
    sandbox: glows.Sandbox, client: glows.Client
) -> None:
    form = glows.launch_form(client=client).ready()
    form.button.click()
    eventually(lambda: form.question.subject)
    sandbox.admin.order("latency", "instance_create", seconds=0.5)
    form.question.yes.click()
    form.fields.region.value = "TW-03"
    assert form.button.disabled
    eventually(lambda: form.instance is not None)
    eventually(lambda: not form_threads())
    assert not form.button.disabled
    assert len(client.instances.all()) == 1


def test_machine_can_be_snapshotted_and_a_new_one_started_from_that(form: LaunchForm, client: glows.Client) -> None:
    form.fields.name.value = "first"
    form.launch()
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    form.card.snapshot.click()
    form.card.question.field.value = "evening"
    form.card.question.yes.click()
    eventually(lambda: "is taken" in form.card.message.value)
    (taken,) = client.snapshots.all()
    form.fields.source.value = "snapshot"
    form.ready()
    assert taken.snapshot_id in str(form.fields.snapshot.label)
    form.fields.name.value = "second"
    machine = form.launch()
    assert machine.base_snap is not None
    assert {one.remark for one in client.instances.all()} == {"first", "second"}


@pytest.mark.parametrize("category", ["container", "vm"])
def test_snapshot_is_started_as_what_it_was_taken_of(category: str, form: LaunchForm, client: glows.Client) -> None:
    choose_image(form, BOTH_CATEGORIES)
    form.fields.category.value = category
    form.fields.name.value = "first"
    machine = form.launch()
    client.snapshots.create(machine.instance_id)
    eventually(lambda: [one for one in client.snapshots.all() if one.is_available])
    form.fields.source.value = "snapshot"
    form.ready()
    assert [word for _, word in form.fields.category.options] == [category]
    form.fields.name.value = "second"
    assert form.launch().category == category
    form.fields.source.value = "image"
    form.ready()
    assert [word for _, word in form.fields.category.options] == ["container", "vm"]


def test_release_asks_first_and_then_says_that_nothing_is_paid_any_more(form: LaunchForm, client: glows.Client) -> None:
    machine = form.launch()
    form.card.release.click()
    assert "what is on its disk is gone for good" in form.card.question._text.value
    form.card.question.no.click()
    form.card.question.yes.click()
    assert client.instances.get(machine.instance_id).status == "Running"
    form.card.release.click()
    form.card.question.yes.click()
    eventually(lambda: "costs nothing any more" in form.card.message.value)
    assert client.instances.get(machine.instance_id).status == "Finished"
    assert form.card.release.disabled
    eventually(lambda: "Rents 1 ×" in form.plan.value)
    assert "costs nothing any more" in form.card.message.value


def test_error_of_an_action_stands_at_the_machine(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    form.launch()
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    sandbox.admin.order("code", "snapshot_create", code=114)
    form.card.snapshot.click()
    form.card.question.yes.click()
    eventually(lambda: "TakingSnapNotAllowed" in form.card.message.value)
    assert not form.card.snapshot.disabled


def test_machine_that_is_queued_can_be_released(form: LaunchForm, client: glows.Client, sandbox: glows.Sandbox) -> None:
    sandbox.admin.clock(speed=1)
    launch_by_clicks(form)
    eventually(lambda: "◔ Queued" in form.card.facts.value)
    form.card.release.click()
    form.card.question.yes.click()
    eventually(lambda: "<b>Canceling</b>" in form.card.facts.value)
    sandbox.admin.clock(speed=200)
    eventually(lambda: "has ended and costs nothing any more" in form.card.message.value)
    assert [one.status for one in client.instances.all()] == ["Finished"]
    eventually(lambda: not form_threads())


def test_late_answer_from_before_the_release_does_not_stand_in_the_card(
    form: LaunchForm, client: glows.Client, sandbox: glows.Sandbox
) -> None:
    sandbox.admin.clock(speed=1)
    form.button.click()
    eventually(lambda: form.question.subject)
    # The first look is the launch's own, for its key; the second is the card's, for the new machine.
    sandbox.admin.order("latency", "instance_get", when="after", first=2, seconds=1)
    form.question.yes.click()
    eventually(lambda: sandbox.admin.faults()[0]["fired"])
    assert "◔ Queued" in form.card.facts.value
    (following,) = [thread for thread in form_threads() if thread.name == "glows form machine"]
    form.card.release.click()
    form.card.question.yes.click()
    eventually(lambda: "<b>Canceling</b>" in form.card.facts.value)
    following.join(15)
    assert "<b>Canceling</b>" in form.card.facts.value
    sandbox.admin.clock(speed=200)
    eventually(lambda: not form_threads())


def test_machine_that_ended_elsewhere_says_so_when_an_action_fails(form: LaunchForm, client: glows.Client) -> None:
    machine = form.launch()
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, "Finished")
    assert "<b>Running</b>" in form.card.facts.value
    form.card.snapshot.click()
    form.card.question.yes.click()
    eventually(lambda: "has ended and costs nothing any more" in form.card.message.value)
    assert "<b>Finished</b>" in form.card.facts.value
    eventually(lambda: "Rents 1 ×" in form.plan.value)


def test_machine_that_is_shown_no_more_is_asked_about_no_more(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    sandbox.admin.clock(speed=1)
    form.fields.name.value = "first"
    launch_by_clicks(form)
    eventually(lambda: "◔ Queued" in form.card.facts.value)
    form.fields.name.value = "second"
    launch_by_clicks(form)
    eventually(lambda: "“second”" in form.card.facts.value)
    sandbox.admin.clock(speed=200)
    eventually(lambda: "✓ Reachable" in form.card.facts.value)
    assert "“second”" in form.card.facts.value
    eventually(lambda: not form_threads())


def test_snapshot_is_asked_for_where_there_is_none_to_start_from(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    form.fields.source.value = "snapshot"
    form.ready()
    assert "Nothing is chosen to start from" in note(form, "source")
    assert "There is no snapshot" in note(form, "search")
    before = len(sandbox.admin.transcript())
    form.button.click()
    assert "Mend what is marked first" in form.message.value
    assert len(sandbox.admin.transcript()) == before
    form.fields.source.value = "image"
    form.ready()
    assert note(form, "source") == ""


def test_ways_in_are_messages_and_never_in_the_state(form: LaunchForm) -> None:
    machine = form.launch()
    sent: list[Any] = []
    form.front_end.send = lambda content, buffers=None: sent.append(content)
    for button in form.card.ways_in.buttons.values():
        button.click()
    assert sent == [
        {"copy": machine.ssh_command},
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
    form.fields.command.value = "TOKEN=hush serve"
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


@pytest.fixture
def one_cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every form is made by another run of one cell."""
    run = iter(range(100))
    monkeypatch.setattr(lifetime, "_current_run", lambda: ("cell", str(next(run))))
    monkeypatch.setattr(lifetime, "_watch_ends_of_runs", lambda shell: None)
    yield
    lifetime._made.clear()


@pytest.mark.usefixtures("one_cell")
def test_cell_run_again_while_the_machine_is_ordered_shows_it_once_it_is_there(
    client: glows.Client, sandbox: glows.Sandbox
) -> None:
    first = glows.launch_form(name="a", client=client).ready()
    first.button.click()
    eventually(lambda: first.question.subject)
    sandbox.admin.order("latency", "instance_create", seconds=1)
    first.question.yes.click()
    second = glows.launch_form(name="a", client=client).ready()
    third = glows.launch_form(name="a", client=client).ready()
    assert third.button.disabled
    assert "Launching" in third.message.value
    third.fields.units.value = 2
    assert "Launching" in third.message.value
    eventually(lambda: "✓ Reachable" in third.card.facts.value)
    assert (first.instance, second.instance, third.message.value) == (None, None, "")
    assert not third.button.disabled
    assert "has it" in note(third, "name")
    assert len(client.instances.all()) == 1


@pytest.mark.usefixtures("one_cell")
def test_cell_run_again_while_a_launch_fails_says_why(client: glows.Client, sandbox: glows.Sandbox) -> None:
    first = glows.launch_form(name="a", client=client).ready()
    first.button.click()
    eventually(lambda: first.question.subject)
    sandbox.admin.order("latency", "instance_create", seconds=0.5)
    sandbox.admin.order("code", "instance_create", code=198)
    first.question.yes.click()
    second = glows.launch_form(name="a", client=client)
    eventually(lambda: "UserNodeQtyExceedQuota" in second.message.value or "quota" in second.message.value.lower())
    eventually(lambda: not second.button.disabled)
    assert client.instances.all() == []


@pytest.mark.usefixtures("one_cell")
def test_question_of_a_form_that_is_gone_is_asked_no_more(client: glows.Client, sandbox: glows.Sandbox) -> None:
    first = glows.launch_form(name="a", client=client).ready()
    sandbox.admin.order("latency", "instance_get", seconds=0.5)
    first.button.click()
    second = glows.launch_form(name="a", client=client).ready()
    eventually(lambda: not second.button.disabled)
    assert not second.question.subject
    assert second.message.value == ""


@pytest.mark.usefixtures("one_cell")
def test_cell_run_again_goes_on_with_what_was_typed_and_with_its_machine(client: glows.Client) -> None:
    first = glows.launch_form(name="a", client=client).ready()
    fields = first.fields
    fields.region.value = "TW-03"
    fields.gpu.index = 1
    fields.units.value = 2
    fields.ports.values = [{"port": "8000", "protocol": "http"}]
    fields.envs.values = [{"name": "A", "value": "hush"}]
    fields.command.value = "python serve.py"
    machine = first.launch()
    second = glows.launch_form(name="a", client=client)
    assert second.instance.instance_id == machine.instance_id
    second.ready()
    before, after = first._filled(), second._filled()
    assert replace(after, offer=None) == replace(before, offer=None)
    assert offer_id(after.offer) == offer_id(before.offer)
    assert second.launch().instance_id == machine.instance_id
    third = glows.launch_form(name="b", client=client).ready()
    assert third.fields.name.value == "b", "an argument that was changed in the cell is meant"
    assert third.fields.region.value == "TW-03"
    other = next(spec for spec in client.specs.all() if "H200" in spec.hardware_name)
    fourth = glows.launch_form(name="b", spec=other, client=client).ready()
    assert offer_id(fourth.offer) == offer_id(other), "also where another region was chosen before"
    assert [form.comm for form in (first, second, third)] == [None] * 3


@pytest.mark.parametrize("fault", [{"kind": "code", "code": 7}, {"kind": "http_error", "status": 404}])
def test_what_is_optional_degrades_alone_and_says_so(
    sandbox: glows.Sandbox, client: glows.Client, fault: dict[str, Any]
) -> None:
    sandbox.admin.order(fault["kind"], "network_list", count=None, **{k: v for k, v in fault.items() if k != "kind"})
    form = glows.launch_form(client=client).ready()
    form.more.value = True
    form.ready()
    assert len(form.fields.gpu.options) > 1
    assert "can't be read" in note(form, "network")
    assert not form.button.disabled


@pytest.mark.parametrize("fault", [{"kind": "code", "code": 7}, {"kind": "http_error", "status": 404}])
def test_an_offer_that_is_pinned_needs_no_list_of_images(
    sandbox: glows.Sandbox, client: glows.Client, fault: dict[str, Any]
) -> None:
    row = glows.specs(gpu="4090", region="TW-04", client=client).iloc[0]
    sandbox.admin.order(fault["kind"], "image_list", count=None, **{k: v for k, v in fault.items() if k != "kind"})
    form = glows.launch_form(spec=row, client=client).ready()
    assert form.offer is not None
    assert form.offer.resource_id == row["resource_id"]
    assert "can't be read" in note(form, "image")
    assert form.launch(timeout=30).region_name == "TW-04"


def test_remark_own_key_and_extras_are_what_is_rented(sandbox: glows.Sandbox, client: glows.Client) -> None:
    form = glows.launch_form(client=client).ready()
    form.fields.gpu.value = next(value for _, value in form.fields.gpu.options if value[0] == "TW-01")
    alone = form.rate
    (step,) = [value for _, value in form.fields.extra.options if value]
    form.fields.extra.value = step
    assert form.rate == alone + glows.Rate(20_000)
    form.fields.remark.value, form.fields.meta_key.value = "by hand", "my.own.key"
    machine = form.launch(timeout=30)
    assert (machine.meta_key, machine.remark, machine.hardware.cpus) == ("my.own.key", "by hand", 14)
    assert 'extra_resource={"cpus": 4}' in model.as_python(form._filled(), form._choices)


def test_a_name_and_an_own_key_are_one_too_many(form: LaunchForm) -> None:
    form.fields.name.value, form.fields.meta_key.value = "train", "my.own.key"
    assert "not both" in note(form, "meta_key")
    with pytest.raises(glows.InvalidRequest, match="not both"):
        form.launch(timeout=30)
