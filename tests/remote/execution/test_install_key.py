"""A key of our own on a machine: what it opens, who sees it, and where it lies."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import data_folder
from glows_nb.remote.errors import NotReachable
from tests.sandbox.machines.real import IS_REAL_HERE, STATE, RealSandbox, launch

pytestmark = IS_REAL_HERE


class Forgetful(httpx.HTTPTransport):
    """The service, which tells a wrong password for every machine when it is told to."""

    wrong = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """What the service answers, but for passwords."""
        answer = super().handle_request(request)
        text = answer.read()
        if self.wrong:
            text = _with_passwords(text)
        headers = [(name, value) for name, value in answer.headers.items() if name != "content-length"]
        return httpx.Response(answer.status_code, headers=headers, content=text)


def _with_passwords(text: bytes) -> bytes:
    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: "wrong" if name == "password" else changed(each) for name, each in value.items()}
        return [changed(each) for each in value] if isinstance(value, list) else value

    return json.dumps(changed(json.loads(text))).encode()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RealSandbox]:
    """A sandbox with real machines."""
    with RealSandbox(tmp_path / STATE) as running:
        yield running


@pytest.fixture
def service() -> Forgetful:
    """The way to the service."""
    return Forgetful()


@pytest.fixture
def client(sandbox: RealSandbox, service: Forgetful) -> Iterator[glows.Client]:
    """A client for it."""
    with sandbox.client(transport=service, backoff=0) as client:
        yield client


Opened = Callable[[glows.Instance], glows.Machine]


@pytest.fixture
def opened(client: glows.Client) -> Iterator[Opened]:
    """Handles of machines, which are closed at the end."""
    handles = []

    def open_one(machine: glows.Instance) -> glows.Machine:
        handles.append(glows.machine(machine, client=client))
        return handles[-1]

    yield open_one
    for handle in handles:
        handle.close()


def test_new_line_logs_in_with_the_key_alone(client: glows.Client, opened: Opened, service: Forgetful) -> None:
    machine = opened(launch(client))
    fingerprint = machine.install_key()
    assert fingerprint.startswith("SHA256:")
    machine.close()
    service.wrong = True
    assert machine.exec("echo in", quiet=True).stdout == "in\n"


def test_machine_without_it_is_never_shown_it(client: glows.Client, opened: Opened, service: Forgetful) -> None:
    one, other = opened(launch(client, "one")), opened(launch(client, "other"))
    one.install_key()
    # It would be let in here too, were it shown.
    public = one.exec("cat ~/.ssh/authorized_keys", quiet=True).stdout
    other.exec("mkdir -m 700 ~/.ssh && (umask 077; cat >~/.ssh/authorized_keys)", input=public, quiet=True)
    for machine in (one, other):
        machine.close()
    service.wrong = True
    one.connect()
    with pytest.raises(NotReachable, match="password"):
        other.connect()


def test_machine_that_has_lost_it_is_entered_by_the_password(client: glows.Client, opened: Opened) -> None:
    machine = opened(launch(client))
    machine.install_key()
    machine.exec("rm ~/.ssh/authorized_keys", quiet=True)
    machine.close()
    assert machine.exec("echo in", quiet=True).stdout == "in\n"


def test_private_half_is_its_owners_alone_and_stays_here(client: glows.Client, opened: Opened) -> None:
    machine = opened(launch(client))
    machine.install_key()
    key = data_folder() / "machine_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = key.read_text().splitlines()[2]
    assert machine.exec(["grep", "-rqF", secret, "."], check=False, quiet=True).exit_status == 1
    modes = machine.exec("stat -c %a ~/.ssh ~/.ssh/authorized_keys", quiet=True).stdout
    assert modes.split() == ["700", "600"]


def test_installed_twice_it_is_there_once_beside_what_was_there(client: glows.Client, opened: Opened) -> None:
    machine = opened(launch(client))
    machine.exec("mkdir -m 700 ~/.ssh && (umask 077; printf '# mine' >~/.ssh/authorized_keys)", quiet=True)
    assert machine.install_key() == machine.install_key()
    lines = machine.exec("cat ~/.ssh/authorized_keys", quiet=True).stdout.splitlines()
    assert lines[0] == "# mine"
    assert [line.split()[0] for line in lines[1:]] == ["ssh-ed25519"]
