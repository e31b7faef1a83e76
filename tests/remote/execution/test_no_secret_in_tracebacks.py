"""Whatever goes wrong on a machine: no traceback shows a variable's value or the password, whoever prints it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

import glows_nb as glows
from tests.api.test_tracebacks import VALUE, leaks
from tests.remote.told_of import Told, machine_told_of

PASSWORD = "planted-password-of-a-machine"


def refuses(piece: bytes, is_error: bool) -> None:
    raise RuntimeError("nobody listens")


CASES: dict[str, Callable[[glows.Machine], Any]] = {
    "status": lambda machine: machine.exec("exit 3", env={"A": VALUE}, quiet=True),
    "time": lambda machine: machine.exec("sleep 60", env={"A": VALUE}, timeout=0.5, quiet=True),
    "listener": lambda machine: machine.exec("echo x", env={"A": VALUE}, on_output=refuses),
    "line": lambda machine: machine.exec("kill -9 $PPID; sleep 5", env={"A": VALUE}, quiet=True, timeout=3),
    "job": lambda machine: machine.job("true", env={"A": VALUE}, folder="no/such/folder"),
    "job's name": lambda machine: machine.job("true", env={"A-B": VALUE}),
    "job's slots": lambda machine: machine.job("true", env={"A": VALUE}, slots=0),
    "name": lambda machine: machine.exec("true", env={"A-B": VALUE}),
    "command": lambda machine: machine.exec("", env={"A": VALUE}),
    "value": lambda machine: machine.exec("true", env={"A": VALUE, "B": 3}),  # type: ignore[dict-item]
    "form": lambda machine: machine.exec("true", env=f"A={VALUE}"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", CASES)
def test_no_variable_is_in_a_traceback(case: str, machine: glows.Machine) -> None:
    try:
        CASES[case](machine)
    except Exception as error:  # noqa: BLE001 - whatever becomes of it
        assert leaks(error) == []
    else:
        pytest.fail("nothing went wrong")


def test_password_is_in_none() -> None:
    with machine_told_of(Told(9, password=PASSWORD)) as machine, pytest.raises(glows.NotReachable) as failed:
        machine.exec("true")
    assert PASSWORD not in repr(machine.__dict__)
    shown = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    assert PASSWORD not in "".join(shown.format())
