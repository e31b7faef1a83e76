"""Files over SSH: SFTP, scp and rsync do on a machine as on OpenSSH's own server."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.sandbox.machines.real import Way
from tests.sandbox.machines.sshd import SshdWay

FILES = 2000
ODD_NAMES = [
    b"with space",
    b"new\nline",
    b"\xff\xfe no utf-8",
    "größe".encode(),
    b"-rf",
    b"*",
    b"'\"",
    b" ",
    b"x" * 255,
]


def contents(folder: Path) -> dict[bytes, bytes]:
    """What lies in a folder, by names as the system has them."""
    return {os.fsencode(path.name): path.read_bytes() for path in folder.iterdir()}


def by_sftp(way: Way, work: Any, seconds: float = 30) -> Any:
    """Do something with asyncssh's SFTP client, then see that the line still goes on."""

    async def do(line: Any) -> Any:
        async with line.start_sftp_client() as sftp:
            done = await work(sftp)
        assert (await line.run("echo fine")).stdout == "fine\n"
        return done

    return way.on_line(do, seconds)


def test_two_thousand_small_files_go_there_and_back(either: Way, place: Path, tmp_path: Path) -> None:
    here, back = tmp_path / "here", tmp_path / "back"
    here.mkdir()
    for number in range(FILES):
        (here / f"{number}").write_bytes(os.urandom(100) * (number % 30))

    async def work(sftp: Any) -> None:
        await sftp.put(str(here), str(place / "there"), recurse=True)
        await sftp.get(str(place / "there"), str(back), recurse=True)

    by_sftp(either, work, 60)
    assert contents(place / "there") == contents(here)
    assert contents(back) == contents(here)


def test_files_are_named_linked_and_changed(either: Way, place: Path) -> None:
    async def work(sftp: Any) -> None:
        await sftp.chdir(str(place))
        async with sftp.open("a", "w") as file:
            await file.write("0123456789")
        # Without POSIX's own way of it, a name that is taken stays.
        async with sftp.open("taken", "w") as file:
            await file.write("stays")
        with pytest.raises(asyncssh.SFTPError):
            await sftp.rename("a", "taken")
        await sftp.rename("a", "b")
        await sftp.symlink("b", "link")
        assert await sftp.readlink("link") == "b"
        assert await sftp.islink("link")
        await sftp.link("b", "hard")
        await sftp.chmod("b", 0o640)
        await sftp.utime("b", (1_000_000_000, 1_100_000_000))
        said = await sftp.stat("link")
        assert (said.size, stat.S_IMODE(said.permissions)) == (10, 0o640)
        assert (said.atime, said.mtime) == (1_000_000_000, 1_100_000_000)
        assert stat.S_ISLNK((await sftp.lstat("link")).permissions)
        async with sftp.open("b", "a") as file:
            await file.write("ab")
        assert (place / "b").read_bytes() == b"0123456789ab"
        await sftp.truncate("b", 4)
        assert (place / "hard").read_bytes() == b"0123"
        async with sftp.open("b", "r+") as file:
            await file.seek(2)
            await file.write("xy")
            await file.seek(0)
            assert await file.read() == "01xy"
        await sftp.posix_rename("b", "taken")
        assert (place / "taken").read_bytes() == b"01xy"
        with pytest.raises(asyncssh.SFTPFailure):
            await sftp.open("taken", "x")
        await sftp.remove("hard")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.stat("hard")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.open("no/such", "r")
        assert await sftp.realpath(f"../{place.name}/.") == str(place.resolve())

    by_sftp(either, work)


def test_folders_are_made_listed_and_removed(either: Way, place: Path) -> None:
    async def work(sftp: Any) -> set[bytes]:
        await sftp.chdir(str(place))
        await sftp.mkdir("full")
        for name in ODD_NAMES:
            async with sftp.open(b"full/" + name, "wb") as file:
                await file.write(name)
        with pytest.raises(asyncssh.SFTPFailure):
            await sftp.rmdir("full")
        with pytest.raises(asyncssh.SFTPFailure):
            await sftp.mkdir("full")
        with pytest.raises(asyncssh.SFTPError):
            await sftp.remove("full")
        names = set(await sftp.listdir(b"full"))
        for name in ODD_NAMES:
            async with sftp.open(b"full/" + name, "rb") as file:
                assert await file.read() == name
            await sftp.rename(b"full/" + name, b"full/moved")
            await sftp.remove(b"full/moved")
        await sftp.rmdir("full")
        assert not await sftp.exists("full")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.listdir("full")
        return names

    assert by_sftp(either, work) == {*ODD_NAMES, b".", b".."}


def test_hole_and_size_of_a_file(either: Way, place: Path) -> None:
    async def work(sftp: Any) -> None:
        async with sftp.open(str(place / "sparse"), "wb") as file:
            await file.seek(100_000_000)
            await file.write(b"end")
        assert await sftp.getsize(str(place / "sparse")) == 100_000_003

    by_sftp(either, work)
    assert (place / "sparse").stat().st_blocks * 512 < 1_000_000


def test_pipe_without_a_writer_holds_up_no_line(either: Way, place: Path) -> None:
    os.mkfifo(place / "pipe")
    (place / "file").write_bytes(b"there")

    async def work(line: Any) -> Any:
        async with line.start_sftp_client() as sftp:
            opening = asyncio.ensure_future(sftp.open(str(place / "pipe"), "rb"))
            said = await line.run("echo fine")
            if isinstance(either, SshdWay):
                # It has a process for each channel, which may wait, and does until somebody writes.
                assert not opening.done()
                writer = os.open(place / "pipe", os.O_RDWR)
                await opening
                os.close(writer)
            else:
                # Here one process serves all files of a machine, and must not wait.
                with pytest.raises(asyncssh.SFTPFailure):
                    await opening
            assert await sftp.getsize(str(place / "file")) == 5
        return said.stdout

    assert either.on_line(work) == "fine\n"


@pytest.mark.parametrize("program", ["scp", "scp -O", "sftp", "rsync"])
def test_files_go_there_and_back_by_the_usual_programs(program: str, either: Way, place: Path, tmp_path: Path) -> None:
    name, *more = program.split()
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "below").mkdir(parents=True)
    for number in range(20):
        (here / f"file {number}").write_bytes(os.urandom(1000 + number))
    (here / "below" / "empty").touch()
    (here / "file 0").chmod(0o750)
    (here / "file 1").chmod(0o604)
    for number in range(20):
        os.utime(here / f"file {number}", (1_000_000_000, 1_100_000_000 + number))
    host, there = f"{either.user}@{either.host}", place / "data"
    if name == "scp":
        options = [*more, *either.options(), "-rp", "-P", str(either.port)]
        sent = either.run("scp", *options, str(here), f"{host}:{there}")
        got = either.run("scp", *options, f"{host}:{there}", str(back))
    elif name == "sftp":
        options = [*either.options(), "-P", str(either.port)]
        sent = either.run("sftp", *options, host, given=f"put -rp {here} {there}\n".encode())
        got = either.run("sftp", *options, host, given=f"get -rp {there} {back}\n".encode())
    else:
        (here / "link").symlink_to("file 2")
        shell = " ".join(["ssh", *either.options(), "-p", str(either.port)])
        sent = either.run("rsync", "-a", "-e", shell, f"{here}/", f"{host}:{there}/")
        got = either.run("rsync", "-a", "-e", shell, f"{host}:{there}/", f"{back}/")
        assert (there / "link").readlink() == (back / "link").readlink() == Path("file 2")
    assert (sent.returncode, got.returncode) == (0, 0), sent.stderr + got.stderr + sent.stdout + got.stdout
    for copy in (there, back):
        assert (copy / "below" / "empty").read_bytes() == b""
        for number in range(20):
            original, copied = here / f"file {number}", copy / f"file {number}"
            assert copied.read_bytes() == original.read_bytes()
            assert copied.stat().st_mode == original.stat().st_mode
            assert int(copied.stat().st_mtime) == 1_100_000_000 + number


@pytest.mark.parametrize("program", ["scp", "scp -O", "sftp"])
def test_file_that_is_not_there_is_said_by_the_usual_programs(program: str, either: Way, tmp_path: Path) -> None:
    name, *more = program.split()
    options = [*more, *either.options(), "-P", str(either.port)]
    missing = f"{either.user}@{either.host}:/no/such"
    asked = either.run(name, *options, missing, str(tmp_path))
    assert asked.returncode == 1
    assert b"no" in asked.stderr.lower()
