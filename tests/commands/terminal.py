"""`glows-nb` as a program of its own, and a machine of a sandbox that it works on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glows_nb as glows
from tests.conftest import FOLDERS_OF_THE_USER
from tests.sandbox.machines.real import STATE, RealSandbox, launch

PROGRAM = [sys.executable, "-W", "error", "-m", "glows_nb"]


@dataclass(frozen=True)
class Place:
    """A sandbox with a machine called train, and a user's computer.

    Attributes:
        client: looks at it from outside.
        machine: the machine.
        home: its home, which is a folder of this computer.
        user: the user's folder here.
        environment: what their programs are started with.
    """

    client: glows.Client
    machine: glows.Instance
    home: Path
    user: Path
    environment: dict[str, str]

    @property
    def password(self) -> str:
        """The machine's."""
        assert self.machine.ssh_password is not None
        return self.machine.ssh_password.get_secret_value()

    def run(self, *words: str, given: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run `glows-nb`, with nothing to read if not something that is given."""
        reads: dict[str, Any] = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
        return subprocess.run(  # noqa: S603 - our own command
            [*PROGRAM, *words],
            env=self.environment | environment,
            cwd=self.user,
            capture_output=True,
            timeout=60,
            check=False,
            **reads,
        )

    @contextmanager
    def started(self, *words: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """`glows-nb` while it runs; ended with this."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        with subprocess.Popen([*PROGRAM, *words], env=self.environment, cwd=self.user, **pipes) as process:  # noqa: S603 - our own command
            try:
                yield process
            finally:
                process.kill()

    def on_machine(self, look: Callable[[Path], Any], name: str) -> Any:
        """What is in a file of the machine's home; None where there is none yet."""
        return look(self.home / name) if (self.home / name).exists() else None


@contextmanager
def place_in(folder: Path) -> Iterator[Place]:
    """The place, in this folder."""
    user = folder / "user"
    user.mkdir()
    with RealSandbox(folder / STATE) as sandbox, sandbox.client() as client:
        machine = launch(client, "train")
        environment = os.environ | dict.fromkeys(FOLDERS_OF_THE_USER, str(user)) | {"COLUMNS": "100"}
        environment |= {"GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token}
        there = Place(client, machine, Path(), user, environment)
        said = there.run("exec", "train", "--", 'printf %s "$HOME"')
        assert said.returncode == 0, said
        yield Place(client, machine, Path(said.stdout.decode()), user, environment)
