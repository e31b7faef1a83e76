"""A machine whose kernel is used, of a sandbox and behind OpenSSH's own server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest

import glows_nb as glows
from glows_nb.remote import calling
from glows_nb.remote.calling import Caller
from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually


@pytest.fixture(params=(SANDBOX, SSHD))
def machine(request: pytest.FixtureRequest, doors: dict[str, Door]) -> Iterator[glows.Machine]:
    """Its kernel is a new one."""
    door = doors[request.param]
    if request.param == SSHD:
        # The one that a login finds there is the computer's own, which has no kernel.
        (door.home / ".glows-nb").mkdir(mode=0o700, exist_ok=True)
        (door.home / ".glows-nb" / "python").write_text(f"{sys.executable}\n")
    with Service(door) as service, service.machine() as machine:
        machine.restart_kernel()
        yield machine
        if request.param == SSHD:
            # A machine of a sandbox ends what runs on it; this computer does not.
            calling.run(lambda caller: stop_keeper(machine, caller))
            eventually(lambda: not (door.home / ".glows-nb" / "keeper.sock").exists())


async def stop_keeper(machine: glows.Machine, caller: Caller) -> None:
    attachment = await machine._handle.attachment(caller)
    with contextlib.suppress(glows.LineLost):
        await attachment.ask("stop")
