"""A machine whose kernel is used, of a sandbox and behind OpenSSH's own server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import glows_nb as glows
from tests.remote.cells.cuts import end_keeper, let_python_be
from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually


class _KernelDoors(dict[str, Door]):
    """Machines on which a kernel can be; each is made ready when it is first asked for."""

    def __init__(self, doors: dict[str, Door]) -> None:
        super().__init__()
        self._doors = doors

    def __missing__(self, way: str) -> Door:
        door = self[way] = self._doors[way]
        if way == SSHD:
            let_python_be(door)
        return door


@pytest.fixture
def kernel_doors(doors: dict[str, Door]) -> Iterator[dict[str, Door]]:
    """A sandbox's machine and OpenSSH's sshd, whose keeper has ended when this has."""
    ready = _KernelDoors(doors)
    yield ready
    if SSHD in ready:
        # A machine of a sandbox ends what runs on it; this computer does not.
        door = ready[SSHD]
        with Service(door) as service, service.machine() as machine:
            end_keeper(machine)
        eventually(lambda: not (door.home / ".glows-nb" / "keeper.sock").exists())


@pytest.fixture(params=(SANDBOX, SSHD))
def machine(request: pytest.FixtureRequest, kernel_doors: dict[str, Door]) -> Iterator[glows.Machine]:
    """Its kernel is a new one."""
    with Service(kernel_doors[request.param]) as service, service.machine() as machine:
        machine.restart_kernel()
        yield machine
