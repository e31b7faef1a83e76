"""Commands that only look: offers, images, machines, and what each gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import glows_nb as glows
from glows_nb.commands import run
from glows_nb.frames.tables import Table
from tests.commands.lines import TRAIN

pytestmark = pytest.mark.usefixtures("default_client")


def test_specs_gives_a_table_and_prints_nothing(said: Callable[[], str]) -> None:
    table = run("specs")
    assert type(table) is Table
    assert len(table) >= 17
    assert said() == ""


def test_specs_takes_all_its_limits() -> None:
    line = "specs --gpu 4090 --region tw-03 --min-vram 20 --max-price 0.6 --available --sort -price --where 'gpus == 1'"
    assert run(line)["price_per_hour"].tolist() == [0.55, 0.49]


def test_specs_takes_several_regions() -> None:
    table = run("specs --gpu 4090 --region tw-03 --region TW-01")
    assert set(table["region"]) == {"TW-01", "TW-03"}
    assert run("cheapest --gpu 4090 --region TW-03 --region TW-04").region_name in ("TW-03", "TW-04")


def test_images_gives_a_table_of_those_that_fit() -> None:
    table = run("images torch base")
    assert type(table) is Table
    assert len(table) == 2


def test_list_gives_a_table_of_machines(said: Callable[[], str]) -> None:
    machine = run(TRAIN)
    said()
    table = run("list")
    assert type(table) is Table
    assert table["instance_id"].tolist() == [machine.instance_id]
    assert said() == ""


def test_list_takes_statuses_in_any_case_and_a_limit() -> None:
    run(f"{TRAIN} --wait")
    second = run("launch --gpu 4090 --name second --yes --wait")
    assert len(run("list --status running")) == 2
    assert len(run("list --status Pending --status RUNNING")) == 2
    assert len(run("list --status finished")) == 0
    assert run("list --limit 1")["instance_id"].tolist() == [second.instance_id]


def test_show_finds_a_machine_by_id_key_or_name() -> None:
    machine = run(TRAIN)
    for word in (machine.instance_id, machine.meta_key, "train"):
        found = run(f"show {word}")
        assert isinstance(found, glows.Instance)
        assert found.instance_id == machine.instance_id


def test_machine_that_is_not_there_is_an_error() -> None:
    for command in ("show", "wait", "cancel --yes"):
        with pytest.raises(glows.ParamIllegal):
            run(f"{command} nobody")


def test_stats_gives_the_number_of_machines_in_each_status() -> None:
    assert run("stats") == {}
    run(f"{TRAIN} --wait")
    assert run("stats") == {"Running": 1}
