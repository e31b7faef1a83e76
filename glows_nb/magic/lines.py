"""What a line holds beside its command, as in `%glows COMMAND $value >> name;`: Python's values, where its own value
goes, and whether that is shown.
"""

from __future__ import annotations

import keyword
import linecache
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from IPython.utils.text import DollarFormatter

from glows_nb.api.lifecycle.parking import Parked
from glows_nb.api.models.images import Image, SubmittedImage
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Network
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.commands import CommandError

STORE: Final = re.compile(r"(?P<command>.*?)\s*>>\s*(?P<name>[^\s'\"]+)\s*", re.DOTALL)
ID_OF: Final[Mapping[type[Any], str]] = {
    Instance: "instance_id",
    Parked: "instance_id",
    Image: "image_id",
    SubmittedImage: "image_id",
    Snapshot: "snapshot_id",
    Network: "network_id",
}
BARE: Final = "get_ipython().run_line_magic("


@dataclass(frozen=True)
class Line:
    """A line without what stands around its command.

    Attributes:
        command: the command's own words.
        name: the variable that gets its value, None for none.
        is_quiet: is the value not shown? The line ended with a semicolon.
    """

    command: str
    name: str | None
    is_quiet: bool


def read_line(text: str) -> Line:
    """Take a line apart.

    Raises:
        CommandError: what stands behind >> is nothing, or no name for a variable.
    """
    stripped = _without_comment(text).rstrip()
    if stripped.endswith(">>"):
        raise CommandError(f"The name of a variable is missing behind >>, as in: %glows {stripped} table")
    is_quiet = stripped.endswith(";")
    stripped = stripped.removesuffix(";").rstrip()
    found = STORE.fullmatch(stripped)
    if found is None:
        return Line(stripped, None, is_quiet)
    name = found["name"]
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CommandError(f"{name!r} is no name for a variable; write: %glows {found['command'].strip()} >> table")
    return Line(found["command"], name, is_quiet)


def _without_comment(text: str) -> str:
    """The line up to a # that begins a word outside of quotes, as in a shell and in Python."""
    quote, before = "", " "
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "#" and before.isspace():
            return text[:place]
        before = sign
    return text


class Words(DollarFormatter):
    """Writes Python's values into a line as IPython does, and a machine, an image or a network as its id."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """What stands in the line for a value."""
        name = ID_OF.get(type(value))
        return super().format_field(getattr(value, name) if name else value, format_spec)


def is_statement(depth: int) -> bool:
    """Does the magic stand alone, `%glows …`, and not in `x = %glows …`?

    Args:
        depth: how many frames up the cell's own is.
    """
    frame = sys._getframe(depth)
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith(BARE)
