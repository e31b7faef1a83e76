"""What stands around a command in `%glows COMMAND >> name;`: where its value goes, and whether it is shown."""

from __future__ import annotations

import keyword
import linecache
import re
import sys
from dataclasses import dataclass
from typing import Final

from glows_nb.commands import CommandError

STORE: Final = re.compile(r"(?P<command>.*?)\s*>>\s*(?P<name>[^\s'\"]+)\s*", re.DOTALL)
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
        CommandError: what stands behind >> is no name for a variable.
    """
    stripped = text.rstrip()
    is_quiet = stripped.endswith(";")
    stripped = stripped.removesuffix(";").rstrip()
    found = STORE.fullmatch(stripped)
    if found is None:
        return Line(stripped, None, is_quiet)
    name = found["name"]
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CommandError(f"{name!r} is no name for a variable; write: %glows {found['command'].strip()} >> table")
    return Line(found["command"], name, is_quiet)


def is_statement(depth: int) -> bool:
    """Does the magic stand alone, `%glows …`, and not in `x = %glows …`?

    Args:
        depth: how many frames up the cell's own is.
    """
    frame = sys._getframe(depth)
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith(BARE)
