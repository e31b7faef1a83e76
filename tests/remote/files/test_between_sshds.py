"""Files from one machine to another where both are OpenSSH's own server: the key of one use is one as it knows them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.api.ports import SSH_PORT
from glows_nb.remote.lines import own_key
from tests.hostile_server import Answer, HostileServer, Request, json_answer
from tests.remote.files.two_machines import Side, Two, some_files, tree
from tests.remote.told_of import SAMPLE, data_in
from tests.sandbox.machines.real import may_bind
from tests.sandbox.machines.sshd import PROGRAM, SshdWay, real_sshd

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="OpenSSH's server is not installed"),
    pytest.mark.skipif(not may_bind() or os.getuid() != 0, reason="OpenSSH's server is for root, and port 22 too"),
]
HOST = "127.77.253.2"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Two of them, of which the second has an address at which the first one reaches it."""
    with contextlib.ExitStack() as opened:
        opened.enter_context(data_in(tmp_path / "data"))
        ways: dict[str, SshdWay] = {}
        for name, host, port in (("one", "127.0.0.1", 0), ("other", HOST, SSH_PORT)):
            folder = tmp_path / name
            folder.mkdir()
            ways[name] = opened.enter_context(real_sshd(folder, host, port))
            keys = folder / "home" / ".ssh" / "authorized_keys"
            keys.parent.mkdir(mode=0o700)
            keys.write_bytes(own_key.public_key().export_public_key())
            keys.chmod(0o600)
            own_key.note_installed(f"ins-{name}")

        def answer(request: Request) -> Answer:
            name = "other" if "other" in request.target else "one"
            body = json.loads(SAMPLE.read_text())
            way, address = ways[name], HOST if name == "other" else "127.77.253.1"
            body["instance"] |= {
                "instanceID": f"ins-{name}",
                "sshCred": {"user": way.user, "password": "no password"},
                "accesses": [{"protocol": "ssh", "listenPort": 22, "url": f"ssh://{way.host}:{way.port}"}],
                "netEndpointInfos": [{"netID": "net-x", "cidr": f"{address}/24", "mac": "", "status": "Connected"}],
            }
            return json_answer(body)

        server = opened.enter_context(HostileServer(answer))
        client = opened.enter_context(glows.Client("token", server.base_url, backoff=0))
        sides = [
            Side(opened.enter_context(glows.Machine(f"ins-{name}", client=client)), ways[name].folder / "home", "")
            for name in ways
        ]
        yield Two(client, "token", *sides)


def test_all_goes_straight_and_no_key_is_left(two: Two) -> None:
    some_files(two.one)
    (two.one.home / "data" / "a 'b\"c$(d)\\\n").unlink()  # its name is left out, as one that a terminal obeys
    before = (two.other.home / ".ssh" / "authorized_keys").read_bytes()
    transfer = two.send("data", "a 'place\" of\\ its own")
    assert any(note.startswith("straight from") for note in transfer.notes), transfer
    assert tree(two.other.home / "a 'place\" of\\ its own") == tree(two.one.home / "data")
    assert (two.other.home / ".ssh" / "authorized_keys").read_bytes() == before
    for side in (two.one, two.other):
        assert [path.name for path in side.home.rglob("*glows*")] == []


def test_where_the_key_is_not_let_in_it_goes_through_here(two: Two) -> None:
    two.one.write("file", "text")
    two.one.machine.connect()
    two.other.machine.connect()
    # This sshd minds no modes, so the machine has another file than the one that it reads.
    folder = two.other.home / ".ssh"
    folder.rename(two.other.home / "read")
    (two.other.home / "elsewhere").mkdir()
    (folder).symlink_to("elsewhere")
    (two.other.home / "elsewhere" / "authorized_keys").symlink_to("/dev/null")
    transfer = two.send("file")
    assert (two.other.home / "file").read_text() == "text"
    assert any("through this computer, since" in note for note in transfer.notes), transfer
