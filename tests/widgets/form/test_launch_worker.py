"""Launches from the form against a sandbox: each choice is rented once, as it was shown, or refused."""

from __future__ import annotations

import html

import pytest

import glows_nb as glows
from glows_nb.widgets.form import model
from glows_nb.widgets.form.launch_form import LaunchForm
from tests.widgets.form.clicks import RTX_4090, SSH, eventually, form_threads, gpu_like, launch_by_clicks, note

pytestmark = pytest.mark.usefixtures("nothing_is_left")


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


def test_other_region_is_taken_when_the_first_has_none_left(
    form: LaunchForm, sandbox: glows.Sandbox, client: glows.Client
) -> None:
    form.fields.region.value = "TW-04"
    form.fields.gpu.value = gpu_like(form, "4090")
    assert form.fields.fallbacks.columns[0]["choices"][0] == "TW-01"
    form.fields.fallbacks.values = [{"region": "TW-03"}, {"region": "TW-01"}]
    sandbox.admin.order("no_stock", region="TW-04")
    assert form.launch().region_name == "TW-03"


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


def test_button_stays_off_while_a_launch_goes_on_whatever_is_chosen_meanwhile(client: glows.Client) -> None:
    form = glows.launch_form(client=client).ready()
    form.button.click()
    eventually(lambda: form.question.subject)
    with form._launching.lock:
        form.question.yes.click()
        form.fields.region.value = "TW-03"
        assert form.button.disabled
    eventually(lambda: form.instance is not None)
    eventually(lambda: not form_threads())
    assert not form.button.disabled
    assert len(client.instances.all()) == 1


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
    assert 'extra_resource={"cpus": 4}' in model.as_python(form._filled(), form._menu.choices)


def test_a_name_and_an_own_key_are_one_too_many(form: LaunchForm) -> None:
    form.fields.name.value, form.fields.meta_key.value = "train", "my.own.key"
    assert "not both" in note(form, "meta_key")
    with pytest.raises(glows.InvalidRequest, match="not both"):
        form.launch(timeout=30)
