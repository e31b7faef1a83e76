"""Machines to work on, reached in every way that there is."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import glows_nb as glows
from tests.remote.ways import BARE, BUSYBOX, ONLY_SFTP, Door, Service, sandbox_door, sshd_door
from tests.sandbox.machines.real import IS_REAL_HERE
from tests.sandbox.machines.sshd import PROGRAM

SANDBOX = "sandbox"
SANDBOX_WITHOUT_SFTP = "sandbox without SFTP"
SSHD = "sshd"
WAYS = (SANDBOX, SANDBOX_WITHOUT_SFTP, SSHD, ONLY_SFTP, BUSYBOX, BARE)


@dataclass(frozen=True)
class Reached:
    """A machine, and where its files are.

    Attributes:
        machine: the handle.
        home: its home, on this computer too.
        way: which of `WAYS`.
    """

    machine: glows.Machine
    home: Path
    way: str

    @property
    def is_by_sftp(self) -> bool:
        """Do files go over SFTP alone?"""
        return self.way == ONLY_SFTP


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """The machines that were needed so far; they end with the session."""
    with contextlib.ExitStack() as stack:
        yield _Doors(tmp_path_factory, stack)


class _Doors(dict[str, Door]):
    """Each is opened when it is first asked for."""

    def __init__(self, folders: pytest.TempPathFactory, stack: contextlib.ExitStack) -> None:
        super().__init__()
        self._folders, self._stack = folders, stack

    def __missing__(self, way: str) -> Door:
        folder = self._folders.mktemp("door")
        if way in (SANDBOX, SANDBOX_WITHOUT_SFTP):
            for mark in IS_REAL_HERE:
                if mark.args[0]:
                    pytest.skip(mark.kwargs["reason"])
            opened = sandbox_door(folder, "no_sftp" if way == SANDBOX_WITHOUT_SFTP else "")
            self[way] = self._stack.enter_context(opened)
        else:
            if PROGRAM is None or os.getuid() != 0:
                pytest.skip("OpenSSH's server is not installed, or this is not root")
            if way == BUSYBOX and not shutil.which("busybox"):
                pytest.skip("busybox is not installed")
            self[way] = self._stack.enter_context(sshd_door(folder, "" if way == SSHD else way))
        return self[way]


@pytest.fixture(params=WAYS)
def reached(request: pytest.FixtureRequest, doors: dict[str, Door]) -> Iterator[Reached]:
    """A machine, in each way."""
    yield from _reached(request.param, doors)


@pytest.fixture(params=(SANDBOX, SSHD))
def usual(request: pytest.FixtureRequest, doors: dict[str, Door]) -> Iterator[Reached]:
    """A machine with all that there is, for what does not hang on its tools."""
    yield from _reached(request.param, doors)


def _reached(way: str, doors: dict[str, Door]) -> Iterator[Reached]:
    door = doors[way]
    for path in door.home.iterdir():
        if not path.name.startswith("."):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    with Service(door) as service, service.machine() as machine:
        yield Reached(machine, door.home, way)
