"""Cells that run on a machine after `%glows on`: IPython's input transformation makes each a `%%glows run`."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Any, Final

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from glows_nb.commands.remote.where_cells_run import machine_before, machine_of_cells
from glows_nb.formatting import visible

_seen: Final[list[str]] = []
"""The message whose cell was looked at last, and the cell."""

LOCAL: Final = "%%local"
OF_THIS_SIDE: Final = re.compile(r"%%?glows\b|%(load_ext|unload_ext|reload_ext)\s+glows_nb\b|%config\s+Glows\b")
"""How a cell begins that is for here wherever cells run."""


def transform(lines: list[str]) -> list[str]:
    """A cell as it is run: on a machine, if cells run there, unless it begins with %%local or is one of ours."""
    if _is_inside(lines):
        return lines
    place = next((number for number, line in enumerate(lines) if line.strip()), None)
    if place is None:
        return lines
    first = lines[place].strip()
    if first == LOCAL:
        return lines[place + 1 :]
    machine = machine_of_cells()
    if machine is None or OF_THIS_SIDE.match(first):
        return lines
    words = f"run {shlex.quote(machine)} --marked"
    return [f"get_ipython().run_cell_magic('glows', {words!r}, {''.join(lines)!r})\n"]


def _is_inside(lines: list[str]) -> bool:
    """Is it part of a cell that runs, as what %%timeit has below it?"""
    shell: Any = get_ipython()
    if getattr(shell, "kernel", None) is None:
        return False
    # A cell itself is transformed several times, too.
    message = shell.get_parent().get("header", {}).get("msg_id", "")
    if not _seen or _seen[0] != message:
        _seen[:] = [message, "".join(lines)]
    return _seen[1] != "".join(lines)


# Whether a cell is complete is asked of the cell, not of what it becomes.
transform.has_side_effects = True  # type: ignore[attr-defined]  # IPython's own sign


def load(shell: InteractiveShell) -> None:
    """Begin to look at each cell; say where cells ran before this kernel began."""
    if transform not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(transform)
    before = machine_before()
    if before is not None:
        print(
            f"Cells of this notebook ran on {visible(before)} before this kernel began, and run here now; "
            f"%glows on {visible(before)} goes on there.",
            file=sys.stderr,
        )


def unload(shell: InteractiveShell) -> None:
    """Look at none any more."""
    if transform in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(transform)
