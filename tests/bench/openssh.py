"""OpenSSH's own server, as what the sandbox's machines are measured against: on a free port, with keys of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

import asyncssh

START_SECONDS = 10.0
PRIVILEGES_FOLDER = Path("/run/sshd")
CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
SetEnv SHLVL=1
"""
"""With that level of shells bash does not read the user's `.bashrc` first, which may take longer than anything else."""


@dataclass(frozen=True)
class Entrance:
    """How OpenSSH's server is entered; `folder` has the keys and what is sent or fetched."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        """Who enters where, for OpenSSH's programs."""
        return f"{getuser()}@127.0.0.1"

    def options(self) -> list[str]:
        """What OpenSSH's programs are told."""
        return [
            *("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder / 'known'}"),
            *("-i", str(self.folder / "user"), "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"),
        ]

    def connect(self) -> Any:
        """Connect by asyncssh."""
        return asyncssh.connect(
            "127.0.0.1",
            self.port,
            username=getuser(),
            known_hosts=None,
            config=None,
            agent_path=None,
            client_keys=[str(self.folder / "user")],
        )


def program() -> str | None:
    """Where the server is, if it is installed."""
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")


@contextmanager
def serving(folder: Path) -> Iterator[Entrance]:
    """Let one run that serves this user."""
    sshd = program()
    assert sshd is not None, "OpenSSH's server is not installed"
    for name in ("host", "user"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / name)
        key.write_public_key(folder / f"{name}.pub")
        (folder / name).chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = folder / "sshd_config"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder))
    _make_place_of_privileges()
    with (folder / "sshd.log").open("wb") as log:
        command = [sshd, "-D", "-e", "-f", str(configuration)]
        with subprocess.Popen(command, stderr=log) as process:  # noqa: S603 - the system's own
            try:
                _wait_for(port, process)
                yield Entrance(port, folder)
            finally:
                process.terminate()


def _make_place_of_privileges() -> None:
    """Make the empty folder without which it does not start as root; the system does so where the service runs.

    It stays: another server may have started meanwhile that needs it too.
    """
    if getuser() == "root":
        PRIVILEGES_FOLDER.mkdir(mode=0o755, exist_ok=True)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), START_SECONDS):
                return
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
