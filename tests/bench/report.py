"""The rows that were measured: as JSON for the repository, as a table for people, and in README's section on speed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil

from tests.bench.measuring import FULL, SHORT, Figures
from tests.bench.rows import Compared, Row

Results = Mapping[str, Any]
HEADINGS = ("what", "ours", "against", "baseline", "comes to", "goal", "met")
LIBRARIES = ("httpx", "pydantic", "pandas", "starlette", "uvicorn")
IN_README = r"(?<=<!-- python -m {program} writes this -->\n).*?(?=<!-- to here -->)"


def print_rows(rows: Sequence[Row], program: str, arguments: Sequence[str] | None) -> Results | None:
    """Measure those that are asked for, and print the table; it is given back where it is the whole and in full."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--short", action="store_true", help="as little as shows that every row computes")
    parser.add_argument("--only", metavar="TEXT", default="", help="only rows whose name holds this")
    given = parser.parse_args(arguments)
    measured: list[tuple[Row, Figures]] = []
    for row in rows:
        if given.only in row.what:
            print(f"… {row.what}", file=sys.stderr, flush=True)
            measured.append((row, row.measure(SHORT if given.short else FULL)))
    results = results_of(measured)
    print(as_markdown(results))
    return None if given.short or given.only else results


def results_of(measured: Sequence[tuple[Row, Figures]]) -> Results:
    """What each row came to, with date, machine and versions."""
    rows = [
        {
            "what": row.what,
            "against": row.against,
            **asdict(figures),
            "compared": row.compared.value,
            "value": row.value(figures),
            "goal": row.goal,
            "is_at_least": row.is_at_least,
            "is_met": row.is_met(figures),
        }
        for row, figures in measured
    ]
    return {**_circumstances(), "rows": rows}


def as_json(results: Results) -> str:
    """As it is kept."""
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def as_markdown(results: Results) -> str:
    """A table in Markdown, which a terminal shows well enough."""
    lines = [HEADINGS, *(_cells(row) for row in results["rows"])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    written = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (written[0], rule, *written[1:]))


def in_readme(readme: str, results: Results, program: str) -> str:
    """README with these results where it tells the last ones."""
    libraries = ", ".join(f"{name} {number}" for name, number in results["libraries"].items())
    told = (
        f"Measured on {results['date']}: {results['cores']} cores, {results['memory_gb']} GB, {results['system']}, "
        f"Python {results['python']}, {libraries}.\n\n{as_markdown(results)}\n"
    )
    place = re.compile(IN_README.format(program=re.escape(program)), re.DOTALL)
    found, number = place.subn(lambda _: told, readme)
    if number != 1:
        raise ValueError(f"README has {number} places for the results, not one.")
    return found


def _circumstances() -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _cells(row: Results) -> tuple[str, ...]:
    unit, baseline = row["unit"], row["baseline"]
    return (
        row["what"],
        f"{row['ours']:.4g} {unit}",
        row["against"] or "–",
        "–" if baseline is None else f"{baseline:.4g} {unit}",
        _in_words(row, row["value"]),
        f"{'≥' if row['is_at_least'] else '≤'} {_in_words(row, row['goal'])}",
        "yes" if row["is_met"] else "no",
    )


def _in_words(row: Results, value: float) -> str:
    match Compared(row["compared"]):
        case Compared.DIFFERENCE:
            return f"{value:+.3g} {row['unit']}"
        case Compared.ALONE:
            return f"{value:.3g} {row['unit']}"
        case Compared.TIMES_FASTER:
            return f"{value:.3g} ×"
        case Compared.RATIO:
            return f"{value:.3g}"
