"""Machines that tests work on through `glows.machine`: what answers at their port, and a service that tells of them."""

from __future__ import annotations

import contextlib
import getpass
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncssh

import glows_nb as glows
from tests.hostile_server import HostileServer
from tests.remote.told_of import Told, let_own_key_be
from tests.sandbox.machines.real import STATE, RealSandbox, launch, way_to
from tests.sandbox.machines.sshd import real_sshd

ONLY_SFTP = "only SFTP"
BUSYBOX = "busybox"
BARE = "sh, tar and coreutils"
NEEDED = (
    "sh",
    "tar",
    "[",
    "basename",
    "cat",
    "chmod",
    "dd",
    "df",
    "dirname",
    "head",
    "mkdir",
    "mv",
    "printf",
    "readlink",
)
NEEDED_TOO = ("rm", "rmdir", "sha256sum", "stat", "tail", "touch", "true", "wc")


@dataclass
class Door:
    """Where a machine's SSH is.

    Attributes:
        port: on loopback.
        user: who logs in.
        password: "" is one of which nobody knows the password; a key lets in.
        home: where it begins, as this computer sees it too.
        key: the private key's file, where one lets in.
    """

    port: int
    user: str
    password: str
    home: Path
    key: Path | None = None


class Service(HostileServer):
    """Answers what a client asks about one machine that runs, whose SSH is at a port.

    Args:
        door: where that is; its port may be changed, as a proxy's.
        number: of its id, under which its host key is remembered.
    """

    def __init__(self, door: Door, number: int = 1) -> None:
        self.told = Told(door.port, door.user, door.password, f"ins-{number:08d}", {"metaKey": "test.machine"})
        super().__init__(self.told.answer)
        self.door = door

    def machine(self) -> glows.Machine:
        """A handle of it, by a client of its own."""
        if self.door.key is not None:
            let_own_key_be(self.door.key, self.told.instance_id)
        return glows.Machine(self.told.instance_id, client=glows.Client("token", self.base_url, backoff=0))


@contextlib.contextmanager
def sandbox_door(folder: Path, fault: str = "") -> Iterator[Door]:
    """A real machine of a sandbox, with a fault or without."""
    with RealSandbox(folder / STATE) as sandbox, sandbox.client() as client:
        if fault:
            sandbox.admin.order(fault)
        entered = way_to(launch(client), folder)
        home = Path(entered.ssh('printf %s "$HOME"').stdout.decode())
        yield Door(entered.port, entered.user, entered.password, home)


@contextlib.contextmanager
def sshd_door(folder: Path, tools: str = "") -> Iterator[Door]:
    """OpenSSH's own server, with all that this computer has, or as little as is said."""
    home = folder / "home"
    settings, variables = "", ""
    if tools == ONLY_SFTP:
        settings = f"ForceCommand internal-sftp -d {home}"
    elif tools:
        programs = folder / "programs"
        programs.mkdir()
        variables = f" PATH={programs}"
        if tools == BUSYBOX:
            box = shutil.which("busybox")
            assert box is not None
            for name in ("find", *NEEDED, *NEEDED_TOO):
                (programs / name).symlink_to(box)
        else:
            for name in (*NEEDED, *NEEDED_TOO):
                program = shutil.which(name)
                if program is not None:
                    (programs / name).symlink_to(program)
    with real_sshd(folder, settings=settings, variables=variables) as way:
        yield Door(way.port, getpass.getuser(), "", home, folder / "key")


@cache
def own_host_key() -> asyncssh.SSHKey:
    """The host key of servers of tests; one, or each would be another machine under the same id."""
    return asyncssh.generate_private_key("ssh-ed25519")
