"""How a machine is entered, and what is said where it can't be: on a sandbox whose machines are real."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import data_folder
from glows_nb.remote.lines.host_keys import HostKeys
from tests.remote.told_of import Told, machine_told_of
from tests.sandbox.machines.real import OFFER, STATE, RealSandbox, launch, marked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RealSandbox]:
    with RealSandbox(tmp_path / STATE) as running:
        yield running
    assert marked(tmp_path) == []


@pytest.fixture
def train(client: glows.Client) -> glows.Instance:
    return launch(client, "train")


def known() -> str:
    return (data_folder() / "known_machines").read_text()


def test_nothing_is_asked_before_it_is_first_used() -> None:
    with glows.Client("token", "http://127.0.0.1:9", max_retries=0) as client:
        machine = glows.machine("train", client=client)
        assert repr(machine) == "<Machine train>"
        with pytest.raises(glows.TransportError):
            machine.exec("true")


@pytest.mark.parametrize("how", ["name", "id", "key", "instance"])
def test_machine_is_found_by_any_of_its_names(how: str, client: glows.Client, train: glows.Instance) -> None:
    words = {"name": "train", "id": train.instance_id, "key": train.meta_key, "instance": train}
    with glows.machine(words[how], client=client) as machine:  # type: ignore[arg-type]
        assert machine.exec("echo here", quiet=True).stdout == "here\n"
        assert machine.instance.instance_id == train.instance_id


def test_client_in_use_is_asked_where_none_is_named(sandbox: RealSandbox, train: glows.Instance) -> None:
    glows.connect(sandbox.token, sandbox.base_url)
    assert glows.machine("train").exec("echo here", quiet=True).stdout == "here\n"


def test_line_is_made_once_for_all_handles_and_again_after_close(client: glows.Client, train: glows.Instance) -> None:
    who = "echo $SSH_CONNECTION $SSH_CLIENT"
    one, other = glows.machine("train", client=client), glows.machine(train.instance_id, client=client)
    first = one.exec(who, quiet=True).stdout
    assert first
    assert [one.exec(who, quiet=True).stdout, other.exec(who, quiet=True).stdout] == [first, first]
    one.close()
    assert other.exec(who, quiet=True).stdout == first, "another one uses it"
    other.close()
    assert other.exec(who, quiet=True).stdout != first


def test_machine_that_is_not_there_is_said(client: glows.Client) -> None:
    with pytest.raises(glows.NotReachable, match=r"There is no machine 'nobody'; %glows list shows those"):
        glows.machine("nobody", client=client).exec("true")


def test_machine_that_does_not_run_yet_is_said(sandbox: RealSandbox, client: glows.Client) -> None:
    sandbox.admin.order("stuck_queue")
    client.instances.launch(name="queued", **OFFER)
    machine = glows.machine("queued", client=client)
    with pytest.raises(glows.NotReachable, match=r"is Sched\w+, and only a Running machine .*wait=True"):
        machine.exec("true")
    with pytest.raises(glows.WaitTimeout, match=r"That was so for 1 s; the machine goes on\."):
        glows.machine("queued", wait=True, timeout=1, client=client).exec("true")


def test_wait_enters_as_soon_as_it_can_be(sandbox: RealSandbox, client: glows.Client) -> None:
    sandbox.admin.order("slow_sshd", seconds=200)
    client.instances.launch(name="slow", **OFFER)
    machine = glows.machine("slow", wait=True, timeout=30, client=client)
    assert machine.exec("echo here", quiet=True).stdout == "here\n"


def test_sshd_that_is_not_up_yet_is_said(sandbox: RealSandbox, client: glows.Client) -> None:
    sandbox.admin.order("slow_sshd", seconds=1e9)
    machine = client.instances.launch(name="slow", wait=True, **OFFER)
    with pytest.raises(glows.NotReachable, match=r"is Running, but its SSH at [\d.]+:\d+ does not answer .*wait=True"):
        glows.machine(machine, client=client).exec("true")


def test_waiting_is_interrupted_and_said(sandbox: RealSandbox, client: glows.Client) -> None:
    sandbox.admin.order("stuck_queue")
    client.instances.launch(name="queued", **OFFER)
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt) as stopped:
        glows.machine("queued", wait=True, client=client).exec("true")
    assert "goes on as it was" in " ".join(getattr(stopped.value, "__notes__", []))


def test_machine_that_has_ended_is_said(client: glows.Client, train: glows.Instance) -> None:
    machine = glows.machine("train", client=client)
    machine.exec("true", quiet=True)
    client.instances.cancel(train.instance_id)
    client.instances.wait(train.instance_id, "Finished", timeout=30)
    with pytest.raises(glows.NotReachable, match="is Finished: it has ended, and nothing answers there any more"):
        machine.exec("true")
    with pytest.raises(glows.NotReachable, match="it has ended"):
        glows.machine("train", wait=True, client=client).exec("true")


def test_machine_without_port_22_is_said() -> None:
    told = Told(0, changes={"accesses": [{"protocol": "http", "listenPort": 8888, "url": "https://a.b:1"}]})
    with (
        machine_told_of(told) as machine,
        pytest.raises(glows.NotReachable, match=r"has no port 22, and nobody gets onto it without; .* the ports 8888"),
    ):
        machine.exec("true")


@pytest.mark.parametrize("url", ["ssh://-oProxyCommand=x:22", "ssh://host:99999", "ssh://[::1", "ssh://a b:22"])
def test_address_that_is_none_is_refused(url: str) -> None:
    told = Told(0, changes={"accesses": [{"protocol": "ssh", "listenPort": 22, "url": url}]})
    with machine_told_of(told) as machine, pytest.raises(glows.NotReachable, match="an address for SSH that can't"):
        machine.exec("true")


def test_host_key_is_remembered_by_id_and_another_one_is_refused_before_the_password(
    sandbox: RealSandbox, client: glows.Client, train: glows.Instance
) -> None:
    machine = glows.machine("train", client=client)
    machine.exec("true", quiet=True)
    before = known()
    assert before.startswith(f"{train.instance_id}.sandbox.")
    sandbox.admin.order("other_host_key")
    machine.close()
    with pytest.raises(glows.HostKeyChanged) as changed:
        machine.exec("true")
    assert changed.value.known != changed.value.shown
    for text in (changed.value.known, changed.value.shown, "no password was sent", "accept_host_key("):
        assert text in str(changed.value)
    assert known() == before
    with pytest.raises(glows.HostKeyChanged, match="is not SHA256:other; nothing was accepted"):
        machine.accept_host_key("SHA256:other")
    machine.accept_host_key(changed.value.shown)
    assert machine.exec("echo in", quiet=True).stdout == "in\n"


class Impostor(asyncssh.SSHServer):
    """Takes every password, and tells."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.begun = 0
        self.connections: list[asyncssh.SSHServerConnection] = []

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        self.begun += 1
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.heard.append(password)
        return True


@contextlib.contextmanager
def serving(impostor: Impostor) -> Iterator[int]:
    """The port at which it is asked; nothing of it is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def serve() -> asyncssh.SSHAcceptor:
        key = asyncssh.generate_private_key("ssh-ed25519")
        return await asyncssh.create_server(lambda: impostor, "127.0.0.1", 0, server_host_keys=[key])

    async def end() -> None:
        server.close()
        for connection in impostor.connections:
            connection.abort()
            await connection.wait_closed()
        await asyncio.sleep(0)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
    try:
        yield server.get_port()
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_impostor_hears_no_password() -> None:
    impostor = Impostor()
    with serving(impostor) as port:
        HostKeys().remember("ins-boyqp4g8", asyncssh.generate_private_key("ssh-ed25519").convert_to_public())
        with machine_told_of(Told(port, password="the password")) as machine:
            with pytest.raises(glows.HostKeyChanged):
                machine.exec("true")
            assert (impostor.begun, impostor.heard) == (0, [])
            # It would have heard it: at first use nobody can tell.
            (data_folder() / "known_machines").unlink()
            with pytest.raises(glows.RemoteError):
                machine.exec("true")
            assert impostor.heard == ["the password"]


def test_same_key_on_two_machines_is_said(
    client: glows.Client, train: glows.Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    glows.machine("train", client=client).exec("true", quiet=True)
    line = known().split()
    (data_folder() / "known_machines").write_text(f"ins-other {line[1]} {line[2]}\n")
    glows.machine("train", client=client).close()
    glows.machine("train", client=client).exec("true", quiet=True)
    assert "has the same host key as ins-other: it is part of the image" in capsys.readouterr().err


def test_keys_that_cannot_be_read_let_nobody_in(client: glows.Client, train: glows.Instance) -> None:
    (data_folder() / "known_machines").mkdir(parents=True)
    with pytest.raises(glows.RemoteError, match=r"The host keys in .* can't be read"):
        glows.machine("train", client=client).exec("true")


def test_password_that_is_refused_is_said_and_not_tried_again(train: glows.Instance) -> None:
    assert train.ssh_command is not None
    port = int(train.ssh_command.split()[2])
    told = Told(port, password="a wrong one")
    with machine_told_of(told) as machine, pytest.raises(glows.NotReachable) as refused:
        machine.exec("true")
    assert "refused root with the password that the service tells for it" in str(refused.value)
    assert "a wrong one" not in str(refused.value)
    # The password is asked for anew each time.
    assert train.ssh_password is not None
    told.password = train.ssh_password.get_secret_value()
    with machine_told_of(told) as machine:
        assert machine.exec("echo in", quiet=True).stdout == "in\n"


def test_no_key_or_setting_of_the_user_is_offered(train: glows.Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["HOME"])
    (home / ".ssh").mkdir()
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(home / ".ssh" / "id_ed25519")
    (home / ".ssh" / "config").write_text("Host *\n  ProxyCommand false\n  User nobody\n")
    heard: list[str] = []

    class Listening(Impostor):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            heard.append(key.get_fingerprint())
            return False

    with (
        serving(Listening()) as port,
        machine_told_of(Told(port)) as machine,
        pytest.raises(glows.RemoteError),
    ):
        machine.exec("true")
    assert heard == []


@pytest.mark.parametrize("said", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n\x00\x00\x00", b"\0" * 100])
def test_what_is_no_ssh_is_said(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            caller, _ = listening.accept()
            with caller:
                caller.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        with machine_told_of(Told(listening.getsockname()[1])) as machine, pytest.raises(glows.NotReachable):
            machine.exec("true")
        thread.join()


def test_line_that_breaks_again_and_again_is_made_again(sandbox: RealSandbox, client: glows.Client) -> None:
    launch(client, "train")
    machine = glows.machine("train", client=client)
    sandbox.admin.order("line_breaks", bytes=6000, count=2)
    lost = 0
    for _ in range(40):
        try:
            machine.exec("head -c 1000 /dev/zero", quiet=True)
        except (glows.LineLost, glows.NotReachable):
            lost += 1
    assert 1 <= lost <= 4
    assert machine.exec("echo on", quiet=True).stdout == "on\n"


def test_forked_process_makes_lines_of_its_own(client: glows.Client, train: glows.Instance) -> None:
    script = f"""
import os, sys
import glows_nb as glows
client = glows.Client({client.connection.token.get_secret_value()!r}, {client.base_url!r})
machine = glows.Machine("train", client=client)
assert machine.exec("echo parent", quiet=True).stdout == "parent\\n"
child = os.fork()
if not child:
    fresh = glows.Client({client.connection.token.get_secret_value()!r}, {client.base_url!r})
    said = glows.Machine("train", client=fresh).exec("echo child", quiet=True).stdout
    os._exit(0 if said == "child\\n" else 1)
status = os.waitpid(child, 0)[1]
assert machine.exec("echo again", quiet=True).stdout == "again\\n"
sys.exit(status)
"""
    import subprocess

    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)  # noqa: S603
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
