"""Put the public half of our own key on a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glows_nb.remote.calling import Caller
from glows_nb.remote.execution.checking import checked
from glows_nb.remote.execution.executing import execute
from glows_nb.remote.execution.printing import OnOutput
from glows_nb.remote.lines import own_key

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

_INSTALL: Final = """umask 077
mkdir -p ~/.ssh
read -r key
touch ~/.ssh/authorized_keys
[ -z "$(tail -c 1 ~/.ssh/authorized_keys)" ] || echo >>~/.ssh/authorized_keys
grep -qxF "$key" ~/.ssh/authorized_keys || printf '%s\\n' "$key" >>~/.ssh/authorized_keys
"""


async def install(line: Line, caller: Caller) -> str:
    """Put it there, once, and use it for this machine from now on; returns its fingerprint.

    Raises:
        CommandFailed: it can't be written there.
    """
    key = own_key.public_key()
    await execute(
        line,
        caller,
        checked(["sh", "-c", _INSTALL]),
        check=True,
        timeout=60,
        given=key.export_public_key("openssh"),
        env=None,
        pty=False,
        on_output=OnOutput(None),
    )
    own_key.note_installed(line.alias)
    return key.get_fingerprint()
