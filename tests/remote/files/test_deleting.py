"""What is only on one side is deleted where that is asked for, after a yes; what is of another kind is in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from glows_nb.remote.errors import LineLost, TransferError
from glows_nb.remote.files.shell_files import ShellFiles
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


@pytest.mark.parametrize("verb", ["send", "fetch"])
@pytest.mark.parametrize("kept", ["x/run.log", "x"])
def test_what_is_ignored_is_not_deleted_and_nothing_else_for_its_sake(
    usual: Reached, tmp_path: Path, verb: str, kept: str
) -> None:
    there, here = usual.home / "there", tmp_path / "here"
    source, target = (here, there) if verb == "send" else (there, here)
    rules = {".gitignore": b"*.log\n" if kept == "x/run.log" else b"x\n"}
    folder, file = {"x/run.log": b"precious", "x/old": b""}, {"x": b"a file"}
    made(source, (file if kept == "x/run.log" else folder) | (rules if kept == "x/run.log" else {}))
    before = made(target, (folder if kept == "x/run.log" else file | rules) | {"other": b""})
    seen = looked_at(before)
    options: dict[str, Any] = {"delete": True, "yes": True, "include_ignored": kept == "x"}
    if verb == "send" and kept == "x":
        (source / ".gitignore").write_bytes(rules[".gitignore"])
    with pytest.raises(TransferError, match=f"what is ignored is not deleted: {kept}. Move it away"):
        usual.machine.send(here, "there", **options) if verb == "send" else usual.machine.fetch(
            "there", here, **options
        )
    assert looked_at(target) == seen


def test_what_is_in_the_way_here_goes_when_its_successor_has_come(
    usual: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(usual.home / "there", {"x": b"1" * 20_000_000})
    here = made(tmp_path / "here", {"x/precious": b""})
    large = ShellFiles.large

    async def cut(self: ShellFiles, root: str, path: str, begin: int) -> AsyncIterator[bytes]:
        async for piece in large(self, root, path, begin):
            yield piece
            raise TransferError("no more comes")

    monkeypatch.setattr(ShellFiles, "large", cut)
    with pytest.raises(TransferError, match="no more comes"):
        usual.machine.fetch("there", here, delete=True, yes=True)
    assert (here / "x" / "precious").exists()
    monkeypatch.undo()
    usual.machine.fetch("there", here, delete=True, yes=True)
    assert (here / "x").stat().st_size == 20_000_000


@pytest.mark.parametrize("verb", ["send", "fetch"])
def test_what_was_not_asked_about_is_asked_about_after_a_broken_line(
    usual: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    there, here = usual.home / "there", tmp_path / "here"
    source, target = (here, there) if verb == "send" else (there, here)
    made(source, {"new": b"1", "mine/a": b""})
    made(target, {"mine/a": b"", "old": b""})
    breaking, questions = ShellFiles.put if verb == "send" else ShellFiles.small, list[str]()
    has_broken = []

    def broken(*words: Any) -> Any:
        if not has_broken:
            has_broken.append(True)
            (target / "results").write_text("of a job that ran meanwhile")
            raise LineLost("It broke.")
        return breaking(*words)

    def ask(question: str) -> bool:
        questions.append(question)
        return "results" not in question

    monkeypatch.setattr(ShellFiles, "put" if verb == "send" else "small", broken)
    call = usual.machine.send if verb == "send" else usual.machine.fetch
    with pytest.raises(TransferError, match="Nothing was done"):
        call(*((here, "there") if verb == "send" else ("there", here)), delete=True, ask=ask)  # type: ignore[arg-type]
    assert [" old" in question for question in questions] == [True, True]
    assert (target / "results").exists()
