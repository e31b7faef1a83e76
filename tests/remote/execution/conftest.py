"""A machine of a sandbox, then OpenSSH's own server, each by a handle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import glows_nb as glows
from tests.remote.told_of import data_in, machine_at
from tests.sandbox.machines.real import STATE, RealSandbox, launch, marked
from tests.sandbox.machines.sshd import PROGRAM, real_sshd


@contextmanager
def entered(kind: str, folder: Path) -> Iterator[glows.Machine]:
    """A handle of one of the two; whatever ran there has ended afterwards."""
    if kind == "sshd":
        if PROGRAM is None:
            pytest.skip("OpenSSH's server is not installed")
        (folder / "sshd").mkdir()
        with real_sshd(folder / "sshd") as way, machine_at(way) as handle:
            yield handle
        return
    with data_in(folder / "data"), RealSandbox(folder / STATE) as sandbox, sandbox.client() as client:
        launch(client, "train")
        with glows.Machine("train", client=client) as handle:
            yield handle
    assert marked(folder) == []


@pytest.fixture(scope="module", params=["machine", "sshd"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[glows.Machine]:
    """What is expected of the one is seen at the other."""
    with entered(request.param, tmp_path_factory.mktemp(request.param)) as handle:
        yield handle


@pytest.fixture(params=["machine", "sshd"])
def new_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[glows.Machine]:
    """One that the test may ruin, and that nobody has asked anything yet."""
    with entered(request.param, tmp_path) as handle:
        yield handle
