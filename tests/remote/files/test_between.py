"""Files from one machine to another: what goes, which way, and what is left of it on either."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import shlex
import signal
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.api.errors import InvalidRequest
from glows_nb.remote.calling import AwaitedHere
from glows_nb.remote.errors import TransferError
from glows_nb.remote.lines.key_of_one_use import MARK, key_of_one_use, mesh_of
from glows_nb.remote.lines.line import line_to
from tests.remote.files.two_machines import Side, Two, some_files, tree
from tests.sandbox.machines.real import (
    IS_REAL_HERE,
    STATE,
    RealSandbox,
    eventually,
    launch,
    marked,
    may_bind,
)

pytestmark = IS_REAL_HERE
needs_mesh = pytest.mark.skipif(not may_bind(), reason="port 22 may not be bound by this user")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Two machines of a sandbox; nothing of them runs afterwards."""
    with (
        RealSandbox(tmp_path / STATE) as sandbox,
        sandbox.client(backoff=0) as client,
        contextlib.ExitStack() as handles,
    ):

        def side(name: str) -> Side:
            instance = launch(client, name)
            handle = handles.enter_context(glows.machine(instance, client=client))
            home = Path(handle.exec('printf %s "$HOME"', quiet=True).stdout)
            assert instance.ssh_password is not None
            return Side(handle, home, instance.ssh_password.get_secret_value())

        yield Two(client, sandbox.token, side("one"), side("other"))
    assert marked(tmp_path) == [], "processes of a machine are left"


@pytest.fixture(params=[pytest.param(True, marks=needs_mesh, id="mesh"), pytest.param(False, id="no mesh")])
def either_way(two: Two, request: pytest.FixtureRequest) -> Two:
    """The two in one network, then not."""
    if request.param:
        two.join()
    return two


@pytest.fixture
def joined(two: Two) -> Two:
    """The two in one network."""
    two.join()
    return two


def nothing_is_left(two: Two) -> None:
    """Neither keys nor staging folders."""
    for side in (two.one, two.other):
        assert [path.name for path in side.home.iterdir() if "glows" in path.name] == []
        for path in (side.home / ".ssh").glob("*"):
            assert MARK not in path.name + path.read_text()
    assert list((two.other.home / "data").glob(".glows*")) == []


def test_all_of_a_folder_goes_as_it_is_and_then_only_what_changed(either_way: Two) -> None:
    two = either_way
    some_files(two.one)
    del_odd = two.one.home / "data" / "a 'b\"c$(d)\\\n"
    del_odd.unlink()  # its name is left out, as one that a terminal obeys
    first = two.send("data")
    assert tree(two.other.home / "data") == tree(two.one.home / "data")
    assert first.sent == 7
    nothing_is_left(two)
    two.one.write("data/small", "SMALL", at=1_700_000_001_000_000_000)
    second = two.send("data")
    assert [row.path for row in second.rows if row.action == "sent"] == ["small"]
    assert (second.sent, second.sent_bytes, second.skipped) == (1, 5, 6)
    third = two.send("data")
    assert (third.sent, third.notes) == (0, [])
    assert tree(two.other.home / "data") == tree(two.one.home / "data")
    nothing_is_left(two)


def test_it_is_said_which_way_it_went_and_why(two: Two) -> None:
    some_files(two.one)
    assert "through this computer, since they share no private network" in two.send("data").notes


@needs_mesh
def test_straight_way_is_said(joined: Two) -> None:
    joined.one.write("file", "text")
    assert any(note.startswith("straight from the one to the other, over net-") for note in joined.send("file").notes)


@pytest.mark.parametrize(
    ("path", "remote", "place"),
    [
        ("data/small", "", "data/small"), ("data/small", "new name", "new name"),
        ("data/small", "there", "there/small"),
        ("data/small", "there/", "there/small"), ("data/small", "~", "small"), ("data/sub", "~/x y", "x y/run.sh"),
        ("data/sub/", "there/", "there/sub/run.sh"), ("~/data/sub", ".", "sub/run.sh"),
    ],
)  # fmt: skip
def test_places(either_way: Two, path: str, remote: str, place: str) -> None:
    some_files(either_way.one)
    (either_way.other.home / "there").mkdir()
    (either_way.other.home / "data").mkdir()
    transfer = either_way.send(path, remote)
    assert (either_way.other.home / place).is_file(), transfer
    assert not [note for note in transfer.notes if "failed" in note]


def test_what_is_ignored_and_what_leads_out_stays(either_way: Two) -> None:
    two = either_way
    two.one.write("data/.gitignore", "*.log\n")
    for name in ("a.log", ".git/config", "kept"):
        two.one.write(f"data/{name}", name)
    (two.one.home / "data" / "out").symlink_to("/etc/passwd")
    transfer = two.send("data")
    assert tree(two.other.home / "data").keys() == {".gitignore", "kept"}
    assert (transfer.ignored, transfer.refused) == (2, 1)


def test_what_cannot_be_is_refused(two: Two) -> None:
    with pytest.raises(TransferError, match=r"has no \./nothing"):
        two.send("nothing")
    with pytest.raises(InvalidRequest, match="itself"):
        two.one.machine.send_to(two.one.machine.instance, "x")
    two.one.write("data/x", "x")
    two.other.write("data", "a file")
    with pytest.raises(TransferError, match="so no folder goes there"):
        two.send("data")


def test_no_program_of_another_user_comes_of_it(either_way: Two) -> None:
    either_way.one.write("data/x", "x", 0o6755)
    either_way.send("data")
    assert (either_way.other.home / "data" / "x").stat().st_mode & 0o7777 == 0o755
    assert either_way.send("data").sent == 0


def big_files(side: Side, number: int = 60, size: int = 4_000_000) -> None:
    chance = random.Random(3)  # noqa: S311 - contents of files
    for index in range(number):
        side.write(f"data/{index:03}", chance.randbytes(size))


def staged(two: Two) -> list[Path]:
    return [path for path in (two.other.home / "data").glob(".glows-part-*/[0-9]*") if path.is_file()]


def send_and_interrupt(two: Two) -> None:
    """Interrupt a transfer when some of it has come."""

    async def work() -> None:
        async with glows.AsyncMachine(two.one.machine.instance, client=two.client) as machine:
            sending = asyncio.create_task(machine.send_to(two.other.machine.instance, "data"))
            deadline = time.monotonic() + 20
            while len(staged(two)) < 5:
                assert time.monotonic() < deadline
                assert not sending.done()
                await asyncio.sleep(0.005)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending

    asyncio.run(work())


@needs_mesh
def test_interrupted_it_takes_the_key_away_and_goes_on_where_it_was(joined: Two) -> None:
    big_files(joined.one)
    send_and_interrupt(joined)
    assert [path for path in (joined.other.home / "data").iterdir() if not path.name.startswith(".glows-part-")] == []
    assert not list(joined.one.home.glob(f".{MARK}-*"))
    assert MARK not in (joined.other.home / ".ssh" / "authorized_keys").read_text()
    eventually(lambda: not _running_on(joined.one.home, "tar"))
    transfer = joined.send("data")
    assert transfer.resumed_bytes >= 4 * 4_000_000
    assert tree(joined.other.home / "data") == tree(joined.one.home / "data")
    nothing_is_left(joined)


def test_interrupted_through_here_it_goes_on_too(two: Two) -> None:
    big_files(two.one, 100)
    send_and_interrupt(two)
    transfer = two.send("data")
    assert transfer.resumed_bytes >= 4 * 4_000_000
    assert tree(two.other.home / "data") == tree(two.one.home / "data")
    nothing_is_left(two)


@needs_mesh
def test_cut_between_the_machines_it_goes_on_by_itself(joined: Two) -> None:
    big_files(joined.one)
    cuts: list[int] = []
    is_over = threading.Event()

    def cut() -> None:
        while not cuts and not is_over.wait(0.002):
            if len(staged(joined)) >= 5:
                cuts.extend(_running_on(joined.other.home, "tar"))
                for pid in cuts:
                    os.kill(pid, signal.SIGKILL)

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        transfer = joined.send("data")
    finally:
        is_over.set()
        cutting.join()
    assert len(cuts) == 1
    assert any("straight" in note for note in transfer.notes), transfer
    assert tree(joined.other.home / "data") == tree(joined.one.home / "data")
    nothing_is_left(joined)


def _running_on(home: Path, name: str) -> list[int]:
    """The programs of this name that run in a machine's home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text().strip() == name and (process / "cwd").readlink().is_relative_to(home):
                found.append(int(process.name))
    return found


@needs_mesh
def test_no_secret_is_seen_in_processes_or_files_of_either(joined: Two) -> None:
    big_files(joined.one)
    secrets = (joined.one.password, joined.other.password, joined.token)
    seen: list[str] = []
    keys: set[str] = set()
    is_over = threading.Event()
    looks = 0

    def look() -> None:
        nonlocal looks
        while not is_over.is_set():
            looks += 1
            for key in joined.one.home.glob(f".{MARK}-*/key"):
                with contextlib.suppress(OSError):
                    assert key.stat().st_mode & 0o777 == 0o600
                    assert key.parent.stat().st_mode & 0o777 == 0o700
                    keys.update(key.read_text().splitlines()[1:3])
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        text = (process / name).read_bytes().decode(errors="replace")
                        seen.extend(f"{process.name} {name}" for secret in (*secrets, *keys) if secret in text)

    looking = threading.Thread(target=look)
    looking.start()
    joined.send("data")
    is_over.set()
    looking.join()
    assert looks > 3
    assert keys
    assert seen == []
    for side in (joined.one, joined.other):
        for path in side.home.parent.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name != "host.key":
                text = path.read_bytes()
                assert not [secret for secret in (*secrets, *keys) if secret.encode() in text], path


@needs_mesh
def test_key_does_what_it_is_for_once_and_nothing_else(joined: Two) -> None:
    async def work() -> None:
        caller = AwaitedHere()
        one, other = (line_to(joined.client, side.machine.instance.instance_id) for side in (joined.one, joined.other))
        mesh = mesh_of(await one.ask(), await other.ask())
        assert mesh is not None
        folder = joined.other.home / "in"
        (folder / "ticket").mkdir(parents=True)
        command = f"cd {shlex.quote(str(folder))} && rmdir ticket && exec cat >come"
        connection = await one.connected(caller)
        notes: list[str] = []
        async with key_of_one_use(one, other, caller, "abc", command, mesh, notes) as ssh:
            line = (joined.other.home / ".ssh" / "authorized_keys").read_text()
            assert line.startswith("restrict,expiry-time=")
            stolen = ssh.replace("unpack", "'touch ../stolen'")
            done = await connection.run(stolen, input="stream")
            assert done.exit_status == 0, done
            assert not (joined.other.home / "stolen").exists()
            assert (folder / "come").read_text() == "stream"
            again = await connection.run(ssh, input="another")
            assert again.exit_status == 1
            assert (folder / "come").read_text() == "stream"
            port = connection.get_extra_info("peername")[1]
            for words in (f"-W 127.0.0.1:{port}", f"-o ExitOnForwardFailure=yes -R 0:127.0.0.1:{port}", "-tt", "-s"):
                tried = await connection.run(ssh.replace(" -T ", f" {words} ").replace("unpack", "sftp"), input="")
                assert tried.exit_status != 0, words
                assert not tried.stdout
        assert notes == []
        with_no_key = await connection.run(ssh, input="late")
        assert with_no_key.exit_status != 0
        one.drop()
        other.drop()

    asyncio.run(asyncio.wait_for(work(), 60))
    assert (joined.other.home / ".ssh" / "authorized_keys").read_text() == ""


@needs_mesh
def test_left_over_keys_go_and_what_the_user_let_in_stays(joined: Two) -> None:
    kept = [
        "# mine",
        "ssh-ed25519 AAAA someone@glows-once-more",
        f"ssh-ed25519 BBBB {MARK}-abc-{int(time.time()) + 900}",
    ]
    old = [f'restrict,command="x \\"y\\"" ssh-ed25519 CCCC {MARK}-def-{int(time.time()) - 1}']
    file = joined.other.home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700)
    file.write_text("\n".join([kept[0], *old, *kept[1:]]))
    file.chmod(0o640)
    stale = joined.one.home / f".{MARK}-old"
    stale.mkdir()
    os.utime(stale, (1, 1))
    joined.one.write("file", "text")
    joined.send("file")
    assert file.read_text().splitlines() == kept
    assert file.stat().st_mode & 0o777 == 0o640
    assert not stale.exists()


@needs_mesh
def test_where_the_other_lets_in_no_key_it_goes_through_here(joined: Two) -> None:
    joined.one.write("file", "text")
    folder = joined.other.home / ".ssh"
    folder.mkdir()
    folder.chmod(0o777)  # then no sshd reads what is in it
    notes = joined.send("file").notes
    assert (joined.other.home / "file").read_text() == "text"
    assert any(note.startswith("through this computer, since") and "Permission denied" in note for note in notes), notes
    assert list(joined.one.home.glob(f".{MARK}*")) == []


HOSTILE = """#!{python}
import io, os, sys, tarfile
if not any(word.startswith("--checkpoint") for word in sys.argv):
    os.execv("/bin/tar", ["tar", *sys.argv[1:]])
sys.stdin.buffer.read()
with open({stream!r}, "rb") as stream:
    sys.stdout.buffer.write(stream.read())
"""


def hostile(side: Side, stream: bytes) -> None:
    """Let its tar send this instead of what it was asked for."""
    side.write("stream", stream)
    python = side.machine.exec("command -v python3", quiet=True).stdout.strip()
    side.write(".local/bin/tar", HOSTILE.format(python=python, stream=str(side.home / "stream")), 0o755)


def packed(*members: tuple[str, bytes, str, bytes]) -> bytes:
    """A stream of tar: name, kind, what a link holds, contents."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, link, text in members:
            head = tarfile.TarInfo(name)
            head.type, head.linkname, head.size, head.mtime, head.mode = kind, link, len(text), 1_700_000_000, 0o644
            tar.addfile(head, io.BytesIO(text))
    return stream.getvalue()


@needs_mesh
def test_stream_that_leads_out_of_the_folder_leads_nowhere(joined: Two) -> None:
    joined.one.write("data/one", "x")
    joined.one.write("data/two", "xx")
    home = str(joined.other.home)
    (joined.other.home / "victim").write_text("as it was")
    hostile(
        joined.one,
        packed(
            ("../evil", tarfile.REGTYPE, "", b"e"),
            (f"{home}/evil", tarfile.REGTYPE, "", b"e"),
            ("out", tarfile.SYMTYPE, home, b""),
            ("out/evil", tarfile.REGTYPE, "", b"e"),
            ("up", tarfile.SYMTYPE, "../..", b""),
            ("up/evil", tarfile.REGTYPE, "", b"e"),
            ("one", tarfile.SYMTYPE, f"{home}/victim", b""),
            ("hard", tarfile.LNKTYPE, f"{home}/victim", b""),
            ("device", tarfile.CHRTYPE, "", b""),
            ("unasked", tarfile.REGTYPE, "", b"e"),
            ("./two", tarfile.REGTYPE, "", b"xx"),
        ),
    )
    before = tree(joined.other.home)
    with contextlib.suppress(TransferError):
        joined.send("data")
    after = tree(joined.other.home)
    new = {name for name in after.keys() - before.keys() if ".glows-part-" not in name}
    assert new <= {".ssh", ".ssh/authorized_keys", "data", "data/two"}
    assert [path for path in joined.other.home.rglob("evil") if ".glows-part-" not in str(path)] == []
    assert (joined.other.home / "victim").read_text() == "as it was"
    assert not (joined.other.home / "data" / "one").exists()


@needs_mesh
def test_what_else_is_in_the_stream_stays_out(joined: Two) -> None:
    joined.one.write("data/one", "x")
    joined.one.write("data/two", "xx", at=1_700_000_000_000_000_000)
    hostile(
        joined.one,
        packed(
            ("one", tarfile.SYMTYPE, "two", b""),
            ("unasked", tarfile.REGTYPE, "", b"e"),
            ("two", tarfile.REGTYPE, "", b"xx"),
        ),
    )
    transfer = joined.send("data")
    assert tree(joined.other.home / "data").keys() == {"two"}
    assert transfer.refused == 1
    assert any("changed while being sent" in note for note in transfer.notes)
    nothing_is_left(joined)


def test_folders_and_modes_alone_go_too(either_way: Two) -> None:
    (either_way.one.home / "empty" / "sub").mkdir(parents=True)
    assert either_way.send("empty").sent == 0
    assert (either_way.other.home / "empty" / "sub").is_dir()
    either_way.one.write("kept/a", "as it was")
    either_way.send("kept")
    (either_way.one.home / "kept" / "a").chmod(0o600)
    (either_way.one.home / "kept" / "new").mkdir()
    either_way.send("kept")
    assert tree(either_way.other.home / "kept") == tree(either_way.one.home / "kept")
    nothing_is_left(either_way)
