"""What `send` and `fetch` promise, on every way onto a machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from glows_nb.api.errors import InvalidRequest
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files import fetching, sending, shell_files
from tests.remote.conftest import SANDBOX, Reached
from tests.remote.files.trees import Found, in_seconds, looked_at, made
from tests.remote.ways import BARE, BUSYBOX, ONLY_SFTP, Door, Service, sandbox_door
from tests.sandbox.machines.real import IS_REAL_HERE

ODD_NAMES = [
    "with space",
    "quote'and\"both",
    "-rf",
    "--help",
    "$HOME",
    "`id`",
    "*",
    "back\\slash",
    "größe 実験",
    "a:b",
    "end ",
    "#",
    "~",
    "x" * 255,
    "/".join(["d" * 50] * 6) + "/" + "y" * 200,
]
ONLY_SENT = ["new\nline", "tab\t", "\x1b[31m", os.fsdecode(b"\xff no utf-8"), "regular file|1|1|644|."]
COARSE = (ONLY_SFTP, BUSYBOX, BARE)
"""Ways that tell whole seconds alone."""
SECOND = 1_700_000_000
NANO = 123_456_789


def same(reached: Reached, one: Path, other: Path) -> bool:
    """Are two trees the same, as far as the way can tell times?"""
    return seen(reached, one) == seen(reached, other)


def seen(reached: Reached, root: Path) -> Mapping[str, Found]:
    return in_seconds(looked_at(root)) if reached.way in COARSE else looked_at(root)


def aged(path: Path, seconds: int = SECOND, nano: int = NANO) -> Path:
    """Give it a time."""
    os.utime(path, ns=(seconds * 10**9 + nano,) * 2)
    return path


def test_a_tree_goes_there_and_back(reached: Reached, tmp_path: Path) -> None:
    here = made(
        tmp_path / "here",
        {"a": b"1", "sub/b": os.urandom(70_000), "empty": b"", "nothing": None, "link": "sub/b", "sub/up": "../a"},
    )
    for name, mode in (("a", 0o755), ("sub/b", 0o444), ("empty", 0o600)):
        aged(here / name)
        (here / name).chmod(mode)
    done = reached.machine.send(here, "there")
    assert (done.sent, done.skipped, done.refused) == (5, 0, 0)
    assert same(reached, reached.home / "there", here)
    again = reached.machine.send(here, "there")
    assert (again.sent, again.skipped, again.sent_bytes) == (0, 5, 0)
    fetched = reached.machine.fetch("there", tmp_path / "back")
    assert (fetched.sent, fetched.refused) == (5, 0)
    assert same(reached, tmp_path / "back", here)
    assert reached.machine.fetch("there", tmp_path / "back").sent == 0
    for transfer in (done, again, fetched):
        assert [note for note in transfer.notes if "SFTP" not in note] == []


def test_odd_names_go_there_and_back(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {name: name.encode(errors="surrogateescape") for name in ODD_NAMES})
    assert reached.machine.send(here, "odd 'place").sent == len(ODD_NAMES)
    assert same(reached, reached.home / "odd 'place", here)
    assert reached.machine.send(here, "odd 'place").sent == 0
    assert reached.machine.fetch("odd 'place", tmp_path / "back").sent == len(ODD_NAMES)
    assert same(reached, tmp_path / "back", here)


def test_names_that_a_terminal_obeys_are_sent_and_not_fetched(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", dict.fromkeys([*ONLY_SENT, "plain"], b"x"))
    assert reached.machine.send(here, "there").sent == len(ONLY_SENT) + 1
    assert same(reached, reached.home / "there", here)
    assert reached.machine.send(here, "there").sent == 0
    back = reached.machine.fetch("there", tmp_path / "back")
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"plain", "regular file|1|1|644|."}
    assert back.refused == len(ONLY_SENT) - 1
    assert "\x1b" not in str(back)
    assert "\x1b" not in "".join(back.notes)


@pytest.mark.parametrize("name", ["one file", "-x"])
def test_one_file_has_a_name_there_or_goes_into_a_folder(reached: Reached, tmp_path: Path, name: str) -> None:
    file = aged(made(tmp_path, {name: b"12345"}) / name)
    machine, home = reached.machine, reached.home
    assert machine.send(file).notes == machine.send(file).notes
    (home / "folder").mkdir()
    machine.send(file, "folder")
    machine.send(file, "new/")
    machine.send(file, "~/other/named")
    machine.send(file, str(home / "absolute"))
    for place in (name, f"folder/{name}", f"new/{name}", "other/named", "absolute"):
        assert (home / place).read_bytes() == b"12345", place
        assert int((home / place).stat().st_mtime) == SECOND
    assert machine.send(file, "other/named").sent == 0
    assert [note for note in machine.send(file, "never/seen").notes if "SFTP" not in note] == []


def test_one_file_is_fetched_to_a_name_or_into_a_folder(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(reached.home, {"data/a file": b"12345", "data/b": b"", "link": "data/a file"})
    monkeypatch.chdir(tmp_path)
    reached.machine.fetch("data/a file")
    reached.machine.fetch("~/data/a file", "named")
    reached.machine.fetch(str(reached.home / "data" / "a file"), "deep/er/named")
    reached.machine.fetch("data/a file", "folder/")
    reached.machine.fetch("link", "of link")
    (tmp_path / "is there").mkdir()
    reached.machine.fetch("data/a file", "is there")
    for place in ("a file", "named", "deep/er/named", "folder/a file", "is there/a file", "of link"):
        assert (tmp_path / place).read_bytes() == b"12345", place
        assert not (tmp_path / place).is_symlink()
    assert reached.machine.fetch("data/a file", "named").sent == 0
    assert not [path for path in tmp_path.rglob("*") if ".glows-part-" in path.name]
    with pytest.raises(TransferError, match="has no"):
        reached.machine.fetch("missing", "x")


def test_a_folder_has_a_name_there_or_goes_into_one(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "src", {"x": b"1"})
    reached.machine.send(here)
    reached.machine.send(f"{here}/", "renamed")
    reached.machine.send(here, "in/")
    for place in ("src/x", "renamed/x", "in/src/x"):
        assert (reached.home / place).read_bytes() == b"1", place
    reached.machine.fetch("in/src", tmp_path / "into" / "")
    reached.machine.fetch("in/", f"{tmp_path}/into2/")
    assert (tmp_path / "into" / "x").read_bytes() == b"1" or (tmp_path / "into" / "src" / "x").read_bytes() == b"1"
    assert (tmp_path / "into2" / "in" / "src" / "x").read_bytes() == b"1"


def test_other_contents_of_the_same_size_go(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {"other": b"aaaa", "touched": b"tttt", "mode": b"mmmm", "finer": b"ffff"})
    for path in here.iterdir():
        aged(path)
    reached.machine.send(here, "there")
    (here / "other").write_bytes(b"bbbb")
    aged(here / "other", SECOND + 1)
    aged(here / "touched", SECOND + 5)
    (here / "mode").chmod(0o700)
    if not reached.is_by_sftp:
        (here / "finer").write_bytes(b"gggg")
        aged(here / "finer", SECOND, NANO + 5000)
    done = reached.machine.send(here, "there")
    assert same(reached, reached.home / "there", here)
    # By SFTP there are no hashes, so what was only touched goes too; elsewhere what is other within its second does.
    assert done.sent == 2
    assert reached.machine.send(here, "there").sent == 0
    (here / "other").write_bytes(b"cccc")
    aged(here / "other", SECOND + 9)
    fetched = reached.machine.fetch("there", here)
    assert fetched.sent == 1
    assert (here / "other").read_bytes() == b"bbbb"


def test_what_is_ignored_stays(reached: Reached, tmp_path: Path) -> None:
    tree = {
        ".gitignore": b"*.log\nbuild/\n!keep.log\n/only-top\n",
        ".glowsignore": b"!wanted.log\nbig/\n",
        "a.log": b"", "keep.log": b"", "wanted.log": b"", "build/x": b"", "big/x": b"", "only-top": b"",
        "sub/only-top": b"", "sub/.gitignore": b"!b.log\nlocal\n", "sub/b.log": b"", "sub/local/x": b"",
        ".git/config": b"", "sub/.git": b"gitdir: elsewhere",
    }  # fmt: skip
    stays = {"a.log", "build", "build/x", "big", "big/x", "only-top", "sub/local", "sub/local/x", ".git", ".git/config"}
    stays.add("sub/.git")
    here = made(tmp_path / "here", tree)
    done = reached.machine.send(here, "there")
    assert set(looked_at(reached.home / "there")) == set(looked_at(here)) - stays
    assert done.ignored == 7
    reached.machine.send(here, "all", include_ignored=True)
    assert set(looked_at(reached.home / "all")) == set(looked_at(here))
    reached.machine.fetch("all", tmp_path / "back")
    assert set(looked_at(tmp_path / "back")) == set(looked_at(here)) - stays
    reached.machine.fetch("all", tmp_path / "everything", include_ignored=True)
    assert set(looked_at(tmp_path / "everything")) == set(looked_at(here))


def test_dry_run_tells_and_does_nothing(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {"a": b"1234", "sub/b": b"12"})
    told = reached.machine.send(here, "there", dry_run=True)
    assert (told.sent, told.sent_bytes, told.is_dry_run) == (2, 6, True)
    assert not (reached.home / "there").exists()
    reached.machine.send(here, "there")
    assert reached.machine.fetch("there", tmp_path / "back", dry_run=True).sent == 2
    assert not (tmp_path / "back").exists()
    assert list(told.files["path"]) == ["a", "sub/b"]


def test_a_folder_and_a_file_of_one_name_are_said(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(shell_files, "LARGE", 1000)
    here = made(tmp_path / "here", {"x": b"1" * 2000})
    there = made(reached.home / "there", {"x/inside": b"1"})
    with pytest.raises(TransferError):
        reached.machine.send(here, "there")
    assert set(looked_at(there)) >= {"x", "x/inside"}
    assert not [name for name in looked_at(there) if name.startswith("x/") and name != "x/inside"]
    with pytest.raises(TransferError):
        reached.machine.fetch("there", here)
    assert (here / "x").read_bytes() == b"1" * 2000
    made(reached.home / "file", {}).rmdir()
    (reached.home / "file").write_bytes(b"")
    with pytest.raises(TransferError, match="has a file at"):
        reached.machine.send(here, "file")
    with pytest.raises(TransferError):
        reached.machine.fetch("file", here / "x" / "y")


def test_a_link_to_a_folder_there_is_replaced_not_followed(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(shell_files, "LARGE", 1000)
    here = made(tmp_path / "here", {"small": b"1", "large": b"1" * 2000})
    there = made(reached.home / "there", {"elsewhere": None, "small": "elsewhere", "large": "elsewhere"})
    reached.machine.send(here, "there")
    assert (there / "small").read_bytes() == b"1"
    assert (there / "large").read_bytes() == b"1" * 2000
    assert list((there / "elsewhere").iterdir()) == []


def test_links_that_lead_out_are_left(reached: Reached, tmp_path: Path) -> None:
    tree = {"out": "../outside", "abs": "/etc/passwd", "sub/far": "../../x", "sub/odd": "x/../../..", "in": "sub"}
    here = made(tmp_path / "here", {**tree, "a": b""})
    done = reached.machine.send(here, "there")
    assert set(looked_at(reached.home / "there")) == {"a", "in", "sub"}
    assert sum("leads out" in note for note in done.notes) == 4
    made(reached.home / "bad", {**tree, "a": b""})
    back = reached.machine.fetch("bad", tmp_path / "back")
    assert set(looked_at(tmp_path / "back")) == {"a", "in", "sub"}
    assert back.refused == 4


def test_devices_and_sockets_are_left(usual: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {"a": b""})
    os.mkfifo(here / "pipe")
    assert usual.machine.send(here, "there").sent == 1
    os.mkfifo(usual.home / "there" / "pipe")
    back = usual.machine.fetch("there", tmp_path / "back")
    assert (back.sent, back.refused) == (1, 1)
    with pytest.raises(TransferError, match="neither a file nor a folder"):
        usual.machine.fetch("there/pipe", tmp_path / "p")
    with pytest.raises(InvalidRequest):
        usual.machine.send(here / "pipe")


def test_full_disks_are_said_with_their_side(usual: Reached, tmp_path: Path) -> None:
    here = tmp_path / "sparse"
    with here.open("wb") as file:
        file.truncate(15 << 40)
    with pytest.raises(TransferError, match=r"The disk of .* has .* left, and this needs .*: .* are missing"):
        usual.machine.send(here, "there")
    assert not (usual.home / "there").exists()
    with (usual.home / "sparse").open("wb") as file:
        file.truncate(15 << 40)
    with pytest.raises(TransferError, match=r"This computer has .* left .*: .* are missing"):
        usual.machine.fetch("sparse", tmp_path / "x", yes=True)
    assert not (tmp_path / "x").exists()


def test_large_amounts_are_asked_about(usual: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ASKS_ABOVE_BYTES", 10)
    made(usual.home / "there", {"a": b"12345678901"})
    with pytest.raises(TransferError, match="Nothing was done"):
        usual.machine.fetch("there", tmp_path / "x", ask=lambda question: "11 B" not in question)
    assert usual.machine.fetch("there", tmp_path / "x", ask=lambda question: "11 B" in question).sent == 1


def test_two_at_once_of_the_same_are_not_both_done(usual: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {str(number): os.urandom(200_000) for number in range(40)})
    ended: list[object] = []

    def send() -> None:
        try:
            ended.append(usual.machine.send(here, "there").sent)
        except TransferError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 40 in ended
    assert all(one in (40, 0) or "under way already" in str(one) for one in ended)
    assert looked_at(usual.home / "there") == looked_at(here)


@pytest.mark.parametrize("becomes", ["longer", "shorter", "other"])
@pytest.mark.parametrize("size", [40_000, 3_000_000])
def test_a_file_that_changes_while_it_goes_is_not_put_in_place(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str, size: int
) -> None:

    monkeypatch.setattr(shell_files, "LARGE", 1 << 20)
    here = made(tmp_path / "here", {"a": b"1", "changes": os.urandom(size)})
    old = (here / "changes").read_bytes()

    def change(*given: object) -> None:
        file = here / "changes"
        file.write_bytes({"longer": old + b"more", "shorter": old[:-20_000], "other": os.urandom(size)}[becomes])

    # The moment between the look at it and its first byte: the disk is asked how much it holds.
    look = sending.refuse_if_full
    monkeypatch.setattr(sending, "refuse_if_full", lambda *given: (look(*given), change())[0])
    done = reached.machine.send(here, "there")
    assert not (reached.home / "there" / "changes").exists()
    assert (reached.home / "there" / "a").exists()
    assert (done.sent, done.refused) == (1, 1)
    assert any("changed while being sent" in note for note in done.notes)
    monkeypatch.setattr(sending, "refuse_if_full", look)
    assert reached.machine.send(here, "there").sent == 1
    assert same(reached, reached.home / "there", here)


def test_a_place_that_can_not_be_written_is_said(doors: Mapping[str, Door], tmp_path: Path) -> None:
    here = made(tmp_path / "here", {"a": b"1"})
    door = doors[SANDBOX]
    with Service(door) as service, service.machine() as machine:
        # The machine is confined to its folder, also where the tests are run by root.
        with pytest.raises(TransferError, match="does not allow"):
            machine.send(here, "/etc/nothing of ours")
        with pytest.raises(TransferError, match="does not allow"):
            machine.send(here / "a", "/etc/nothing of ours")
        machine.send(here, "to be fetched")
        with pytest.raises(TransferError, match="can't be written here"):
            machine.fetch("to be fetched", here / "a" / "below a file")


@pytest.mark.parametrize("size", [100, 9 << 20])
def test_a_disk_that_gets_full_there_is_said(size: int, tmp_path: Path, doors: Mapping[str, Door]) -> None:
    for mark in IS_REAL_HERE:
        if mark.args[0]:
            pytest.skip(mark.kwargs["reason"])
    here = made(tmp_path / "here", {"a": os.urandom(size)})
    (tmp_path / "door").mkdir()
    with sandbox_door(tmp_path / "door", "disk_full") as door, Service(door) as service, service.machine() as machine:
        with pytest.raises(TransferError, match=r"The disk of .* is full"):
            machine.send(here, "there")
        assert not (door.home / "there" / "a").exists()


def test_a_log_that_grows_is_fetched_as_it_is(reached: Reached, tmp_path: Path) -> None:
    (reached.home / "logs").mkdir()
    log = reached.home / "logs" / "growing.log"
    log.write_text("begun\n")
    has_ended = threading.Event()

    def grow() -> None:
        with log.open("a") as file:
            while not has_ended.wait(0.002):
                file.write("line\n")
                file.flush()

    growing = threading.Thread(target=grow)
    growing.start()
    try:
        for _ in range(3):
            done = reached.machine.fetch("logs", tmp_path / "logs")
            assert (done.refused, done.notes[1:] if reached.way == ONLY_SFTP else done.notes) == (0, [])
            fetched = (tmp_path / "logs" / "growing.log").read_text()
            assert fetched.startswith("begun\n")
    finally:
        has_ended.set()
        growing.join()
    reached.machine.fetch("logs", tmp_path / "logs")
    assert (tmp_path / "logs" / "growing.log").read_bytes() == log.read_bytes()


def test_it_is_said_where_a_file_went(usual: Reached, tmp_path: Path) -> None:
    (usual.home / "kept").mkdir()
    (tmp_path / "back").mkdir()
    (tmp_path / "one").write_text("x")
    sent = usual.machine.send(tmp_path / "one", "kept")
    assert f"{tmp_path / 'one'} → ins-00000001:kept/one: 1 file sent" in str(sent)
    assert "→ ins-00000001:new/one: 1 file sent" in str(usual.machine.send(tmp_path / "one", "new/"))
    fetched = usual.machine.fetch("kept/one", tmp_path / "back")
    assert f"ins-00000001:kept/one → {tmp_path / 'back' / 'one'}: 1 file fetched" in str(fetched)
