"""Open a shell on a machine in this terminal, and stay until it ends."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from glows_nb.api.client import Client
from glows_nb.remote import calling
from glows_nb.remote.calling import Caller
from glows_nb.remote.handle import Handle

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

OLDEST: Final = (8, 4)
"""OpenSSH before it asks a program for the password only where there is no terminal."""


def open_shell(client: Client, word: str) -> int:
    """Open a shell, and return the exit status that it ended with; 255 where the line broke.

    A line of our own is made first: it says in a sentence why the machine can't be entered, and has its host key
    remembered.

    Args:
        client: whose machine it is.
        word: its id, its key or its name.

    Raises:
        NotReachable: there is no way onto the machine.
        HostKeyChanged: it shows another host key than before.
    """
    Handle.refuse_without_library()
    line = calling.run(lambda caller: _entered(client, word, caller))
    status = None
    program = _openssh()
    if program is not None and line.instance is not None:
        from glows_nb.remote.terminal.openssh import run_openssh

        # It makes a line of its own.
        calling.run(lambda caller: _dropped(line))
        status = run_openssh(program, line.instance)
    if status is None:
        from glows_nb.remote.terminal.by_ourselves import run_shell

        status = calling.run(lambda caller: run_shell(line, caller))
    return status


async def _entered(client: Client, word: str, caller: Caller) -> Line:
    from glows_nb.remote.lines.line import line_to, machine_named

    instance = await machine_named(client, word)
    line = line_to(client, instance.instance_id)
    await line.connected(caller)
    return line


async def _dropped(line: Line) -> None:
    line.drop()


def _openssh() -> str | None:
    """The system's OpenSSH, if it is there and can be given a password by a program."""
    program = shutil.which("ssh") if sys.platform != "win32" else None
    if program is None:
        return None
    said = subprocess.run([program, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - found in PATH
    found = re.match(r"OpenSSH_(\d+)\.(\d+)", said.stderr)
    return program if found is not None and (int(found[1]), int(found[2])) >= OLDEST else None
