"""`Table`: a DataFrame that says above itself what it is, in a notebook and in a terminal.

Whatever is computed from a Table is a plain DataFrame, so a caption never outlives what it describes.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Callable
from typing import Any, Final

import pandas as pd

CAPTION: Final = "glows_caption"
IS_SANDBOX: Final = "glows_is_sandbox"
WIDEST: Final = "glows_widest_cell"
"""In `attrs` of a table whose cells hold sentences: how many characters of one are shown."""

SANDBOX_WORD: Final = "SANDBOX"
SANDBOX_BADGE: Final = (
    '<span style="border:1px solid currentColor;border-radius:3px;padding:0 .4em;'
    f'font-size:85%;font-weight:600;letter-spacing:.05em">{SANDBOX_WORD}</span>'
)
MISSING: Final = "–"
WIDEST_CELL: Final = 28
MOST_ROWS: Final = 60
GAP: Final = " "
EMPTY_GAP: Final = "  "
FIRST_TO_GO: Final = (
    "resource_id",
    "cpu",
    "instance_categories",
    "machine_category",
    "image_id",
    "snapshot_id",
    "networks",
    "disk_gb",
    "category",
    "price_per_gpu_hour",
    "vram_gb",
    "image",
    "meta_key",
    "created",
    "modified",
    "volume_gb",
    "type",
    "http",
    "cpus",
    "ram_gb",
)
"""Columns that a narrow terminal leaves out first; after them those on the right."""


class Table(pd.DataFrame):
    """A DataFrame with a caption; `attrs` holds it as "glows_caption"."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        caption = html.escape(self.attrs.get(CAPTION, ""))
        badge = f"{SANDBOX_BADGE} " if self.attrs.get(IS_SANDBOX) else ""
        with pd.option_context("display.max_colwidth", self.attrs.get(WIDEST, WIDEST_CELL)):
            body = written(_shown(self)).to_html(notebook=True, border=0, max_rows=_most_rows[0])
        # Notebook front ends let cells wrap, and their style wins over the table's; a cell's own wins over theirs.
        body = body.replace("<td>", '<td style="white-space:nowrap">')
        return f'<div style="margin:.3em 0">{badge}{caption}</div><div style="overflow-x:auto">{body}</div>'

    def __repr__(self) -> str:
        return as_text(self)


_most_rows: Final = [MOST_ROWS]


def set_most_rows(number: int) -> None:
    """Show at most so many rows of every table from now on; the others are there all the same."""
    _most_rows[:] = [number]


def captioned(frame: pd.DataFrame, caption: str, *, is_sandbox: bool) -> Table:
    """The frame as a Table with this caption."""
    table = Table(frame)
    table.attrs = {**frame.attrs, CAPTION: caption, IS_SANDBOX: is_sandbox}
    return table


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 machine, 2 machines."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def as_text(frame: pd.DataFrame, width: int | None = None) -> str:
    """The caption and the rows as plain text; columns that don't fit are named below instead."""
    width = width or shutil.get_terminal_size((120, 40)).columns
    shown = list(frame.columns)
    cells, widest = written(_shown(frame)), frame.attrs.get(WIDEST, WIDEST_CELL)
    gap = EMPTY_GAP if cells.empty else GAP
    widths = {name: max([len(str(name)), *(min(len(cell), widest) for cell in cells[name])]) for name in shown}
    # The first column says which row it is.
    for name in [*(name for name in FIRST_TO_GO if name in shown[1:]), *reversed(shown)]:
        # Laying the text out takes milliseconds, so it is reckoned what will fit.
        if sum(widths[each] for each in shown) + len(gap) * (len(shown) - 1) <= width or len(shown) == 1:
            break
        if name in shown:
            shown.remove(name)
    text = _text(cells[shown], widest)
    left_out = [name for name in frame.columns if name not in shown]
    more = f"\n… and {', '.join(left_out)}" if left_out else ""
    badge = f"{SANDBOX_WORD} · " if frame.attrs.get(IS_SANDBOX) else ""
    caption = f"{badge}{frame.attrs.get(CAPTION, '')}"
    return f"{caption}\n{text}{more}" if caption else f"{text}{more}"


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as it is shown: money with three decimals, sizes without needless ones, "–" for NA."""
    return pd.DataFrame(
        {
            name: pd.Series([MISSING if pd.isna(value) else write(value) for value in column], column.index, "object")
            for name, column in frame.items()
            for write in (_writer(str(name), str(column.dtype)),)
        },
        columns=frame.columns,
        index=frame.index,
    )


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a frame that are seen; of a long one its begin, its end and some between, for which dots stand."""
    if len(frame) <= _most_rows[0]:
        return frame
    half = _most_rows[0] // 2
    first, last = min(half + 2, len(frame) - half), len(frame) - half
    return frame.iloc[[*range(first), *range(last, len(frame))]]


def _text(cells: pd.DataFrame, widest: int) -> str:
    if cells.empty:
        return EMPTY_GAP.join(map(str, cells.columns)) + "\n(none)"
    return cells.to_string(index=False, max_rows=_most_rows[0], max_colwidth=widest)


def _writer(name: str, dtype: str) -> Callable[[Any], str]:
    if name.startswith(("price", "cost")) or name == "hours":
        return "{:.3f}".format
    if name == "day":
        return "{:%Y-%m-%d}".format
    if dtype == "Float64":
        return "{:g}".format
    if dtype.startswith("datetime64"):
        return "{:%Y-%m-%d %H:%M:%S}".format
    if dtype.startswith("timedelta64"):
        return lambda value: str(value.floor("s")).removeprefix("0 days ")
    if dtype == "boolean":
        return lambda value: "yes" if value else "no"
    return str
