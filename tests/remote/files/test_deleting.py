"""What is only on one side is deleted where that is asked for, after a yes; what is of another kind is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from glows_nb.remote.errors import TransferError
from tests.remote.conftest import Reached
from tests.remote.files.trees import in_seconds, looked_at, made


def test_deletes_only_after_a_yes(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {"a": b"1", ".gitignore": b"*.log\n"})
    there = made(reached.home / "there", {"old/er/x": b"1", "old 2": b"", "work.log": b"of the machine", "l": "a"})
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(TransferError, match="Nothing was done"):
        reached.machine.send(here, "there", delete=True, ask=no)
    assert "old 2" in asked[0]
    assert not (there / "a").exists()
    assert reached.machine.send(here, "there", delete=True, dry_run=True).deleted == 5
    assert (there / "old 2").exists()
    assert reached.machine.send(here, "there", delete=True, yes=True).deleted == 5
    assert set(looked_at(there)) == {"a", ".gitignore", "work.log"}
    made(here, {"more/x": b"", "own.log": b"1"})
    with pytest.raises(TransferError, match="Nothing was done"):
        reached.machine.fetch("there", here, delete=True, ask=no)
    assert reached.machine.fetch("there", here, delete=True, ask=lambda question: True).deleted == 2
    assert set(looked_at(here)) == {"a", ".gitignore", "own.log"}


def test_nobody_to_ask_is_no_yes(usual: Reached, tmp_path: Path) -> None:
    made(usual.home / "there", {"old": b"1"})
    with pytest.raises(TransferError, match="Nobody can be asked"):
        usual.machine.send(made(tmp_path / "here", {"a": b""}), "there", delete=True)
    assert (usual.home / "there" / "old").exists()


def test_rules_of_the_machine_keep_what_is_here_from_being_deleted(usual: Reached, tmp_path: Path) -> None:
    made(usual.home / "there", {".gitignore": b"out\n", "a": b"1", "esc\x1b": b"", "bad": "/etc"})
    here = made(tmp_path / "here", {"out/results": b"precious", "bad": b"mine", "gone": b""})
    done = usual.machine.fetch("there", here, delete=True, yes=True)
    assert done.deleted == 1
    assert set(looked_at(here)) == {".gitignore", "a", "out", "out/results", "bad"}


@pytest.mark.parametrize("is_folder_there", [True, False])
def test_a_file_and_a_folder_of_one_name_are_said(reached: Reached, tmp_path: Path, is_folder_there: bool) -> None:
    (tmp_path / "both").mkdir()
    here, there = tmp_path / "both" / "x", reached.home / "both" / "x"
    there.parent.mkdir()
    (there if is_folder_there else here).mkdir()
    ((there if is_folder_there else here) / "inside").write_text("kept")
    (here if is_folder_there else there).write_text("a file")
    # SFTP says of it that it failed, and nothing more.
    said = r"has a folder where a file is to go, or a file where a folder is|failed: Failure"
    with pytest.raises(TransferError, match=said):
        reached.machine.send(tmp_path / "both", "both")
    assert (there / "inside").read_text() == "kept" if is_folder_there else there.read_text() == "a file"


@pytest.mark.parametrize("is_folder_there", [True, False])
def test_deleting_solves_a_file_and_a_folder_of_one_name(
    reached: Reached, tmp_path: Path, is_folder_there: bool
) -> None:
    folder, file = {"x/deep/inside": b"1", "kept": b""}, {"x": b"a file", "kept": b""}
    here = made(tmp_path / "here", file if is_folder_there else folder)
    there = made(reached.home / "there", folder if is_folder_there else file)
    done = reached.machine.send(here, "there", delete=True, yes=True)
    assert in_seconds(looked_at(there)) == in_seconds(looked_at(here))
    assert done.deleted == (3 if is_folder_there else 1)
    assert set(done.files.query("path == 'x' and action == 'deleted'")["why"]) == {"of another kind"}
    back = made(tmp_path / "back", folder if is_folder_there else file)
    reached.machine.fetch("there", back, delete=True, yes=True)
    assert in_seconds(looked_at(back)) == in_seconds(looked_at(here))


def test_what_is_ignored_is_not_deleted_for_a_file_of_its_folders_name(usual: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {".gitignore": b"*.log\n", "x": b"a file"})
    there = made(usual.home / "there", {"x/run.log": b"precious", "x/old": b""})
    with pytest.raises(TransferError, match="has a folder where a file is to go"):
        usual.machine.send(here, "there", delete=True, yes=True)
    assert set(looked_at(there)) >= {"x", "x/run.log"}
