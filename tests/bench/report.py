"""The rows that were measured, as a table for people and as JSON for the repository."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil

from tests.bench.measuring import Figures
from tests.bench.rows import Compared, Row

Measured = tuple[Row, Figures]
HEADINGS = ("what", "ours", "against", "baseline", "comes to", "goal", "met")
LIBRARIES = ("httpx", "pydantic", "pandas", "starlette", "uvicorn")


def as_markdown(measured: Sequence[Measured]) -> str:
    """A table in Markdown, which a terminal shows well enough."""
    lines = [HEADINGS, *(_cells(row, figures) for row, figures in measured)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    written = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (written[0], rule, *written[1:]))


def as_json(measured: Sequence[Measured]) -> str:
    """The same with date, machine and versions."""
    rows = [
        {
            "what": row.what,
            "against": row.against,
            **asdict(figures),
            "compared": row.compared.value,
            "value": row.value(figures),
            "goal": row.goal,
            "is_met": row.is_met(figures),
        }
        for row, figures in measured
    ]
    return json.dumps({**_circumstances(), "rows": rows}, indent=2, ensure_ascii=False) + "\n"


def _circumstances() -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _cells(row: Row, figures: Figures) -> tuple[str, ...]:
    sign = "≥" if row.is_at_least else "≤"
    return (
        row.what,
        f"{figures.ours:.4g} {figures.unit}",
        row.against,
        "–" if figures.baseline is None else f"{figures.baseline:.4g} {figures.unit}",
        _in_words(row, row.value(figures), figures.unit),
        f"{sign} {_in_words(row, row.goal, figures.unit)}",
        "yes" if row.is_met(figures) else "no",
    )


def _in_words(row: Row, value: float, unit: str) -> str:
    if row.compared is Compared.DIFFERENCE:
        return f"{value:+.3g} {unit}"
    if row.compared is Compared.ALONE:
        return f"{value:.3g} {unit}"
    return f"{value:.3g} ×" if row.compared is Compared.TIMES_FASTER else f"{value:.3g}"
