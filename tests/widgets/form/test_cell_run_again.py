"""A cell with a form that runs again: it goes on with what was typed, ordered and rented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

import glows_nb as glows
from glows_nb.widgets import lifetime
from glows_nb.widgets.form.choices import offer_id
from tests.widgets.form.clicks import eventually, note

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
def one_cell(nothing_is_left: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every form is made by another run of one cell."""
    run = iter(range(100))
    monkeypatch.setattr(lifetime, "_current_run", lambda: ("cell", str(next(run))))
    monkeypatch.setattr(lifetime, "_watch_ends_of_runs", lambda shell: None)
    yield
    lifetime._made.clear()


@pytest.mark.usefixtures("one_cell")
def test_cell_run_again_while_the_machine_is_ordered_shows_it_once_it_is_there(client: glows.Client) -> None:
    first = glows.launch_form(name="a", client=client).ready()
    first.button.click()
    eventually(lambda: first.question.subject)
    with first._launching.lock:
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
    sandbox.admin.order("code", "instance_create", code=198)
    with first._launching.lock:
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
    fields.command.value = "sleep 1000"
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
