"""The card of a machine that the form started: its snapshots, its release, and what it says when an action fails."""

from __future__ import annotations

import pytest

import glows_nb as glows
from glows_nb.widgets.form.launch_form import LaunchForm
from tests.widgets.form.clicks import BOTH_CATEGORIES, choose_image, eventually, form_threads, launch_by_clicks, note

pytestmark = pytest.mark.usefixtures("nothing_is_left")


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
    # The form's own look ahead would be one more that the fault counts.
    eventually(lambda: "Rents 1" in form.plan.value)
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
