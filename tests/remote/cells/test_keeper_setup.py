"""What a machine needs for cells: where it is missing, one question puts it there, or one sentence says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import glows_nb as glows
from tests.remote.cells.cuts import end_keeper
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import IS_REAL_HERE, STATE, RealSandbox, launch

pytestmark = IS_REAL_HERE


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RealSandbox]:
    with RealSandbox(tmp_path / STATE) as sandbox, sandbox.client() as client:
        launch(client, "train")
        yield sandbox


@pytest.fixture
def machine(sandbox: RealSandbox) -> Iterator[glows.Machine]:
    with sandbox.client() as client, glows.machine("train", client=client) as machine:
        yield machine


def test_without_ipykernel_there_is_one_question(sandbox: RealSandbox, machine: glows.Machine) -> None:
    sandbox.admin.order("no_ipykernel")
    asked: list[str] = []
    with pytest.raises(glows.RemoteError, match="has no ipykernel, which cells there need"):
        machine.run("1", quiet=True, ask=lambda question: bool(asked.append(question)))
    assert len(asked) == 1
    assert "ipykernel" in asked[0]

    def yes(question: str) -> bool:
        asked.append(question)
        sandbox.admin.clear()
        return True

    assert machine.run("6 * 7", quiet=True, ask=yes).text == "42\n"
    assert len(asked) == 2
    assert machine.run("6 * 7", quiet=True, ask=yes).text == "42\n"
    assert len(asked) == 2, "it is there now"


def test_what_pip_says_is_told(sandbox: RealSandbox, machine: glows.Machine) -> None:
    settings = r"[global]\nno-index = true\n[install]\nforce-reinstall = true\n"
    machine.exec(f"mkdir -p ~/.config/pip && printf '{settings}' > ~/.config/pip/pip.conf")
    sandbox.admin.order("no_ipykernel")
    with pytest.raises(glows.RemoteError, match=r"pip could not install ipykernel on train.*ipykernel"):
        machine.run("1", quiet=True, yes=True)
    machine.exec("rm ~/.config/pip/pip.conf")
    with pytest.raises(glows.RemoteError, match=r"has installed ipykernel on train.*can't load it"):
        machine.run("1", quiet=True, yes=True)


def test_without_python_a_sentence_says_what_to_do(sandbox: RealSandbox, machine: glows.Machine) -> None:
    sandbox.admin.order("no_python")
    with pytest.raises(glows.RemoteError, match=r"has no Python 3\.8 or newer.*apt-get install python3"):
        machine.run("1", quiet=True)


def test_keeper_that_is_not_whole_or_not_ours_is_put_there_anew(doors: dict[str, Door]) -> None:
    door = doors["sandbox"]
    with Service(door) as service, service.machine() as machine:
        machine.run("1", quiet=True)
        end_keeper(machine)
        [file] = door.home.glob(".glows-nb/keeper-*.py")
        whole = file.read_bytes()
    for content in (b"", whole[:1000], whole.replace(b"PROTOCOL = 1", b"PROTOCOL = 7")):
        file.write_bytes(content)
        with Service(door) as service, service.machine() as machine:
            assert machine.run("6 * 7", quiet=True).text == "42\n"
            end_keeper(machine)
        assert file.read_bytes() == whole
