"""A real machine's files come back with its snapshot, with their modes and times; what runs stands still meanwhile."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest

import glows_nb as glows
from tests.sandbox.machines.real import RealSandbox, launch, way_to

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux"),
    pytest.mark.skipif(not shutil.which("ssh"), reason="OpenSSH's client is not installed"),
]
MADE = (
    "mkdir -p work/deep; echo weights > work/deep/model; chmod 640 work/deep/model; "
    "touch -d '2026-01-02 03:04:05 UTC' work/deep/model; ln -s deep/model work/link; "
    "mkfifo work/pipe; echo kept > .hidden"
)
LOOKED = "cat work/link .hidden; stat -c '%a %Y %F' work/deep/model work/pipe"


def test_park_and_unpark_bring_the_files_back(client: glows.Client, tmp_path: Path) -> None:
    machine = launch(client, "train")
    assert way_to(machine, tmp_path).ssh(MADE).returncode == 0
    before = way_to(machine, tmp_path).ssh(LOOKED)
    assert before.stdout.splitlines()[:3] == [b"weights", b"kept", b"640 1767323045 regular file"]
    client.instances.park("train")
    again = client.instances.unpark("train")
    assert again.instance_id != machine.instance_id
    client.instances.wait(again.instance_id)
    again = client.instances.wait_reachable(again.instance_id, port=22, timeout=30)
    assert way_to(again, tmp_path).ssh(LOOKED).stdout == before.stdout


def test_machine_goes_on_after_its_snapshot_and_the_snapshot_does_not_change(
    client: glows.Client, tmp_path: Path
) -> None:
    machine = launch(client)
    way = way_to(machine, tmp_path)
    way.ssh("echo first > file; (while sleep 0.1; do date +%s.%N >> ticks; done) > /dev/null 2>&1 &")
    snapshot = client.snapshots.create(machine.instance_id).snapshot_ids[0]
    client.instances.wait(machine.instance_id)
    client.instances.wait_reachable(machine.instance_id, port=22, timeout=30)
    ticks = int(way.ssh("wc -l < ticks").stdout)
    time.sleep(1)
    assert int(way.ssh("wc -l < ticks").stdout) > ticks, "it goes on"
    way.ssh("echo second > file")
    source = {"from_snap_id": snapshot, "from_image_id": None}
    other = way_to(launch(client, "other", **source), tmp_path)
    assert other.ssh("cat file").stdout == b"first\n"
    assert way.ssh("cat file").stdout == b"second\n"


def test_what_runs_stands_still_while_its_snapshot_is_taken(
    sandbox: RealSandbox, client: glows.Client, tmp_path: Path
) -> None:
    machine = launch(client)
    started = way_to(machine, tmp_path).ssh("(while sleep 0.05; do :; done) > /dev/null 2>&1 & echo $!")
    stat = Path(f"/proc/{int(started.stdout)}/stat")

    def becomes(stopped: bool) -> None:
        deadline = time.monotonic() + 15
        while (stat.read_text().rpartition(")")[2].split()[0] == "T") != stopped:
            assert time.monotonic() < deadline, "it never came to be"
            time.sleep(0.02)

    sandbox.admin.clock(speed=1)
    client.snapshots.create(machine.instance_id)
    becomes(stopped=True)
    sandbox.admin.clock(speed=200)
    client.instances.wait(machine.instance_id)
    becomes(stopped=False)
