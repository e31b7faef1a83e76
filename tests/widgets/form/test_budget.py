"""The budget in the form: the plan says what it does to it, and a yes that names it rents over it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import glows_nb as glows
from glows_nb.ledger.recorder import recorder_of
from glows_nb.widgets import texts
from glows_nb.widgets.form.launch_form import LaunchForm
from tests.widgets.form.clicks import eventually

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def question(form: LaunchForm) -> str:
    return str(form.question._text.value)


def test_plan_and_question_say_that_the_budget_would_be_passed_and_yes_rents_over_it(
    client: glows.Client, form: LaunchForm
) -> None:
    glows.set_budget("0.00001", per="month", client=client)
    form.fields.name.value = "over"
    eventually(lambda: "The budget of 0.000 Credits per month would be passed by" in form.plan.value)
    form.button.click()
    eventually(lambda: form.question.subject == "plan")
    assert question(form).endswith("Rent it, over the budget?")
    assert form.question.yes.description == texts.FORM_RENT_OVER
    assert client.instances.all() == []
    form.question.yes.click()
    eventually(lambda: form.instance is not None)
    assert client.instances.all()[0].remark == "over"


def test_within_the_budget_the_question_is_the_usual_one_with_the_sums(client: glows.Client, form: LaunchForm) -> None:
    glows.set_budget(5000, per="month", client=client)
    form.button.click()
    eventually(lambda: form.question.subject == "plan")
    assert "Within the budget of 5000.000 Credits per month: 0.000 Credits spent" in question(form)
    assert form.question.yes.description == texts.FORM_RENT


def test_where_it_is_used_up_nothing_is_asked_and_what_runs_is_named(client: glows.Client, form: LaunchForm) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
    recorder_of(client)._clock = lambda: now
    running = glows.launch("4090", name="before", wait=True, client=client)
    recorder_of(client)._clock = lambda: now + 3600
    glows.set_budget("0.3", per="month", client=client)
    form.fields.name.value = "after"
    form.button.click()
    eventually(lambda: "is used up" in form.message.value)
    assert running.instance_id in form.message.value
    assert form.question.subject == ""
    assert len(client.instances.all()) == 1


def test_launch_in_code_takes_the_word(client: glows.Client, form: LaunchForm) -> None:
    glows.set_budget("0.00001", per="month", client=client)
    with pytest.raises(glows.BudgetReached):
        form.launch()
    assert "would be passed" in form.message.value
    assert form.launch(over_budget=True).status == "Running"
