"""The budget in lines: --yes says yes to a price and not to passing the budget; a question that names it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import click
import pytest
from traitlets.config import Config

import glows_nb as glows
from glows_nb.commands import CommandError, run
from glows_nb.commands.settings import Glows, settings, use_settings
from glows_nb.connection import current_client
from glows_nb.ledger.recorder import recorder_of
from tests.commands.lines import answer, nobody

pytestmark = pytest.mark.usefixtures("default_client")

LINE = "launch --gpu 4090 --region TW-04 --name train"


@pytest.fixture
def tight(default_client: None, said: Callable[[], str]) -> None:
    """A budget that a machine passes within its first second."""
    run("budget 0.00001 --per month")
    said()


def test_budget_is_shown_set_and_taken_away(said: Callable[[], str]) -> None:
    assert run("budget") is None
    assert said() == "SANDBOX · There is no budget; to set one: %glows budget 20 --per day\n"
    stands = run("budget 20 --per week --tz Asia/Taipei")
    assert (float(stands.credits), stands.per, str(stands.ends.tzinfo)) == (20, "week", "Asia/Taipei")
    assert run("budget").ends == stands.ends
    told = json.loads(run("budget --json"))
    assert (told["credits"], told["credits_spent"], told["is_reached"]) == (20.0, 0.0, False)
    assert run("budget 0") is None
    with pytest.raises(glows.InvalidRequest, match="credits: 'lots' is not a number of Credits"):
        run("budget lots")


@pytest.mark.usefixtures("tight")
def test_yes_alone_does_not_pass_the_budget(client: glows.Client, said: Callable[[], str]) -> None:
    with pytest.raises(
        glows.BudgetReached, match=r"budget of 0\.000 Credits per month would be passed .*--over-budget"
    ):
        run(f"{LINE} --yes")
    assert client.instances.all() == []
    assert "for this machine until" in said(), "the plan was shown first"
    assert run(f"{LINE} --yes --over-budget").meta_key.startswith("train-")


@pytest.mark.usefixtures("tight")
def test_plan_says_both_sums_and_how_to_rent_it_all_the_same() -> None:
    planned = run(f"{LINE} --dry-run")
    assert "0.000 Credits spent, 0.000 Credits for what runs and " in str(planned)
    assert "; the money lasts until " in str(planned)
    assert json.loads(run(f"{LINE} --dry-run --json"))["is_over_budget"] is True


@pytest.mark.usefixtures("tight")
def test_the_question_asks_for_the_budget_by_name_whatever_is_cheap(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings()
    use_settings(Glows(config=Config({"Glows": {"ask_above": 100}})))
    try:
        questions = answer("n", monkeypatch)
        with pytest.raises(CommandError, match=r"^Nothing was done\.$"):
            run(LINE)
        assert ["over the budget?" in question for question in questions] == [True]
        monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
        with pytest.raises(CommandError, match=r"Nobody can be asked here, .* add --over-budget to go ahead"):
            run(LINE)
        assert client.instances.all() == []
        answer("y", monkeypatch)
        machine = run(LINE)
        assert client.instances.all()[0].instance_id == machine.instance_id
    finally:
        use_settings(before)


def test_within_the_budget_the_usual_question_has_the_sums(
    monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    run("budget 5000 --per month")
    questions = answer("y", monkeypatch)
    run(LINE)
    assert questions == ["Rent it? [y/N]: "]
    assert "Within the budget of 5000.000 Credits per month: 0.000 Credits spent" in said()


@pytest.mark.usefixtures("tight")
def test_unpark_and_run_are_held_to_it_too(client: glows.Client) -> None:
    run(f"{LINE} --yes --over-budget --wait")
    run("park train --yes")
    with pytest.raises(glows.BudgetReached, match="would be passed"):
        run("unpark train --yes")
    with pytest.raises(glows.BudgetReached, match="would be passed"):
        run("run other --gpu 4090 --region TW-04 --code 1 --yes")
    assert [machine.status for machine in client.instances.all()] == ["Finished"]
    assert run("unpark train --yes --over-budget").meta_key.endswith(".2")


def test_where_it_is_used_up_nobody_is_asked(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
    recorder = recorder_of(current_client())
    recorder._clock = lambda: now
    run(f"{LINE} --yes --wait")
    recorder._clock = lambda: now + 3600
    run("budget 0.4 --per month")
    questions = answer("y", monkeypatch)
    for words in ("", " --yes", " --over-budget --yes"):
        with pytest.raises(glows.BudgetReached, match=r"is used up, .*What runs is left, and costs: train \(ins-"):
            run(f"launch --gpu 4090 --region TW-04 --name second{words}")
    assert questions == []
    assert len(client.instances.all()) == 1
