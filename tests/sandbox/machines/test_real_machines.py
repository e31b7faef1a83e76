"""Real machines: in by SSH with OpenSSH's programs and asyncssh, confined, and gone without a trace."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

import glows_nb as glows
from glows_nb.sandbox.machines.inside import confinement
from tests.sandbox.machines.real import (
    IS_REAL_HERE,
    RealSandbox,
    Way,
    eventually,
    launch,
    marked,
    running,
    said_by,
    way_to,
)

pytestmark = IS_REAL_HERE
CONFINED = pytest.mark.skipif(not confinement.version(), reason="this system has no Landlock")
SECRET = "planted-in-the-environment"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RealSandbox]:
    monkeypatch.setenv("THE_USERS_SECRET", SECRET)
    with RealSandbox(tmp_path / "state.db") as running:
        yield running
    assert marked(tmp_path) == [], "processes of a machine are left"


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process of the user's beside the sandbox, with a secret in the environment that it was started with."""
    with subprocess.Popen(["sleep", "1000"], env={"THE_USERS_SECRET": SECRET}) as process:  # noqa: S607
        yield process.pid
        process.kill()


@pytest.fixture
def way(client: glows.Client, tmp_path: Path) -> Way:
    return way_to(launch(client, envs={"EPOCHS": "3"}), tmp_path)


def test_openssh_runs_a_command_and_says_its_exit_status(way: Way) -> None:
    ran = way.ssh("echo $EPOCHS; pwd; echo wrong >&2; exit 7")
    assert (ran.returncode, ran.stderr) == (7, b"wrong\n")
    epochs, folder = ran.stdout.decode().split()
    assert epochs == "3"
    assert folder.endswith("/root")


def test_wrong_password_is_refused_and_the_third_ends_the_line(way: Way) -> None:
    refused = way.ssh("true", password="wrong")
    assert refused.returncode == 255
    assert b"Too many authentication failures" in refused.stderr or b"Permission denied" in refused.stderr
    asked = []

    class Guesser(asyncssh.SSHClient):
        def password_auth_requested(self) -> str:
            asked.append(1)
            return "wrong"

    async def guess() -> None:
        await asyncssh.connect(
            way.host, way.port, username="root", known_hosts=None, config=None, agent_path=None, client_keys=None,
            client_factory=Guesser, preferred_auth="password",
        )  # fmt: skip

    with pytest.raises(asyncssh.Error):
        asyncio.run(guess())
    assert len(asked) == 3
    assert way.ssh("true").returncode == 0


@pytest.mark.parametrize("user", ["admin", "ubuntu", ""])
def test_another_user_is_refused(user: str, way: Way) -> None:
    async def enter() -> None:
        await asyncssh.connect(
            way.host, way.port, username=user or "x", password=way.password, known_hosts=None, config=None,
            agent_path=None, client_keys=None,
        )  # fmt: skip

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(enter())


def test_ports_are_forwarded_to_loopback_and_nowhere_else(way: Way) -> None:
    async def work() -> bytes:
        async with way.connect() as line:
            serving = await line.create_process("python3 -c '" + SERVER + "'")
            port = int(await serving.stdout.readline())
            forward = await line.forward_local_port("127.0.0.1", 0, "127.0.0.1", port)
            reader, writer = await asyncio.open_connection("127.0.0.1", forward.get_port())
            answer = await reader.read()
            writer.close()
            with pytest.raises(asyncssh.ChannelOpenError):
                await line.open_connection("192.0.2.1", 80)
            serving.kill()
        return answer

    assert asyncio.run(asyncio.wait_for(work(), 30)) == b"hello"


SERVER = (
    'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); '
    'c, _ = s.accept(); c.sendall(b"hello"); c.close()'
)


def test_host_key_is_the_machines_own_and_stays(client: glows.Client, way: Way, tmp_path: Path) -> None:
    def key(of: Way) -> bytes:
        async def ask() -> bytes:
            async with of.connect() as line:
                key = line.get_server_host_key()
                assert key is not None
                return bytes(key.public_data)

        return asyncio.run(ask())

    first = key(way)
    assert key(way) == first
    other = way_to(launch(client, "y"), tmp_path)
    assert key(other) != first


@CONFINED
def test_nothing_of_the_users_is_seen_or_changed_inside(way: Way, sandbox: RealSandbox, bystander: int) -> None:
    home = Path.home()
    (home / "diary").write_text("planted-in-the-home")
    looked = way.ssh(
        f"env; cat /proc/*/environ; cat {home}/diary; ls {home} /root /home; cat /etc/shadow; "
        f"rm -rf {home}; echo x > {home}/new; ln -s {home} link; cat link/diary; kill -9 {bystander} {os.getpid()}; "
        f"cat /proc/{bystander}/environ"
    )
    said = (looked.stdout + looked.stderr).decode(errors="replace")
    assert Path(f"/proc/{bystander}/environ").read_bytes().count(SECRET.encode()) == 1
    assert SECRET not in said
    assert "planted-in-the-home" not in said
    assert sandbox.token not in said
    assert (home / "diary").read_text() == "planted-in-the-home"
    assert not (home / "new").exists()

    async def by_sftp() -> None:
        async with way.connect() as line, line.start_sftp_client() as sftp:
            for path in (str(home / "diary"), "link/diary", "../../../../../../" + str(home / "diary")):
                with pytest.raises(asyncssh.SFTPError):
                    await sftp.getsize(path) and await sftp.get(path, os.devnull)
            with pytest.raises(asyncssh.SFTPError):
                await sftp.put(__file__, str(home / "new"))

    asyncio.run(by_sftp())


def test_port_greets_and_starts_nothing_until_somebody_speaks(way: Way, tmp_path: Path) -> None:
    silent = [socket.create_connection((way.host, way.port)) for _ in range(200)]
    for connection in silent:
        connection.settimeout(10)
        assert connection.recv(4) == b"SSH-"
    assert marked(tmp_path) == []
    silent[0].sendall(b"garbage" * 10_000)
    for connection in silent:
        connection.close()
    assert way.ssh("echo fine").stdout == b"fine\n"


def test_release_ends_all_that_was_started_and_removes_the_files(
    client: glows.Client, way: Way, tmp_path: Path
) -> None:
    started = way.ssh("setsid sleep 1000 < /dev/null > /dev/null 2>&1 & (sleep 1001 < /dev/null &> /dev/null &); pwd")
    folder = Path(started.stdout.decode().strip()).parent
    assert len(marked(tmp_path)) >= 3
    [machine] = client.instances.all()
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, until="Finished")
    eventually(lambda: not marked(tmp_path))
    eventually(lambda: not folder.exists())
    assert not folder.exists()


def test_what_a_killed_sandbox_left_is_ended_by_the_next(tmp_path: Path) -> None:
    script = """
import sys, time, glows_nb as glows
from pathlib import Path
from tests.sandbox.machines.real import RealSandbox, launch, way_to
sandbox = RealSandbox(Path(sys.argv[1])).start()
way = way_to(launch(sandbox.client()), Path(sys.argv[2]))
way.ssh("setsid sleep 1000 < /dev/null > /dev/null 2>&1 &")
print("up", flush=True)
time.sleep(1000)
"""
    state = tmp_path / "state.db"
    with running(script, str(state), str(tmp_path)) as killed:
        assert said_by(killed) == b"up\n"
        assert marked(tmp_path) != []
        killed.send_signal(signal.SIGKILL)
    # The machine's process hears that its sandbox has gone; where it was killed too, the next start finds the rest.
    for pid in marked(tmp_path):
        with suppress(FileNotFoundError, ProcessLookupError):  # it was quicker
            if "inside.program" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
    with RealSandbox(state) as again, again.client() as client:
        eventually(lambda: not marked(tmp_path))
        [machine] = client.instances.all()
        machine = client.instances.wait_reachable(machine.instance_id, port=22, timeout=30)
        assert way_to(machine, tmp_path).ssh("ls").returncode == 0
