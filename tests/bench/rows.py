"""THE table of what is measured: each row with its goal, and with what takes its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.bench import completing, cpu, notebook, sandboxes, starting, watching, whole_lists
from tests.bench.measuring import Figures, Size


class Compared(Enum):
    """How a row's two figures become one."""

    RATIO = "ours / baseline"
    TIMES_FASTER = "baseline / ours"
    DIFFERENCE = "ours - baseline"
    ALONE = "ours"


@dataclass(frozen=True)
class Row:
    """What is measured, against what, and what it should come to."""

    what: str
    against: str
    measure: Callable[[Size], Figures]
    goal: float
    is_at_least: bool = False
    compared: Compared = Compared.RATIO

    def value(self, figures: Figures) -> float:
        """The one number that the goal is about."""
        if self.compared is Compared.ALONE:
            return figures.ours
        assert figures.baseline is not None
        if self.compared is Compared.DIFFERENCE:
            return figures.ours - figures.baseline
        if self.compared is Compared.TIMES_FASTER:
            return figures.baseline / figures.ours
        return figures.ours / figures.baseline

    def is_met(self, figures: Figures) -> bool:
        """Was the goal reached?"""
        value = self.value(figures)
        return value >= self.goal if self.is_at_least else value <= self.goal


ROWS = (
    Row(
        "all 10,000 instances (500 pages), latency 20 ms, max_concurrency 8, bytes → DataFrame",
        "the ideal: (1 + ceil(499 / 8)) × latency",
        whole_lists.against_the_ideal,
        1.35,
    ),
    Row(
        "the same",
        "urllib, page after page, json.loads, as a script does it",
        whole_lists.against_a_script,
        6.5,
        is_at_least=True,
        compared=Compared.TIMES_FASTER,
    ),
    Row("the same, AsyncClient", "the ideal", whole_lists.async_against_the_ideal, 1.35),
    Row(
        "CPU per row, page bytes → validated models → DataFrame",
        "json.loads + pandas.DataFrame of flat dicts, same columns",
        cpu.against_json,
        1.5,
    ),
    Row("CPU per row at 100,000 rows", "itself at 1,000", cpu.against_fewer_rows, 1.2),
    Row("peak memory of glows.instances() at 100,000 rows", "the JSON's bytes", whole_lists.peak_memory, 4.0),
    Row("import glows_nb, above bare Python", "import httpx, above bare Python", starting.of_the_import, 0.25),
    Row(
        "new process → first specs DataFrame",
        "import of httpx + pydantic + pandas alone",
        starting.until_the_first_specs,
        1.25,
    ),
    Row(
        "the same",
        "a script with httpx, pydantic and pandas that asks the same",
        starting.against_a_script,
        1.15,
    ),
    Row(
        "%glows list, 20 machines, warm, in a kernel",
        "the bare httpx request",
        notebook.list_of_machines,
        15.0,
        compared=Compared.DIFFERENCE,
    ),
    Row("completion with 1,000 ids cached", "", completing.of_ids, 10.0, compared=Compared.ALONE),
    Row("the same by Tab in a shell", "", completing.of_ids_in_a_shell, 100.0, compared=Compared.ALONE),
    Row(
        "panel with 20 machines, nothing changing, 10 virtual minutes",
        "requests with one machine",
        watching.many_against_one,
        1.0,
    ),
    Row("the same, requests in all", "", watching.many_alone, 40.0, compared=Compared.ALONE),
    Row(
        "sandbox GET /instance, 8 connections",
        "a bare Starlette route, same bytes and token check",
        sandboxes.requests_per_second,
        0.5,
        is_at_least=True,
    ),
    Row("sandbox page 5,000 of a list of 100,000", "page 1", sandboxes.late_page, 1.5),
)
