"""What the tests of SSH have: one sandbox's machine and a real sshd, entered alike, for all tests of a module."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import glows_nb as glows
from tests.sandbox.machines.real import STATE, RealSandbox, Way, launch, marked, way_to
from tests.sandbox.machines.sshd import PROGRAM, real_sshd


@contextlib.contextmanager
def machine_way(folder: Path) -> Iterator[Way]:
    """A sandbox with one machine."""
    if sys.platform != "linux":
        pytest.skip("real machines are for Linux")
    with RealSandbox(folder / "state.db") as sandbox, sandbox.client() as client:
        yield way_to(launch(client), folder)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RealSandbox]:
    """The test's own sandbox, with real machines; when it has stopped, nothing of them runs any more."""
    with RealSandbox(tmp_path / STATE) as running:
        yield running
    assert marked(tmp_path) == [], "processes of a machine are left"


@pytest.fixture
def way(client: glows.Client, tmp_path: Path) -> Way:
    """The way to a machine of that sandbox."""
    return way_to(launch(client), tmp_path)


@pytest.fixture(scope="module", params=["machine", "sshd"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """A machine of a sandbox, then OpenSSH's server: what is expected of the one is seen at the other."""
    if not shutil.which("ssh"):
        pytest.skip("OpenSSH's client is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sshd":
        if PROGRAM is None:
            pytest.skip("OpenSSH's server is not installed")
        if os.getuid() != 0:
            pytest.skip("OpenSSH's server gives terminals to callers only where root runs it")
        with real_sshd(folder) as way:
            yield way
        return
    with machine_way(folder) as way:
        yield way


@pytest.fixture(scope="module")
def entered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """A machine of a sandbox, for what is asked of it alone."""
    with machine_way(tmp_path_factory.mktemp("machine")) as way:
        yield way


@pytest.fixture(scope="module")
def homes() -> dict[Way, Path]:
    """Where each has its files; asked once."""
    return {}


@pytest.fixture
def place(either: Way, homes: dict[Way, Path], request: pytest.FixtureRequest) -> Path:
    """A new folder on the other side, which is this computer too: what lies there can be looked at from here."""
    if either not in homes:
        homes[either] = Path(either.ssh('printf %s "$HOME"').stdout.decode())
        assert homes[either].is_absolute()
    folder = homes[either] / re.sub(r"\W", "_", request.node.name)
    folder.mkdir()
    return folder
