"""DataFrames: of models (`frames.specs(models)`), asked for (`queries`), and how a table shows itself (`tables`).

What makes a frame of models is loaded when it is first used, so that whoever only wants the names of columns loads no
pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glows_nb.frames.from_models import *  # noqa: F403 - it says in __all__ what is public

_FROM_MODELS = "glows_nb.frames.from_models"


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__all__":
        return import_module(_FROM_MODELS).__all__
    value = getattr(import_module(_FROM_MODELS), name)
    globals()[name] = value
    return value
