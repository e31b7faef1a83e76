"""DataFrames: of models (`frames.specs(models)`), asked for (`queries`, `costs`), and how one shows itself (`tables`).

What makes a frame of models is loaded when it is first used, so that whoever only wants the names of columns loads no
pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glows_nb.frames.from_models import (
        discrepancies,
        endpoints,
        images,
        instances,
        instances_of_rows,
        networks,
        snapshots,
        specs,
        specs_by_region,
        spending,
        stats,
        timeline,
    )
    from glows_nb.ledger.records import Discrepancy

__all__ = [
    "Discrepancy",
    "discrepancies",
    "endpoints",
    "images",
    "instances",
    "instances_of_rows",
    "networks",
    "snapshots",
    "specs",
    "specs_by_region",
    "spending",
    "stats",
    "timeline",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("glows_nb.frames.from_models"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
