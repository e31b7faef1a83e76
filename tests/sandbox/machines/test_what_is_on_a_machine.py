"""What a program finds on a real machine, and what it does not: the system, Python and pip, nothing of the user's."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.sandbox.machines import folders
from glows_nb.sandbox.machines.inside import confinement
from glows_nb.sandbox.machines.interpreter import Interpreter
from tests.sandbox.machines.real import IS_REAL_HERE, Way, eventually, way_to

pytestmark = IS_REAL_HERE
CONFINED = pytest.mark.skipif(not confinement.is_possible(), reason="this system has no Landlock")


def test_python_has_the_sandboxes_packages_and_pip_puts_its_own_into_the_home(
    client: glows.Client, way: Way, tmp_path: Path
) -> None:
    made = way.ssh(
        "python3 -c 'import ipykernel, pandas; print(ipykernel.__name__)'; "
        "mkdir -p wheel/weights-1.0.dist-info && cd wheel && echo 'heavy = 7' > weights.py && "
        "printf 'Metadata-Version: 2.1\\nName: weights\\nVersion: 1.0\\n' > weights-1.0.dist-info/METADATA && "
        "printf 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' "
        "> weights-1.0.dist-info/WHEEL && "
        "printf 'weights.py,,\\nweights-1.0.dist-info/METADATA,,\\nweights-1.0.dist-info/WHEEL,,\\n"
        "weights-1.0.dist-info/RECORD,,\\n' > weights-1.0.dist-info/RECORD && "
        "python3 -m zipfile -c ../weights-1.0-py3-none-any.whl weights.py weights-1.0.dist-info && cd .. && "
        "pip install --no-index ./weights-1.0-py3-none-any.whl && python3 -c 'import weights; print(weights.__file__)'"
    )
    assert made.returncode == 0, made.stdout + made.stderr
    first, *_, last = made.stdout.decode().splitlines()
    assert first == "ipykernel"
    home = way.ssh('printf %s "$HOME"').stdout.decode()
    assert Path(last).is_relative_to(Path(home, ".local"))
    client.instances.park("x")
    again = client.instances.unpark("x")
    client.instances.wait(again.instance_id)
    parked = way_to(client.instances.wait_reachable(again.instance_id, port=22, timeout=30), tmp_path)
    assert parked.ssh("python3 -c 'import weights; print(weights.heavy)'").stdout == b"7\n"


def test_usual_programs_find_what_they_read_of_the_system(way: Way) -> None:
    looked = way.ssh(
        "git init -q x 2>&1 && cat /etc/debian_version /etc/os-release > /dev/null; getent passwd root; date"
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr


@CONFINED
@pytest.mark.skipif(not Path("/etc/shadow").exists(), reason="this system has no shadow passwords")
def test_what_root_alone_may_read_of_the_system_is_out_of_reach(way: Way) -> None:
    for path in ("/etc/shadow", "/etc/gshadow", "/etc/ssl/private"):
        if Path(path).exists():
            assert way.ssh(f"cat {path} || ls {path}/").stdout == b""


def take_snapshot(client: glows.Client) -> None:
    """Take one of the only machine, and return when that runs again."""
    [machine] = client.instances.all()
    client.snapshots.create(machine.instance_id)
    eventually(lambda: [snapshot.status for snapshot in client.snapshots.all()] == [3])
    client.instances.wait(machine.instance_id)


def test_foreground_job_does_not_notice_a_snapshot(client: glows.Client, way: Way) -> None:
    async def work() -> str:
        async with way.connect() as line, line.create_process(term_type="xterm") as shell:
            shell.stdin.write("sh -c 'echo beg\"\"ins; sleep 1; exec sleep 1'; echo status=$?\n")
            await shell.stdout.readuntil("begins")
            await asyncio.to_thread(take_snapshot, client)
            said: str = await shell.stdout.readuntil("status=")
            said += await shell.stdout.read(10)
            shell.stdin.write("exit\n")
        return said

    # Nobody is thrown out by a snapshot here, though the ports are closed meanwhile.
    said = asyncio.run(asyncio.wait_for(work(), 30))
    assert ("Stopped" in said, said.rpartition("status=")[2][:1]) == (False, "0"), said


def test_what_the_user_stopped_stays_so_after_a_snapshot(client: glows.Client, way: Way) -> None:
    [machine] = client.instances.all()
    started = way.ssh("sh -c 'kill -STOP $$' < /dev/null > /dev/null 2>&1 & echo $!")
    state = f"ps -o stat= -p {started.stdout.decode().strip()}"
    eventually(lambda: way.ssh(state).stdout[:1] == b"T")
    take_snapshot(client)
    client.instances.wait_reachable(machine.instance_id, port=22, timeout=30)
    assert way.ssh(state).stdout[:1] == b"T"


def test_what_its_owner_may_not_read_is_copied_with_its_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    (source / "locked" / "deep").mkdir(parents=True)
    (source / "locked" / "deep" / "file").write_text("kept")
    (source / "link").symlink_to("/etc/shadow")
    modes = {"locked/deep/file": 0o200, "locked/deep": 0o333, "locked": 0}
    for name, mode in modes.items():
        (source / name).chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folders._copy(source, tmp_path / "target")
    monkeypatch.undo()
    for root in (source, tmp_path / "target"):
        found = {name: stat.S_IMODE((root / name).lstat().st_mode) for name in modes} if os.getuid() == 0 else modes
        assert found == modes
        for name in reversed(modes):
            (root / name).chmod(0o700)
        assert (root / "locked" / "deep" / "file").read_text() == "kept"


def test_folder_of_somebody_else_is_not_taken_for_a_forgotten_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    mine = tmp_path / "glows-sandbox-notes"
    mine.mkdir()
    (mine / "lock").write_text("")
    (mine / "thesis").write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").write_bytes(folders._LOCK_SAYS)
    (tmp_path / "glows-sandbox-x").symlink_to(tmp_path / "elsewhere")
    folders.Folders(None).take_over(is_fresh=False)
    assert (mine / "thesis").read_text() == "kept"
    assert (tmp_path / "elsewhere" / "lock").exists()


def test_interpreter_in_the_home_opens_its_packages_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    packages = tmp_path / ".local" / "lib" / "python3.11"
    packages.mkdir(parents=True)
    opened = Interpreter(sys.executable, (str(tmp_path), str(tmp_path / ".local")), ()).readable()
    within = [path.relative_to(tmp_path) for path in opened if path.is_relative_to(tmp_path)]
    assert {str(path) for path in within} == {
        "pyvenv.cfg", "share/jupyter", ".local/pyvenv.cfg", ".local/share/jupyter", ".local/lib/python3.11",
    }  # fmt: skip


def test_hundreds_who_come_at_once_to_a_new_machine_are_all_served(way: Way) -> None:
    async def greeted() -> bool:
        reader, writer = await asyncio.open_connection(way.host, way.port)
        writer.write(b"SSH-2.0-x\r\n")
        # The greeting, and then what only a server says: its algorithms, or that there are too many.
        said = await reader.read(8)
        writer.close()
        return said == b"SSH-2.0-"

    async def come() -> list[bool]:
        return await asyncio.gather(*(greeted() for _ in range(600)))

    assert all(asyncio.run(asyncio.wait_for(come(), 60)))
    assert way.ssh("echo fine").stdout == b"fine\n"
