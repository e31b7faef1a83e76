"""Rows of the panel's tables, and which actions fit a machine in which status; nothing is asked of anybody here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import glows_nb as glows
from glows_nb.api.statuses import InstanceStatus
from glows_nb.widgets.machines_frame import (
    ALIVE,
    COLUMNS,
    ended_frame,
    fitting_actions,
    hardware_of,
    machines_frame,
    name_of,
)
from glows_nb.widgets.panel.machine_page import MASK, masked, page_html

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
MARK = "1a2b3c4d"


def machine(status: str = "Running", **fields: object) -> glows.Instance:
    """A machine that was started two hours ago."""
    wire: dict[str, object] = {
        "instanceID": "ins-x",
        "status": status,
        "metaKey": f"train-{MARK}",
        "priceCent": 49,
        "createTime": {"seconds": int((NOW - timedelta(hours=2)).timestamp())},
        "hardware": {"gpuName": "NVIDIA H200", "gpuNum": 2},
        "sshCred": {"user": "root", "password": "very-secret"},
        "envs": "KEY=also-secret",
        "accesses": [
            {"protocol": "ssh", "listenPort": 22, "url": "ssh://host:15692"},
            {"protocol": "http", "listenPort": 8888, "url": "https://host:24516?token=secret12"},
        ],
    }
    return glows.Instance.model_validate(wire | fields)


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("Running", {"ssh", "cell", "password", "jupyter", "work", "snapshot", "park", "release"}),
        ("SchedQueued", {"release"}),
        ("Pausing", set()),
        ("Paused", set()),
        ("Resuming", set()),
        ("Canceling", set()),
        ("Finished", {"unpark"}),
        ("Exited", {"unpark"}),
        ("Unavail", {"release"}),
        ("SomethingNew", {"release"}),
    ],
)
def test_actions_are_those_that_the_status_allows(status: str, actions: set[str]) -> None:
    assert fitting_actions(machine(status)) == actions


def test_running_machine_without_an_address_has_no_way_in() -> None:
    assert fitting_actions(machine(accesses=[])) == {"snapshot", "park", "release"}


def test_machines_that_have_not_ended_are_asked_for_by_every_status_but_two() -> None:
    assert set(InstanceStatus) - set(ALIVE) == {InstanceStatus.FINISHED, InstanceStatus.EXITED}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "train"),
        ({"metaKey": f"train-{MARK}.3"}, "train.3"),
        ({"metaKey": "train-99999999"}, "train-99999999"),
        ({"remark": "the big one"}, "the big one"),
        ({"metaKey": None}, "ins-x"),
    ],
)
def test_name_is_what_a_person_calls_the_machine(fields: dict[str, object], name: str) -> None:
    assert name_of(machine(**fields), MARK) == name


def test_row_of_a_machine_that_is_not_placed_yet_has_no_numbers_and_no_zeros() -> None:
    frame = machines_frame([machine("SchedQueued", priceCent=0, hardware=None)], {}, MARK, NOW)
    row = frame.iloc[0]
    assert list(frame.columns) == list(COLUMNS)
    assert row["age"] == timedelta(hours=2)
    assert frame[["price_per_hour", "cost", "hardware"]].isna().all(axis=None)
    assert hardware_of(machine()) == "2 × NVIDIA H200"


def test_frame_is_the_same_when_it_is_empty() -> None:
    some = machines_frame([machine()], {}, MARK, NOW)
    none = machines_frame([], {}, MARK, NOW)
    assert list(none.columns) == list(some.columns)
    assert {name: str(kind) for name, kind in none.dtypes.items() if name != "status"} == {
        name: str(kind) for name, kind in some.dtypes.items() if name != "status"
    }


def test_ended_machine_shows_its_newest_available_snapshot() -> None:
    def snapshot(number: int, status: int) -> glows.Snapshot:
        return glows.Snapshot.model_validate(
            {"snapshot_id": f"snap-{number}", "instance_id": "ins-x", "status": status, "create_time": number}
        )

    taken = [snapshot(2, 3), snapshot(3, 4), snapshot(1, 3)]
    frame = ended_frame([machine("Finished"), machine("Finished", instanceID="ins-y")], {}, MARK, NOW, taken)
    assert frame["snapshot"].fillna("none").tolist() == ["snap-2", "none"]


def test_raw_answer_and_page_mask_every_secret_also_in_fields_that_nobody_knows() -> None:
    told = machine(cancelToken="new-secret", extra={"apiPassword": "deep-secret", "link": "https://h/?key=url-secret"})
    raw = masked(told)
    assert raw["sshCred"] == {"user": "root", "password": MASK}
    assert raw["cancelToken"] == raw["extra"]["apiPassword"] == MASK
    page = page_html(told, None)
    for text in (json.dumps(raw), page):
        assert "secret" not in text.replace("secrets masked", "")
    assert "https://host:24516" in page
