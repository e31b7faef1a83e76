"""A machine for jobs, of a sandbox and behind OpenSSH's own server; what they have begun ends with the test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import glows_nb as glows
from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually

JOBS = Path(".glows-nb") / "jobs"


@dataclass(frozen=True)
class Place:
    """A machine, its files as this computer sees them, and the service that tells of it."""

    machine: glows.Machine
    home: Path
    service: Service

    def run_folder(self, job: glows.Job | str, number: int = 1) -> Path:
        """Where a run of a job is kept there."""
        return self.home / JOBS / "named" / (job if isinstance(job, str) else job.name) / str(number)


def processes_of(home: Path) -> set[int]:
    """Those whose home it is: runners, what waits with them, and what jobs have begun."""
    sign, found = f"HOME={home}".encode(), set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (path / "environ").read_bytes().split(b"\0")
            if sign in variables and (b"jobs-" in (path / "cmdline").read_bytes() or has_mark(variables)):
                found.add(int(path.name))
    return found


def has_mark(variables: list[bytes]) -> bool:
    return any(each.startswith(b"GLOWS_JOB=") for each in variables)


@pytest.fixture(params=(SANDBOX, SSHD))
def place(request: pytest.FixtureRequest, doors: dict[str, Door]) -> Iterator[Place]:
    """With no job on it."""
    door = doors[request.param]
    with Service(door) as service, service.machine() as machine:
        empty(door.home)
        yield Place(machine, door.home, service)
    end_processes(door.home)


def empty(home: Path) -> None:
    """No file of a test of before, and no job."""
    for path in (home / JOBS, *home.glob("[!.]*")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def end_processes(home: Path) -> None:
    def have_ended() -> bool:
        left = processes_of(home)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return not left

    eventually(have_ended)
