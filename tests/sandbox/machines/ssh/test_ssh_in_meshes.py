"""Machines in one private network: each answers SSH at its address there, where port 22 may be bound."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.sandbox.machines import ports
from tests.sandbox.machines.real import (
    NETWORK,
    STATE,
    RealSandbox,
    address_in_mesh,
    attach,
    eventually,
    launch,
    may_bind,
    running,
    said_by,
    way_to,
)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="real machines are for Linux"),
    pytest.mark.skipif(not may_bind(), reason="port 22 may not be bound by this user"),
]


def answers(host: str) -> bool:
    try:
        with socket.create_connection((host, ports.SSH_PORT), 5) as greeted:
            return greeted.recv(8) == b"SSH-2.0-"
    except OSError:
        return False


def test_one_machine_enters_another_at_its_address(client: glows.Client, tmp_path: Path) -> None:
    one, other = launch(client, "one"), launch(client, "other")
    hosts = attach(client, one, other)
    assert len(set(hosts)) == 2
    eventually(lambda: all(map(answers, hosts)))
    way, entered = way_to(one, tmp_path), way_to(other, tmp_path)
    key = "ssh-keygen -q -t ed25519 -N '' -f key && cat key.pub"
    public = way.ssh(key).stdout
    assert entered.ssh("mkdir -m 700 .ssh && cat >.ssh/authorized_keys && touch here", given=public).returncode == 0
    options = "-F none -i key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=known"
    done = way.ssh(f"ssh {options} root@{hosts[1]} 'ls here'")
    assert (done.returncode, done.stdout) == (0, b"here\n"), done


def test_machine_that_is_in_the_network_from_its_beginning_answers_there_too(client: glows.Client) -> None:
    network = client.networks.create(NETWORK, "TW-03")
    machine = launch(client, net_ids=[network])
    host = address_in_mesh(client, machine)
    eventually(lambda: answers(host))


def test_port_is_free_again_when_the_machine_has_ended(client: glows.Client) -> None:
    one = launch(client, "one")
    [host] = attach(client, one)
    eventually(lambda: answers(host))
    client.instances.cancel(one.instance_id)
    assert not answers(host)
    socket.create_server((host, ports.SSH_PORT)).close()


def test_address_does_not_answer_while_a_snapshot_is_taken(client: glows.Client, sandbox: RealSandbox) -> None:
    one = launch(client, "one")
    [host] = attach(client, one)
    eventually(lambda: answers(host))
    client.snapshots.create(one.instance_id)
    eventually(lambda: not answers(host))
    eventually(lambda: answers(host))


def test_address_that_somebody_else_has_is_none_and_no_error(client: glows.Client) -> None:
    one, other = launch(client, "one"), launch(client, "other")
    network = client.networks.create(NETWORK, "TW-03")
    client.networks.attach(network, [one.instance_id])
    host = address_in_mesh(client, one)
    eventually(lambda: answers(host))
    number = host.rpartition(".")[0]
    with socket.create_server((f"{number}.2", ports.SSH_PORT)):
        client.networks.attach(network, [other.instance_id])
        assert address_in_mesh(client, other) == f"{number}.2"
        assert client.instances.get(other.instance_id).status == "Running"
        assert answers(host)


_SERVE = """
import sys
from tests.sandbox.machines.real import RealSandbox, attach, eventually, launch
from tests.sandbox.machines.ssh.test_ssh_in_meshes import answers
from pathlib import Path
with RealSandbox(Path(sys.argv[1])) as sandbox, sandbox.client() as client:
    [host] = attach(client, launch(client))
    eventually(lambda: answers(host))
    print(host, flush=True)
    sys.stdin.read()
"""


def test_port_is_free_after_a_kill_and_answers_again_with_the_next_sandbox(tmp_path: Path) -> None:
    state = tmp_path / STATE
    with running(_SERVE, str(state), stdin=subprocess.PIPE) as process:
        host = said_by(process).decode().strip()
        assert answers(host)
        process.kill()
        process.wait()
        assert not answers(host)
    with RealSandbox(state):
        eventually(lambda: answers(host))
    assert not answers(host)


_WITHOUT_CAPABILITIES = """
import ctypes
assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
"""


def test_user_who_may_not_bind_the_port_has_none_and_hears_no_error(tmp_path: Path) -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= ports.SSH_PORT:
        pytest.skip("here every user may bind port 22")
    script = _WITHOUT_CAPABILITIES + _SERVE.replace("eventually(lambda: answers(host))", "assert not answers(host)")
    words = [str(tmp_path / STATE)]
    with running(script, *words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        host = said_by(process).decode().strip()
        assert host.startswith("127.77.")
        assert not answers(host)
        said = process.communicate(b"")[1]
    assert process.returncode == 0, said
    assert b"WARNING" not in said
    assert b"rror" not in said
