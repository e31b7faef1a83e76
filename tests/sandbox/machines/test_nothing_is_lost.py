"""A snapshot is whole or has failed, whatever happens meanwhile; a machine's end takes all that it had, and no more."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.sandbox.machines import folders, survivors
from glows_nb.sandbox.machines.inside import confinement
from tests.sandbox.machines.real import (
    IS_REAL_HERE,
    OFFER,
    RealSandbox,
    eventually,
    folders_of,
    launch,
    marked,
    running,
    said_by,
    way_to,
)

pytestmark = IS_REAL_HERE
COPIES_FOR_EVER = """
import sys, time, glows_nb as glows
from pathlib import Path
from glows_nb.sandbox.machines import folders
from tests.sandbox.machines.real import RealSandbox, launch, way_to

def copy(source, target):
    (target.with_name("begun.part")).mkdir()
    print("copying", flush=True)
    time.sleep(1000)

folders._copy = copy
sandbox = RealSandbox(Path(sys.argv[1]) / "state.db").start()
client = sandbox.client()
machine = launch(client)
way = way_to(machine, Path(sys.argv[1]))
way.ssh("echo kept > model; env -i setsid sleep 1000 < /dev/null > /dev/null 2>&1 &")
client.snapshots.create(machine.instance_id)
time.sleep(1000)
"""


FORKS = """
import os, signal, sys, time
from pathlib import Path
from tests.sandbox.machines.real import RealSandbox, launch, way_to
sandbox = RealSandbox(Path(sys.argv[1]) / "state.db").start()
client = sandbox.client()
machine = launch(client)
way = way_to(machine, Path(sys.argv[1]))
assert way.ssh("true").returncode == 0
child = os.fork()
if child == 0:
    signal.alarm(60)
    signal.pause()
client.instances.cancel(machine.instance_id)
print(client.instances.wait(machine.instance_id, until="Finished").status, way.port, child, sep="\\n", flush=True)
time.sleep(1000)
"""


def machine_of(sandbox: RealSandbox, client: glows.Client, snapshot: str, folder: Path) -> Any:
    return way_to(launch(client, "again", **(OFFER | {"from_image_id": None, "from_snap_id": snapshot})), folder)


@pytest.fixture
def may_copy(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is copied for a snapshot before this is set."""
    allowed = threading.Event()
    copy = folders._copy

    def wait_and_copy(source: Path, target: Path) -> None:
        allowed.wait(30)
        copy(source, target)

    monkeypatch.setattr(folders, "_copy", wait_and_copy)
    yield allowed
    allowed.set()


def test_machine_stays_paused_until_all_of_it_is_copied(
    client: glows.Client, tmp_path: Path, may_copy: threading.Event
) -> None:
    machine = launch(client, "train")
    way_to(machine, tmp_path).ssh("echo kept > model")
    client.snapshots.create(machine.instance_id)
    client.instances.wait(machine.instance_id, until="Paused")
    for _ in range(20):
        assert client.instances.get(machine.instance_id).status == "Paused"
        assert [snapshot.status for snapshot in client.snapshots.all()] == [2]
    other = launch(client, "other")
    assert way_to(other, tmp_path).ssh("true").returncode == 0, "another machine does not wait"
    may_copy.set()
    client.instances.wait(machine.instance_id)
    assert [snapshot.status for snapshot in client.snapshots.all()] == [3]


@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_snapshot_that_could_not_be_copied_has_failed_and_park_keeps_its_machine(
    kind: type[Exception],
    client: glows.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = launch(client, "train")
    way_to(machine, tmp_path).ssh("echo kept > model")

    def fail(source: Path, target: Path) -> None:
        raise kind("not all files were copied: no space left")

    monkeypatch.setattr(folders, "_copy", fail)
    with pytest.raises(glows.GlowsError):
        client.instances.park("train")
    assert [snapshot.status for snapshot in client.snapshots.all()] == [4]
    assert client.instances.wait(machine.instance_id).status == "Running"
    assert way_to(machine, tmp_path).ssh("cat model").stdout == b"kept\n"
    assert "no space left" in caplog.text


def test_sandbox_killed_within_a_copy_has_a_whole_snapshot_afterwards_and_no_process(tmp_path: Path) -> None:
    with running(COPIES_FOR_EVER, str(tmp_path)) as killed:
        assert said_by(killed) == b"copying\n"
        [folder] = folders_of(tmp_path / "state.db")
        assert len(survivors.marked([survivors.mark_of(folder)])) == 2
        killed.send_signal(signal.SIGKILL)
    # Its processes stood still, and end nevertheless.
    eventually(lambda: not survivors.marked([survivors.mark_of(folder)]))
    with RealSandbox(tmp_path / "state.db") as sandbox, sandbox.client() as client:
        [machine] = client.instances.all()
        client.instances.wait(machine.instance_id)
        [snapshot] = client.snapshots.all()
        assert snapshot.status == 3
        way = machine_of(sandbox, client, snapshot.snapshot_id, tmp_path)
        assert way.ssh("cat model").stdout == b"kept\n"
    assert list((tmp_path / "state.db-machines").glob("**/*.part")) == []


def test_interrupt_in_the_terminal_of_the_sandbox_interrupts_no_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for number in range(2000):
        (source / f"{number % 50}").mkdir(parents=True, exist_ok=True)
        (source / f"{number % 50}" / f"{number}").write_bytes(b"x" * 10_000)
    code = """
import sys, threading, os, signal, time
from pathlib import Path
from glows_nb.sandbox.machines import folders
signal.signal(signal.SIGINT, lambda number, frame: None)
copying = threading.Thread(target=folders._copy, args=(Path(sys.argv[1]), Path(sys.argv[2])))
copying.start()
while copying.is_alive() and not list(Path(sys.argv[2]).parent.glob("*.part/*")):
    pass
assert copying.is_alive()
while copying.is_alive():
    os.killpg(0, signal.SIGINT)
"""
    subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, str(source), str(target)], start_new_session=True, check=True, timeout=60
    )
    assert sum(1 for path in target.glob("*/*") if path.stat().st_size == 10_000) == 2000


def test_folder_that_is_very_deep_or_locked_goes_with_its_machine(client: glows.Client, tmp_path: Path) -> None:
    machine = launch(client)
    deep = "import os\nfor _ in range(3000): os.mkdir('dddddddd'); os.chdir('dddddddd')"
    made = way_to(machine, tmp_path).ssh(f'python3 -c "{deep}"; mkdir locked; touch locked/x; chmod 0 locked .')
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "state.db-machines" / machine.instance_id.removeprefix("ins-")
    assert folder.is_dir()
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, until="Finished")
    eventually(lambda: not folder.exists())


def test_process_of_a_machine_that_dies_takes_all_along_and_the_command_is_not_run_again(
    client: glows.Client, tmp_path: Path
) -> None:
    command = "echo begun >> log; env -i setsid sleep 1000 & exec sleep 1000"
    machine = launch(client, cmd=command)
    folder = tmp_path / "state.db-machines" / machine.instance_id.removeprefix("ins-")
    eventually(lambda: (folder / "root" / "log").exists() and len(marked(tmp_path)) == 3)
    os.kill(program_of(folder), signal.SIGKILL)
    client.instances.wait(machine.instance_id, until="Finished")
    eventually(lambda: not marked(tmp_path) and not folder.exists())


def test_process_that_dies_while_its_machine_is_paused_ends_the_command_and_the_machine_afterwards(
    client: glows.Client, tmp_path: Path, may_copy: threading.Event
) -> None:
    machine = launch(client, cmd="echo begun >> log; exec sleep 1000")
    folder = tmp_path / "state.db-machines" / machine.instance_id.removeprefix("ins-")
    eventually(lambda: (folder / "root" / "log").exists())
    client.snapshots.create(machine.instance_id)
    client.instances.wait(machine.instance_id, until="Paused")
    os.kill(program_of(folder), signal.SIGKILL)
    may_copy.set()
    client.instances.wait(machine.instance_id, until="Finished")
    [snapshot] = client.snapshots.all()
    assert snapshot.status == 3
    assert (tmp_path / "state.db-machines" / "snapshots" / snapshot.snapshot_id[5:] / "log").read_text() == "begun\n"


def test_machine_without_a_command_outlives_its_process_and_is_entered_again(
    client: glows.Client, tmp_path: Path
) -> None:
    machine = launch(client)
    way = way_to(machine, tmp_path)
    way.ssh("echo kept > model; env -i setsid sleep 1000 < /dev/null > /dev/null 2>&1 &")
    folder = tmp_path / "state.db-machines" / machine.instance_id.removeprefix("ins-")
    os.kill(program_of(folder), signal.SIGKILL)
    eventually(lambda: not marked(tmp_path))
    assert way.ssh("cat model").stdout == b"kept\n"


def program_of(folder: Path) -> int:
    """The process that serves a machine."""
    found = [
        pid
        for pid in survivors.marked([survivors.mark_of(folder)])
        if b"inside.program" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(found) == 1
    return found[0]


def test_port_of_a_released_machine_is_closed_also_where_the_user_has_forked_a_process(tmp_path: Path) -> None:
    with running(FORKS, str(tmp_path)) as forked:
        assert said_by(forked) == b"Finished\n"
        port = int(said_by(forked))

        def is_refused() -> bool:
            with socket.socket() as caller:
                return caller.connect_ex(("127.0.0.1", port)) != 0

        eventually(is_refused)
        eventually(lambda: not folders_of(tmp_path / "state.db"))
        os.kill(int(said_by(forked)), signal.SIGKILL)


def test_login_shell_has_the_machines_programs_first(client: glows.Client, tmp_path: Path) -> None:
    way = way_to(launch(client), tmp_path)
    for asked in (way.ssh("which nvidia-smi python3"), way.ssh(given=b"which nvidia-smi python3\n")):
        assert [Path(line).parent.name for line in asked.stdout.decode().split()] == ["bin", "bin"]
        assert str(tmp_path) in asked.stdout.decode()


@pytest.mark.skipif(not confinement.is_possible(), reason="this system has no Landlock")
def test_named_interpreter_opens_nothing_but_what_it_is_installed_in(
    sandbox: RealSandbox, client: glows.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "diary").write_text("planted")
    (home / "bin" / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("GLOWS_SANDBOX_PYTHON", str(home / "bin" / "python3"))
    way = way_to(launch(client), tmp_path)
    assert way.ssh("python3 -c 'print(6 * 7)'").stdout == b"42\n"
    refused = way.ssh(f"cat {home}/diary; ls {home}")
    assert (refused.returncode, refused.stdout) == (2, b"")


@pytest.mark.parametrize("named", ["no-such-python", "true"])
def test_interpreter_that_is_none_is_refused_at_the_start(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOWS_SANDBOX_PYTHON", named)
    with pytest.raises(glows.ConfigError, match="GLOWS_SANDBOX_PYTHON names no"):
        glows.sandbox(real_machines=True)
