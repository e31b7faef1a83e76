"""wait and cancel: what they show, ask and release, and that they may be interrupted."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import click
import pytest

import glows_nb as glows
from glows_nb.commands import CommandError, run
from glows_nb.ledger.database import ledger_path
from tests.commands.lines import TRAIN, answer, nobody

pytestmark = pytest.mark.usefixtures("default_client")


def test_cancel_where_nobody_can_be_asked_releases_nothing(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(f"{TRAIN} --wait")
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    with pytest.raises(CommandError, match="add --yes"):
        run("cancel train")
    assert client.instances.stats() == {"Running": 1}


def test_interrupted_question_does_nothing_and_is_an_interrupt(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    def interrupted(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(click.termui, "visible_prompt_func", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("launch --gpu 4090")
    assert said().endswith("\nNothing was done.\n")
    assert client.instances.all() == []


def test_wait_gives_the_machine_in_the_status_waited_for(said: Callable[[], str]) -> None:
    run(TRAIN)
    assert run("wait train").status == "Running"
    assert "Running, 0.390 Credits/h" in said()
    run("cancel train --yes")
    assert run("wait train --until finished").status == "Finished"


def test_way_into_a_machine_that_has_ended_is_not_waited_for() -> None:
    run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    with pytest.raises(CommandError, match="is Finished and has no address for ssh; nothing will answer there"):
        run("ssh train")


def test_wait_for_what_can_not_come_any_more_is_an_error() -> None:
    run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    with pytest.raises(glows.MachineEnded, match="will not become Running"):
        run("wait train")


def test_wait_has_a_deadline_and_leaves_the_machine_as_it_is(client: glows.Client) -> None:
    run(f"{TRAIN} --wait")
    with pytest.raises(glows.WaitTimeout, match="goes on as it was"):
        run("wait train --until Paused --timeout 0.2")
    assert client.instances.stats() == {"Running": 1}


@pytest.mark.parametrize(("fault", "error"), [("token_expired", glows.AuthError), ("code", glows.UnknownCodeError)])
def test_wait_that_an_error_ends_says_how_to_go_on(
    fault: str, error: type[glows.GlowsError], sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    machine = run(f"{TRAIN} --wait")
    sandbox.admin.order(fault, "instance_get", first=3, code=4711)
    with pytest.raises(error):
        run("wait train --until Paused --timeout 20")
    assert said().endswith(
        f"Stopped waiting; the machine goes on. To wait again: %glows wait {machine.instance_id} --until Paused\n"
    )


def test_wait_counts_what_a_machine_has_cost_before_it_stood_still(
    sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    run(f"{TRAIN} --wait")
    with closing(sqlite3.connect(ledger_path())) as database, database:
        database.execute("UPDATE sightings SET at_ms = at_ms - 36000000, until_ms = until_ms - 36000000")
    sandbox.admin.play("host-lost")
    said()
    with pytest.raises(glows.WaitTimeout):
        run("wait train --timeout 0.1")
    assert re.search(r"Unavail, .*about 3\.9\d\d Credits so far", said())


def test_wait_for_a_machine_that_has_ended_does_not_say_that_it_goes_on(said: Callable[[], str]) -> None:
    run(TRAIN)
    run("cancel train --wait --yes")
    with pytest.raises(glows.MachineEnded):
        run("wait train")
    assert "goes on" not in said()


def test_interrupted_wait_says_how_to_go_on_and_is_an_interrupt(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def press_ctrl_c_at_the_first_progress(message: object = "", **options: object) -> None:
        lines.append(str(message))
        if re.search(r" s  ins-", lines[-1]):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(click, "echo", press_ctrl_c_at_the_first_progress)
    with pytest.raises(KeyboardInterrupt):
        run(f"{TRAIN} --wait")
    (machine,) = client.instances.all()
    assert lines[-1].endswith(f"To wait again: %glows wait {machine.instance_id}")
    assert not any("nothing was done" in line for line in lines), "a machine was rented"


def test_cancel_releases_the_machine_and_says_so(client: glows.Client, said: Callable[[], str]) -> None:
    machine = run(f"{TRAIN} --wait")
    said()
    assert run("cancel train --wait --yes") is None
    assert f"Releasing {machine.instance_id}" in said()
    assert client.instances.stats() == {"Finished": 1}


def test_cancel_all_releases_every_machine_that_lives(client: glows.Client, said: Callable[[], str]) -> None:
    ended = run("launch --gpu 4090 --name ended --yes --wait")
    run("cancel ended --wait --yes")
    alive = [run(f"launch --gpu 4090 --name {name} --yes").instance_id for name in ("a", "b")]
    said()
    run("cancel --all --wait --yes")
    text = said()
    assert all(f"Releasing {machine}" in text for machine in alive)
    assert f"Releasing {ended.instance_id}" not in text
    assert client.instances.stats() == {"Finished": 3}


def test_cancel_all_with_nothing_there_says_so(said: Callable[[], str]) -> None:
    run("cancel --all")
    assert "nothing to release" in said()


def test_cancel_of_an_ended_machine_says_what_it_is(said: Callable[[], str]) -> None:
    machine = run(f"{TRAIN} --wait")
    run("cancel train --wait --yes")
    said()
    run("cancel train")
    assert f"{machine.instance_id} is Finished already." in said()


def test_cancel_asks_with_each_machine_named(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    machine = run(f"{TRAIN} --wait")
    questions = answer("n", monkeypatch)
    said()
    with pytest.raises(CommandError, match="Nothing was done"):
        run("cancel train")
    assert f"Will end: {machine.instance_id}" in said()
    assert "Release 1 machine?" in questions[0]
    assert client.instances.stats() == {"Running": 1}


@pytest.mark.parametrize("line", ["cancel", "cancel --yes", "cancel train --all --yes"])
def test_cancel_needs_machines_or_all_and_not_both(line: str, client: glows.Client) -> None:
    run(f"{TRAIN} --wait")
    with pytest.raises(CommandError, match="--all"):
        run(line)
    assert client.instances.stats() == {"Running": 1}


def test_one_unknown_machine_among_several_releases_none(client: glows.Client) -> None:
    run(f"{TRAIN} --wait")
    with pytest.raises(glows.ParamIllegal):
        run("cancel train nobody --yes")
    assert client.instances.stats() == {"Running": 1}


def test_one_machine_that_can_not_be_released_keeps_no_other_running(
    client: glows.Client, sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    kept = [run(f"launch --gpu 4090 --name {name} --yes --wait").instance_id for name in ("a", "b", "c")]
    sandbox.admin.order("code", "instance_cancel", code=20, first=2)
    with pytest.raises(glows.GlowsError) as refused:
        run("cancel --all --yes")
    assert str(refused.value).startswith("1 machine of 3 not released, and going on to cost. ")
    assert f"{kept[1]}: Could not cancel instance: " in str(refused.value)
    assert str(refused.value).endswith(f"To try again: %glows cancel {kept[1]}")
    assert [each.instance_id for each in client.instances.all() if each.status == "Running"] == [kept[1]]
    assert f"NOT released: {kept[1]}" in said()


def test_one_machine_that_can_not_be_released_is_the_error_of_the_service(sandbox: glows.Sandbox) -> None:
    run(f"{TRAIN} --wait")
    sandbox.admin.order("code", "instance_cancel", code=20)
    with pytest.raises(glows.IllegalStatus):
        run("cancel train --yes")


def test_interrupt_among_releases_says_which_are_left(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    kept = [run(f"launch --gpu 4090 --name {name} --yes --wait").instance_id for name in ("a", "b", "c")]
    echo, lines = click.echo, []

    def press_ctrl_c_at_the_first(message: object = "", **options: Any) -> None:
        echo(message, **options)
        lines.append(str(message))
        if "Releasing" in lines[-1]:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(click, "echo", press_ctrl_c_at_the_first)
    with pytest.raises(KeyboardInterrupt, match="what is left behind is said above"):
        run("cancel --all --yes")
    assert lines[-1].endswith(f"To release: %glows cancel {kept[1]} {kept[0]}")
    assert client.instances.stats().get("Running") == 2


def test_what_is_saved_is_said_to_be_unknown_where_no_machine_has_a_price(
    sandbox: glows.Sandbox, said: Callable[[], str]
) -> None:
    sandbox.admin.order("stuck_queue")
    run(TRAIN)
    run("cancel --all --yes")
    assert "What this saves is not known: nothing of it has a price now." in said()
