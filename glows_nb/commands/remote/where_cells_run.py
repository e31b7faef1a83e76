"""Where the cells of this notebook run: here, or on a machine; a kernel that is begun anew knows where they did."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glows_nb.api.credentials.config import data_folder

if TYPE_CHECKING:
    from glows_nb.remote.machine import Machine

NOTEBOOK: Final = "JPY_SESSION_NAME"
"""The variable in which Jupyter tells a kernel its notebook."""

_now: Final[list[str]] = []
"""The machine, if it is one."""

_used: Final[dict[str, Machine]] = {}


def use_kernel(name: str, machine: Machine) -> Machine:
    """Remember that cells were run there, under this name: its kernel can be asked about names."""
    _used[name] = machine
    return machine


def machine_used(name: str) -> Machine | None:
    """The machine of this name, if cells were run there."""
    return _used.get(name)


def machine_of_cells() -> str | None:
    """The machine that cells run on; None where they run here."""
    return _now[0] if _now else None


def run_cells_on(machine: str) -> None:
    """From now on cells run on this machine."""
    _now[:] = [machine]
    place = _place()
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.write_text(machine, encoding="utf-8")


def run_cells_here() -> None:
    """From now on cells run here."""
    _now.clear()
    place = _place()
    if place is not None:
        place.unlink(missing_ok=True)


def machine_before() -> str | None:
    """The machine that cells ran on when this notebook's kernel ended; None where they ran here."""
    place = _place()
    if place is not None and not _now:
        with suppress(OSError, UnicodeDecodeError):
            return place.read_text(encoding="utf-8")
    return None


def _place() -> Path | None:
    notebook = os.getenv(NOTEBOOK)
    if not notebook:
        return None
    digest = hashlib.sha256(notebook.encode("utf-8", "surrogateescape")).hexdigest()
    return data_folder() / "notebooks" / digest[:16]
