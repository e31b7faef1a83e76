"""How long a new process takes until something can be done with it."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from tests.bench import wire
from tests.bench.measuring import Figures, Size, in_turns, medians, new_process
from tests.bench.server import serving

FIRST_SPECS = """
import sys
import glows_nb as glows

glows.connect(*sys.argv[1:])
assert len(glows.specs()) == 20
"""

BY_HAND = (Path(__file__).parent / "specs_by_hand.py").read_text(encoding="utf-8")


def of_the_import(size: Size) -> Figures:
    """`import glows_nb`, against `import httpx`, both above a Python that imports nothing."""
    new_process("import glows_nb, httpx")
    bare = median(new_process("pass") for _ in range(_runs(size)))
    ours, httpx = medians(lambda: new_process("import glows_nb"), lambda: new_process("import httpx"), _runs(size))
    return Figures(max(ours - bare, 0.0001) * 1000, (httpx - bare) * 1000, "ms")


def until_the_first_specs(size: Size) -> Figures:
    """From a new process to the offers of a local server, against the imports that this takes."""
    return _first_specs_against("import httpx, pydantic, pandas", size)


def against_a_script(size: Size) -> Figures:
    """The same, against what a user would write for it, with the same libraries."""
    return _first_specs_against(BY_HAND, size)


def _first_specs_against(other: str, size: Size) -> Figures:
    with serving(wire.PER_PAGE) as base_url:
        asked = wire.token(), base_url
        new_process(FIRST_SPECS, *asked)
        return in_turns(lambda: new_process(FIRST_SPECS, *asked), lambda: new_process(other, *asked), _runs(size), "s")


def _runs(size: Size) -> int:
    """Twice as many as of other rows: starting is what the rest of the machine disturbs most."""
    return size.runs * 2 if size.is_full else size.runs
