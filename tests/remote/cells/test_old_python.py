"""The keeper on the oldest Python that a machine may have."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from glows_nb.remote import keeper, passing
from glows_nb.remote.jobs import runner
from tests.remote.cells.cuts import end_keeper
from tests.remote.conftest import SSHD
from tests.remote.ways import Door, Service

OLD_PYTHON = os.environ.get("GLOWS_NB_OLD_PYTHON", "")
"""A Python 3.8 that has ipykernel, where there is one."""


@pytest.mark.parametrize("file", [Path(str(each.__file__)) for each in (keeper, passing, runner)])
def test_what_runs_there_is_written_for_python_3_8(file: Path) -> None:
    assert ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8)).body


@pytest.mark.skipif(not OLD_PYTHON, reason="GLOWS_NB_OLD_PYTHON names no Python 3.8 with ipykernel")
def test_cells_run_on_python_3_8(doors: dict[str, Door]) -> None:
    door = doors[SSHD]
    (door.home / ".glows-nb").mkdir(mode=0o700, exist_ok=True)
    (door.home / ".glows-nb" / "python").write_text(f"{Path(OLD_PYTHON).absolute()}\n")
    with Service(door, number=door.port) as service, service.machine() as machine:
        try:
            assert machine.run("import sys; x = 41; sys.version_info[:2]", quiet=True).text == "(3, 8)\n"
            assert machine.run("for i in range(3000): print(i, flush=True)\nx + 1", quiet=True).text.endswith("\n42\n")
            failed = machine.run("1 / 0", quiet=True)
            assert type(failed.error).__name__ == "ZeroDivisionError"
            assert machine.kernel_status().python.startswith("3.8")
            assert machine.run("import os; os.kill(os.getpid(), 9)", quiet=True).status == "died"
            assert machine.run("'x' in dir()", quiet=True).text == "False\n"
        finally:
            end_keeper(machine)
