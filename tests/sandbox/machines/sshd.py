"""OpenSSH's own server on this computer, which tests enter as they enter a machine: what it does is what is right."""

from __future__ import annotations

import contextlib
import ctypes
import getpass
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from glows_nb.sandbox.machines import survivors
from tests.sandbox.machines.real import Way

PROGRAM = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
"""Where it is, if it is installed; it wants to be started by its whole path."""

_PRIVILEGE_SEPARATION = Path("/run/sshd")
_START_SECONDS = 15
_PARENT_DEATH_SIGNAL = 1


@dataclass(frozen=True)
class SshdWay(Way):
    """How a real sshd is reached: by a key, as the passwords that it knows are those of the computer's users."""

    def options(self) -> list[str]:
        """What OpenSSH's programs are told: this key alone, nobody's settings, and no host key to remember."""
        return [
            *("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder / 'known'}"),
            *("-i", str(self.folder / "key"), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
            *("-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
        ]

    def credentials(self, password: str | None) -> dict[str, Any]:
        """What asyncssh shows to be let in: for a password, which would be a wrong one, a key that nobody knows."""
        unknown = asyncssh.generate_private_key("ssh-ed25519")
        return {"client_keys": [str(self.folder / "key") if password is None else unknown]}


@contextlib.contextmanager
def real_sshd(
    folder: Path, host: str = "127.0.0.1", port: int = 0, *, settings: str = "", variables: str = ""
) -> Iterator[SshdWay]:
    """Start sshd on loopback, by itself on a free port; what it started has ended when this has.

    It serves the user that runs it. HOME is a folder in `folder`, so that nothing that the user's shell reads at its
    start gets in; sshd begins in the user's own home nevertheless. `settings` are more lines of its file, `variables`
    more that it sets for a caller.
    """
    if PROGRAM is None:
        raise FileNotFoundError("sshd is not installed")
    home = folder / "home"
    home.mkdir()
    for name in ("host_key", "key"):
        subprocess.run(  # noqa: S603 - our own words
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],  # noqa: S607
            check=True,
        )
    if os.getuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    with socket.create_server((host, port)) as free:
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"""
        ListenAddress {host}:{port}
        HostKey {folder / "host_key"}
        AuthorizedKeysFile {folder / "key.pub"} {home / ".ssh" / "authorized_keys"}
        PidFile none
        UsePAM no
        StrictModes no
        PermitRootLogin yes
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PrintMotd no
        PrintLastLog no
        # Not the usual ten at the start, of which it drops some by chance: tests come at once.
        MaxStartups 100
        AcceptEnv LANG LC_*
        SetEnv HOME={home}{variables}
        {settings}
        Subsystem sftp internal-sftp
        """
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - our own words
            [PROGRAM, "-D", "-e", "-f", str(folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={"PATH": os.defpath},
            preexec_fn=partial(_end_with_the_tests, survivors.mark_of(folder)),
        )
    try:
        _wait_for(server, (host, port), folder / "sshd.log")
        yield SshdWay(host, port, "", folder, getpass.getuser())
    finally:
        # It and those of it that serve a line are one group; what they started for a caller carries the mark.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        survivors.end_survivors([folder])


def _end_with_the_tests(mark: int) -> None:
    """Also when these are killed, and end nothing any more; what is started for a caller is known by the mark."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_RTTIME, (mark, mark))
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _wait_for(server: subprocess.Popen[bytes], address: tuple[str, int], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert server.poll() is None, log.read_text()
        try:
            with socket.create_connection(address, 5) as greeted:
                assert greeted.recv(4) == b"SSH-"
                return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
