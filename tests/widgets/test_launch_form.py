"""The launch form against a sandbox: what it offers, what it costs, and that it rents once."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Callable, Iterator

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.sandbox.server import SandboxServer
from glows_nb.widgets.launch_form import LaunchForm

RTX_4090 = "NVIDIA GeForce RTX 4090"
BOTH_CATEGORIES = "img-87p9kq26"
VM_ONLY = "img-17l3gyqd"
SSH = re.compile(r"<code>ssh -p \d+ (root|glows)@[\w.-]+</code>")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not [thread for thread in set(threading.enumerate()) - before if "form" in thread.name])


@pytest.fixture
def form(client: glows.Client) -> LaunchForm:
    return glows.launch_form(client=client)


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def parts(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and all that it is made of."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)
    for name in ("layout", "style"):
        if isinstance(getattr(widget, name, None), ipywidgets.Widget):
            yield getattr(widget, name)


def form_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "glows launch form"]


def test_form_begins_with_something_that_can_be_launched(form: LaunchForm) -> None:
    assert form.offer is not None
    assert not form.button.disabled
    assert form.image.label == "CUDA12.8 Torch2.8.0 Base (img-6ypgvgpw)"
    assert form.category.value == "container"
    assert form.instance is None


def test_form_takes_the_default_client(sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(glows.ConfigError):
        glows.launch_form()
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)
    assert glows.launch_form(name="mine").name.value == "mine"


def test_form_says_that_it_is_a_sandbox(form: LaunchForm) -> None:
    assert "SANDBOX" in form.children[0].value


def test_picking_a_region_narrows_the_offers_to_it(form: LaunchForm, client: glows.Client) -> None:
    anywhere = len(form.gpu.options)
    form.region.value = "TW-03"
    assert [label.split(" · ")[0] for label, _ in form.gpu.options] == [RTX_4090, RTX_4090]
    assert form.offer.region_name == "TW-03"
    form.region.value = ""
    assert len(form.gpu.options) == anywhere
    assert [region for _, region in form.region.options if region] == sorted(
        {spec.region_name for spec in client.specs.all(from_image_id=form.image.value) if spec.avail}
    )


def test_sold_out_offers_are_not_offered(form: LaunchForm) -> None:
    labels = " ".join(label for label, _ in form.gpu.options)
    assert "NVIDIA H200" in labels
    assert "L40 PCIe" not in labels


def test_price_is_that_of_the_offer_times_its_units(form: LaunchForm) -> None:
    form.region.value = "TW-03"
    assert "0.490 Credits per hour, 11.76 per day" in form.price.value
    form.units.value = 2
    assert form.rate == form.offer.rate * 2
    assert "0.980 Credits per hour, 23.52 per day" in form.price.value
    form.gpu.index = 1
    assert "1.100 Credits per hour, 26.40 per day" in form.price.value


def test_units_go_no_further_than_what_is_left(form: LaunchForm) -> None:
    form.region.value = "TW-04"
    form.gpu.value = next(value for label, value in form.gpu.options if "5090" in label)
    form.units.value = 99
    assert form.units.value == form.offer.max_available_units == 5
    form.region.value = "JP-01"
    form.gpu.value = next(value for label, value in form.gpu.options if "B200" in label)
    assert form.units.value == form.units.max == 2
    assert "10.000 Credits per hour" in form.price.value


def test_choice_is_kept_where_it_still_fits(form: LaunchForm) -> None:
    form.region.value = "TW-03"
    form.gpu.index = 1
    kept = form.gpu.value
    form.image.value = BOTH_CATEGORIES
    assert (form.region.value, form.gpu.value) == ("TW-03", kept)


def test_image_decides_which_categories_there_are(form: LaunchForm) -> None:
    assert [word for _, word in form.category.options] == ["container"]
    form.image.value = BOTH_CATEGORIES
    assert [word for _, word in form.category.options] == ["container", "vm"]
    form.image.value = VM_ONLY
    assert form.category.value == "vm"
    assert not any("5090" in label for label, _ in form.gpu.options), "it takes containers only"


@pytest.mark.parametrize("image", ["img-6ypgvgpw", BOTH_CATEGORIES, VM_ONLY])
def test_every_combination_on_offer_would_be_rented_as_shown(
    image: str, form: LaunchForm, client: glows.Client
) -> None:
    form.image.value = image
    for _, category in form.category.options:
        form.category.value = category
        # "Anywhere" holds the offers of all regions.
        for _, value in form.gpu.options:
            form.gpu.value = value
            (candidate,) = client.instances.plan(**form._fields()).candidates
            assert (candidate.spec.region_name, candidate.spec.resource_id) == value
            assert candidate.rate == form.rate
    assert client.instances.all() == []


def test_launch_gives_a_running_machine_of_what_was_chosen(form: LaunchForm) -> None:
    form.region.value = "TW-03"
    form.units.value = 2
    form.name.value = "from the form"
    form.ports.value = "8000/http, 3306/tcp"
    machine = form.launch()
    assert form.instance is machine
    assert (machine.status, machine.region_name, machine.hardware.gpus) == ("Running", "TW-03", 2)
    assert machine.rate == form.rate
    assert machine.remark == "from the form"
    assert {22, 8000, 3306} <= {access.listen_port for access in machine.accesses}
    assert "<b>Running</b>" in form.message.value
    assert html.escape(machine.ssh_command or "?") in form.message.value
    assert (form.progress.value, form.progress.bar_style) == (3, "success")
    assert not form.button.disabled


def test_offer_of_a_name_that_two_have_is_the_one_that_was_chosen(form: LaunchForm) -> None:
    form.region.value = "TW-03"
    form.gpu.index = 1
    machine = form.launch()
    assert machine.price_cent == 55
    assert machine.hardware.ram_mb == 64 * 1024


def test_machine_of_plain_cpus_launches_too(form: LaunchForm) -> None:
    form.gpu.value = form.gpu.options[-1][1]
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
    form.region.value = "TW-04"
    second = form.launch()
    assert first.instance_id != second.instance_id
    assert len(client.instances.all()) == 2


def test_name_of_a_machine_that_is_something_else_is_refused(form: LaunchForm, client: glows.Client) -> None:
    form.name.value = "taken"
    form.launch()
    form.gpu.value = next(value for label, value in form.gpu.options if "H200" in label)
    with pytest.raises(glows.MachineDiffers, match="NVIDIA H200"):
        form.launch()
    assert "MachineDiffers" in form.message.value
    assert len(client.instances.all()) == 1


def test_sold_out_since_the_form_was_shown_says_so(client: glows.Client) -> None:
    form = glows.launch_form(client=client)
    form.region.value = "JP-01"
    form.gpu.value = next(value for label, value in form.gpu.options if "B200" in label)
    client.instances.launch(
        from_image_id=form.image.value, gpu_name="NVIDIA B200", region_name="JP-01", unit_qty=2, name="all", wait=True
    )
    with pytest.raises(glows.NoResourceAvailable, match="0 left"):
        form.launch()
    assert "NoResourceAvailable" in form.message.value
    assert form.progress.bar_style == "danger"
    assert len(client.instances.all()) == 1


def test_price_that_rose_since_the_form_was_shown_rents_nothing(sandbox: glows.Sandbox, client: glows.Client) -> None:
    form = glows.launch_form(client=client)
    form.region.value = "TW-04"
    sandbox.admin.order("price_change", region="TW-04", factor=1.1)
    with pytest.raises(glows.PriceTooHigh, match=r"0\.539 Credits/h, the cap is 0\.490"):
        form.launch()
    assert "PriceTooHigh" in form.message.value
    assert client.instances.all() == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("ports", "80/udp", "80/udp"),
        ("ports", "8000, <b>", "is not a port"),
        ("name", "x" * 65, "65 characters"),
    ],
)
def test_bad_input_is_shown_in_the_form_and_raised(
    field: str, value: str, words: str, form: LaunchForm, client: glows.Client
) -> None:
    getattr(form, field).value = value
    with pytest.raises(glows.InvalidRequest, match=words):
        form.launch()
    assert words in form.message.value
    assert "InvalidRequest" in form.message.value
    assert value not in form.message.value or "<" not in value, "text from a field is never HTML"
    assert not form.button.disabled
    assert client.instances.all() == []


def test_service_that_is_gone_is_shown_in_the_form_and_raised(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    address = sandbox.base_url
    sandbox.close()
    with pytest.raises(glows.TransportError, match=re.escape(address)):
        form.launch()
    assert "TransportError" in form.message.value
    assert form.progress.bar_style == "danger"
    form.image.value = BOTH_CATEGORIES
    assert "Could not list specs" in form.message.value


def test_bad_token_is_raised_where_the_form_is_made(sandbox: glows.Sandbox) -> None:
    with glows.Client("nonsense", sandbox.base_url, backoff=0) as client, pytest.raises(glows.AuthError):
        glows.launch_form(client=client)


def test_click_launches_in_the_background_and_ends_with_the_ssh_command(form: LaunchForm, client: glows.Client) -> None:
    form.button.click()
    assert form_threads(), "the kernel stays free"
    assert form.button.disabled
    form.button.click()
    eventually(lambda: SSH.search(form.message.value))
    eventually(lambda: not form.button.disabled)
    assert form.instance is not None
    assert form.instance.status == "Running"
    eventually(lambda: not form_threads())
    assert [machine.instance_id for machine in client.instances.all()] == [form.instance.instance_id]


def test_click_and_call_at_once_rent_one_machine(form: LaunchForm, client: glows.Client) -> None:
    form.button.click()
    machine = form.launch()
    eventually(lambda: not form_threads())
    assert [found.instance_id for found in client.instances.all()] == [machine.instance_id]


def test_error_after_a_click_ends_in_the_form(form: LaunchForm, client: glows.Client) -> None:
    form.ports.value = "nonsense"
    form.button.click()
    eventually(lambda: not form_threads())
    assert "InvalidRequest" in form.message.value
    assert form.progress.bar_style == "danger"
    assert not form.button.disabled
    assert client.instances.all() == []


def test_button_stays_off_while_a_launch_goes_on_whatever_is_chosen_meanwhile() -> None:
    with SandboxServer() as server, glows.Client(server.token, server.base_url, backoff=0) as client:
        server.clock.pause()
        form = glows.launch_form(client=client)
        form.button.click()
        eventually(lambda: "SchedQueued" in form.message.value)
        form.region.value = "TW-03"
        assert form.button.disabled
        server.clock.advance(600)
        eventually(lambda: SSH.search(form.message.value))
        eventually(lambda: not form_threads())
        assert not form.button.disabled
        assert len(client.instances.all()) == 1


def test_nothing_left_to_choose_says_so_and_can_not_be_launched() -> None:
    with SandboxServer() as server, glows.Client(server.token, server.base_url, backoff=0) as client:
        form = glows.launch_form(client=client)
        form._specs = []
        form._refresh()
        assert "Nothing is left" in form.price.value
        assert form.button.disabled
        assert (form.offer, form.rate) == (None, None)
        with pytest.raises(glows.InvalidRequest, match="nothing is left to choose"):
            form.launch()
        assert form.button.disabled
        assert client.instances.all() == []


def test_no_secret_is_in_the_state_of_any_widget(form: LaunchForm, sandbox: glows.Sandbox) -> None:
    machine = form.launch()
    assert machine.ssh_password is not None
    secrets = [sandbox.token, machine.ssh_password.get_secret_value(), str(machine.url()).partition("token=")[2]]
    assert all(len(secret) >= 8 for secret in secrets)
    widgets = list(parts(form))
    assert form.message in widgets
    state = json.dumps([widget.get_state() for widget in widgets], default=str)
    state += repr(form) + str(form._repr_mimebundle_())
    assert machine.instance_id in state
    assert [secret for secret in secrets if secret in html.unescape(state)] == []


def test_form_without_a_front_end_is_plain_html(form: LaunchForm) -> None:
    text = form._repr_mimebundle_()["text/html"]
    assert "Launch form" in text
    assert "SANDBOX" in text
    assert "0.390 Credits per hour" in text


def test_forms_can_be_made_after_all_widgets_were_closed(form: LaunchForm, client: glows.Client) -> None:
    ipywidgets.Widget.close_all()
    assert glows.launch_form(client=client).offer is not None
