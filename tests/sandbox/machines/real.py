"""A real machine of a sandbox, the ways onto it (OpenSSH's programs and asyncssh), and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncssh
import pytest

import glows_nb as glows
from glows_nb.api.models.instances import NetworkEndpoint
from glows_nb.api.ports import SSH_PORT
from glows_nb.sandbox.machines import survivors
from glows_nb.sandbox.machines.folders import Folders
from glows_nb.sandbox.server import SandboxServer

STATE = "state.db"
ROOT = Path(__file__).parents[3]
IS_REAL_HERE = [
    pytest.mark.skipif(sys.platform != "linux", reason="real machines are tried on Linux"),
    pytest.mark.skipif(not shutil.which("ssh"), reason="OpenSSH's client is not installed"),
]

_ENTERED: set[str] = set()
"""Machines that tests have had a way to: their processes are known also when their folders have gone."""

T = TypeVar("T")
NETWORK = "the-mesh"
OFFER: dict[str, Any] = {
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "region_name": "TW-03",
    "from_image_id": "img-6ypgvgpw",
}


class RealSandbox(SandboxServer):
    """A fast sandbox whose machines are real."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path=path, **({"speed": 200, "has_real_machines": True} | options))

    def client(self, **options: Any) -> glows.Client:
        """A client for it."""
        return glows.Client(self.token, self.base_url, **options)


@dataclass(frozen=True)
class Way:
    """How a machine is reached."""

    host: str
    port: int
    password: str
    folder: Path
    user: str = "root"

    def options(self) -> list[str]:
        """What OpenSSH's programs are told: nobody's keys and settings, and no host key to remember."""
        return [
            *("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder / 'known'}"),
            *("-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=3", "-o", "LogLevel=ERROR"),
        ]

    def variables(self, password: str | None = None) -> dict[str, str]:
        """Its password comes from a program, as there is no terminal to ask at."""
        askpass = self.folder / "askpass"
        if not askpass.exists():
            askpass.write_text('#!/bin/sh\nprintf "%s" "$THE_PASSWORD"\n')
            askpass.chmod(0o700)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "SSH_ASKPASS": str(askpass),
            "SSH_ASKPASS_REQUIRE": "force",
            "THE_PASSWORD": self.password if password is None else password,
        }

    def run(self, *command: str, password: str | None = None, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one of OpenSSH's programs."""
        return subprocess.run(  # noqa: S603 - our own
            command, env=self.variables(password), input=given, capture_output=True, check=False, timeout=60
        )

    def ssh(self, *command: str, more: Sequence[str] = (), **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the machine by OpenSSH's client."""
        program = ["ssh", *self.options(), *more, "-p", str(self.port), f"{self.user}@{self.host}"]
        return self.run(*program, *command, **options)

    def connect(self, password: str | None = None) -> Any:
        """Connect by asyncssh."""
        return asyncssh.connect(
            self.host,
            self.port,
            username=self.user,
            known_hosts=None,
            config=None,
            agent_path=None,
            **self.credentials(password),
        )

    def on_line(self, work: Callable[[Any], Awaitable[T]], seconds: float = 30) -> T:
        """Do something on one line by asyncssh, for so long at most."""

        async def do() -> T:
            async with self.connect() as line:
                return await work(line)

        return asyncio.run(asyncio.wait_for(do(), seconds))

    def credentials(self, password: str | None) -> dict[str, Any]:
        """What asyncssh shows to be let in."""
        return {"password": self.password if password is None else password, "client_keys": None}


def launch(client: glows.Client, name: str = "x", **fields: Any) -> glows.Instance:
    """A machine that answers."""
    machine = client.instances.launch(name=name, **(OFFER | fields), wait=True)
    return client.instances.wait_reachable(machine.instance_id, port=22, timeout=30)


def may_bind() -> bool:
    """May this user have port 22, at which machines answer in their networks?"""
    with contextlib.suppress(OSError), socket.create_server(("127.77.254.254", SSH_PORT)):
        return True
    return False


def attach(client: glows.Client, *machines: glows.Instance) -> list[str]:
    """Put machines into a network; their addresses there."""
    network = client.networks.create(NETWORK, "TW-03")
    client.networks.attach(network, [machine.instance_id for machine in machines])
    return [address_in_mesh(client, machine) for machine in machines]


def address_in_mesh(client: glows.Client, machine: glows.Instance) -> str:
    """Its address in the network that it is in, when it is connected."""

    def endpoints() -> list[NetworkEndpoint]:
        return list(client.instances.get(machine.instance_id).network_endpoints)

    eventually(lambda: [each.status for each in endpoints()] == ["Connected"])
    [endpoint] = endpoints()
    return endpoint.cidr.partition("/")[0]


@contextlib.contextmanager
def sandbox_with_machine(folder: Path) -> Iterator[tuple[RealSandbox, glows.Instance]]:
    """A sandbox with its state in a folder, and a machine of it that answers, called train."""
    with RealSandbox(folder / STATE) as sandbox, sandbox.client() as client:
        yield sandbox, launch(client, "train")


def way_to(machine: glows.Instance, folder: Path) -> Way:
    """How it is reached; `folder` holds what the client's side needs."""
    [url] = [access.url for access in machine.accesses if access.listen_port == 22]
    address = urlsplit(url.get_secret_value())
    _ENTERED.add(machine.instance_id.removeprefix("ins-"))
    assert machine.ssh_password is not None
    assert address.hostname is not None
    assert address.port is not None
    return Way(address.hostname, address.port, machine.ssh_password.get_secret_value(), folder)


def marked(folder: Path) -> list[int]:
    """The processes of all machines that sandboxes with their state in a folder have, or have had."""
    place = folder / f"{STATE}-machines"
    hashes = _ENTERED | Folders(place).hashes()
    return survivors.marked(survivors.mark_of(place / hash_) for hash_ in hashes)


def folders_of(state: Path) -> list[Path]:
    """The folders of the machines of a sandbox with this file."""
    place = state.with_name(f"{state.name}-machines")
    return [place / hash_ for hash_ in Folders(place).hashes()]


@contextlib.contextmanager
def running(script: str, *words: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python code in a process of its own, which is ended with the test if not before."""
    command = [sys.executable, "-c", script, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, **options) as process:  # noqa: S603 - our own code
        try:
            yield process
        finally:
            process.kill()


def said_by(process: subprocess.Popen[bytes]) -> bytes:
    """Return the next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline()


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    """Look until something is so, and fail if it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Does a process run that has not ended?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
