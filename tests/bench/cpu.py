"""What a row costs on its way from the bytes of a page to the DataFrame, by the processor's clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pandas as pd

from glows_nb import frames
from glows_nb.api.credentials.config import Connection
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.http.exchange import read_reply
from glows_nb.api.http.reply import Reply
from glows_nb.api.http.session import Session
from glows_nb.api.operations.instances import list_instances
from glows_nb.frames import machine_rows
from tests.bench import wire
from tests.bench.flat_rows import flat
from tests.bench.measuring import Figures, Size, cpu_seconds, in_turns

SESSION = Session(Connection("http://127.0.0.1", Token(wire.token())))
ENOUGH_ROWS = 10_000
"""A run reads lists of these sizes until so many rows have been read, so that the clock is fine enough."""


def against_json(size: Size) -> Figures:
    """Validated models and typed columns, against parsed dicts and whatever pandas makes of them."""
    pages = _pages(size.few)
    figures = in_turns(
        lambda: _per_row(through_models, pages, size), lambda: _per_row(through_dicts, pages, size), size.runs, "µs"
    )
    assert list(through_models(pages)) == list(through_dicts(pages))
    return figures


def against_fewer_rows(size: Size) -> Figures:
    """A row of the great list, against one of the small list."""
    many, few = _pages(size.many), _pages(size.few)
    return in_turns(
        lambda: _per_row(through_models, many, size), lambda: _per_row(through_models, few, size), size.runs, "µs"
    )


def through_models(pages: Sequence[bytes]) -> pd.DataFrame:
    """As `glows.instances()` does: envelope, code and every field are checked, and rows kept of each page."""
    row_of = machine_rows.row_of(wide=False)
    rows: list[machine_rows.Row] = []
    for number, body in enumerate(pages, 1):
        reply = Reply(200, "application/json", "", "", body)
        rows += [row_of(machine) for machine in read_reply(list_instances(number), reply, SESSION).items]
    return frames.instances_of_rows(rows)


def through_dicts(pages: Sequence[bytes]) -> pd.DataFrame:
    """As a script does."""
    return pd.DataFrame([flat(machine) for body in pages for machine in json.loads(body)["instances"]])


def _pages(machines: int) -> list[bytes]:
    return [wire.page_of_machines(page, machines) for page in range(1, -(-machines // wire.PER_PAGE) + 1)]


def _per_row(read: Callable[[Sequence[bytes]], pd.DataFrame], pages: Sequence[bytes], size: Size) -> float:
    """Microseconds of a processor for one row."""
    rows = len(pages) * wire.PER_PAGE
    times = max(1, ENOUGH_ROWS // rows) if size.is_full else 1

    def work() -> None:
        for _ in range(times):
            read(pages)

    return cpu_seconds(work) / (rows * times) * 1e6
