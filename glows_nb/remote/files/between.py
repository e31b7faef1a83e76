"""Files from one machine to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glows_nb.remote.calling import Caller
from glows_nb.remote.files.transfer import Transfer

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line


async def send_between(line: Line, to: Line, caller: Caller, path: str, remote: str) -> Transfer:
    """Send files from one machine to another; see `Machine.send_to`."""
    raise NotImplementedError
