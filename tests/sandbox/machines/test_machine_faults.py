"""What can be made to go wrong with a real machine, as a client meets it; all of it passes when it is cleared."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import glows_nb as glows
from glows_nb.sandbox.faults import registry
from glows_nb.sandbox.http.admin_client import AdminError
from glows_nb.sandbox.machines import machine_faults
from glows_nb.sandbox.machines.inside.worse_line import WorseLine, put_between
from tests.sandbox.machines.real import IS_REAL_HERE, RealSandbox, Way, eventually, way_to

pytestmark = IS_REAL_HERE
HOURS = 3600


def run(way: Way, command: str, **more: Any) -> tuple[int | None, str]:
    """Run a command on a line of its own; the exit status, and all that was said."""

    async def work() -> tuple[int | None, str]:
        async with way.connect() as line:
            done = await line.run(command, **more)
            return done.exit_status, f"{done.stdout}{done.stderr}"

    return asyncio.run(asyncio.wait_for(work(), 30))


@pytest.mark.parametrize(
    ("kind", "command", "status", "said"),
    [
        ("no_python", "python3 -V", 127, "python3: not found"),
        ("no_python", "python -V", 127, "python: not found"),
        ("no_ipykernel", "python3 -m ipykernel --version", 1, "No module named 'ipykernel'"),
        ("disk_full", "echo x > file", 1, "File too large"),
    ],
)
def test_command_fails_as_it_would_there(
    kind: str, command: str, status: int, said: str, sandbox: RealSandbox, way: Way
) -> None:
    assert run(way, command)[0] == 0
    sandbox.admin.order(kind)
    got = run(way, command)
    assert got[0] == status
    assert said in got[1]
    assert run(way, "echo fine > /dev/null; echo fine | cat") == (0, "fine\n")
    sandbox.admin.clear()
    assert run(way, command)[0] == 0


def test_full_disk_is_told_by_sftp(sandbox: RealSandbox, way: Way) -> None:
    async def write(name: str) -> None:
        async with way.connect() as line, line.start_sftp_client() as sftp, sftp.open(name, "wb") as file:
            await file.write(b"x")

    asyncio.run(write("before"))
    sandbox.admin.order("disk_full")
    with pytest.raises(asyncssh.SFTPError, match="No space left on device"):
        asyncio.run(write("after"))


def test_without_sftp_the_subsystem_is_refused_and_the_line_goes_on(sandbox: RealSandbox, way: Way) -> None:
    async def ask() -> object:
        async with way.connect() as line:
            with pytest.raises(asyncssh.ChannelOpenError):
                await line.start_sftp_client()
            return (await line.run("echo fine")).stdout

    run(way, "true")
    sandbox.admin.order("no_sftp")
    assert asyncio.run(asyncio.wait_for(ask(), 30)) == "fine\n"


@pytest.mark.skipif(machine_faults.clock_library() is None, reason="libfaketime is not installed")
def test_clock_is_ahead_by_hours_for_all_that_is_started(sandbox: RealSandbox, way: Way) -> None:
    sandbox.admin.order("clock_off", seconds=5 * HOURS)
    asked = "date +%s; python3 -c 'import time; print(int(time.time()))'"
    assert [round((int(word) - time.time()) / HOURS) for word in run(way, asked)[1].split()] == [5, 5]
    sandbox.admin.clear()
    assert abs(int(run(way, "date +%s")[1]) - time.time()) < HOURS


def test_clock_is_refused_where_the_system_has_no_libfaketime(
    sandbox: RealSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "clock_library", lambda: None)
    with pytest.raises(AdminError, match="libfaketime"):
        sandbox.admin.order("clock_off", seconds=HOURS)


def test_right_clock_costs_no_look_for_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_faults, "clock_library", lambda: pytest.fail("it was looked for"))
    assert machine_faults.clock_variables(0) == {}


def test_other_host_key_is_shown_until_it_is_cleared(sandbox: RealSandbox, way: Way) -> None:
    def key() -> bytes:
        async def ask() -> bytes:
            async with way.connect() as line:
                return bytes(line.get_server_host_key().public_data)

        return asyncio.run(ask())

    own = key()
    sandbox.admin.order("other_host_key")
    other = key()
    assert other == key() != own
    sandbox.admin.clear()
    assert key() == own


def test_line_breaks_within_an_answer_and_only_the_line_that_was_meant(sandbox: RealSandbox, way: Way) -> None:
    sandbox.admin.order("line_breaks", bytes=50_000, first=2, count=1)
    long = "head -c 1000000 /dev/zero | tr '\\0' x"
    assert len(run(way, long)[1]) == 1_000_000

    async def read_till_it_breaks() -> int:
        async with way.connect() as line:
            process = await line.create_process(long)
            got = 0
            with contextlib.suppress(asyncssh.ConnectionLost):
                while data := await process.stdout.read(10_000):
                    got += len(data)
            return got

    assert 20_000 < asyncio.run(asyncio.wait_for(read_till_it_breaks(), 30)) < 50_000
    assert len(run(way, long)[1]) == 1_000_000


def test_slow_line_takes_longer_each_way_and_lets_less_through(sandbox: RealSandbox, way: Way) -> None:
    async def seconds(command: str) -> float:
        async with way.connect() as line:
            started = time.monotonic()
            assert (await line.run(command)).exit_status == 0
            return time.monotonic() - started

    sandbox.admin.order("line_slow", seconds=0.2)
    assert asyncio.run(seconds("true")) > 0.4
    sandbox.admin.clear()
    sandbox.admin.order("line_slow", bytes_per_second=100_000)
    assert asyncio.run(seconds("head -c 100000 /dev/zero")) > 0.8


@pytest.mark.parametrize("line", [WorseLine(), WorseLine(latency=0.01), WorseLine(bytes_per_second=10_000_000)])
def test_worse_line_carries_all_that_is_said_both_ways_and_ends_with_either(line: WorseLine) -> None:
    async def talk() -> tuple[bytes, bytes]:
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()
        caller, ours = socket.socketpair()
        caller.setblocking(False)
        server = put_between(ours, line, tasks)
        with caller, server:
            await loop.sock_sendall(caller, b"ask" * 1000)
            asked = b""
            while len(asked) < 3000:
                asked += await loop.sock_recv(server, 10_000)
            await loop.sock_sendall(server, b"tell" * 1000)
            server.close()
            told = b""
            while data := await loop.sock_recv(caller, 10_000):
                told += data
        while tasks:
            await asyncio.wait(tasks)
        return asked, told

    assert asyncio.run(asyncio.wait_for(talk(), 30)) == (b"ask" * 1000, b"tell" * 1000)


def test_sshd_that_never_comes_leaves_its_port_closed(
    client: glows.Client, sandbox: RealSandbox, tmp_path: Path
) -> None:
    sandbox.admin.order("slow_sshd", seconds=1e9)
    machine = client.instances.launch(name="x", gpu_name="NVIDIA GeForce RTX 4090", region_name="TW-03",
                                      from_image_id="img-6ypgvgpw", wait=True)  # fmt: skip
    sandbox.admin.clock(advance=HOURS)
    refused = way_to(machine, tmp_path).ssh("true")
    assert b"Connection refused" in refused.stderr
    sandbox.admin.clear()
    eventually(lambda: way_to(machine, tmp_path).ssh("true").returncode == 0)


def test_machine_that_ends_in_the_middle_takes_its_line_along(
    client: glows.Client, sandbox: RealSandbox, way: Way
) -> None:
    [machine] = client.instances.all()

    async def work() -> None:
        async with way.connect() as line:
            process = await line.create_process("echo up; exec sleep 1000")
            assert await process.stdout.readline() == "up\n"
            await asyncio.to_thread(sandbox.admin.change_machine, machine.instance_id, status="Exited")
            await line.wait_closed()

    asyncio.run(asyncio.wait_for(work(), 30))
    assert client.instances.wait(machine.instance_id, until="Finished").status == "Finished"
