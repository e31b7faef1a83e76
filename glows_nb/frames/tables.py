"""`Table`: a DataFrame that says above itself what it is, in a notebook and in a terminal.

Whatever is computed from a Table is a plain DataFrame, so a caption never outlives what it describes.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Callable
from typing import Any, Final

import pandas as pd

from glows_nb.formatting import SANDBOX_WORD, visible

CAPTION: Final = "glows_caption"
IS_SANDBOX: Final = "glows_is_sandbox"
WIDEST: Final = "glows_widest_cell"
"""In `attrs` of a table whose cells hold sentences: how many characters of one are shown."""

SANDBOX_BADGE: Final = (
    '<span style="border:1px solid currentColor;border-radius:3px;padding:0 .4em;'
    f'font-size:85%;font-weight:600;letter-spacing:.05em">{SANDBOX_WORD}</span>'
)
MISSING: Final = "–"
WIDEST_CELL: Final = 28
MOST_ROWS: Final = 60
GAP: Final = "  "
DOTS: Final = "…"
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
"""Columns that a narrow terminal leaves out first, after them those on the right; a notebook, which scrolls, has them
last, the other way round."""


class Table(pd.DataFrame):
    """A DataFrame with a caption; `attrs` holds it as "glows_caption"."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        caption = html.escape(self.attrs.get(CAPTION, ""))
        badge = f"{SANDBOX_BADGE} " if self.attrs.get(IS_SANDBOX) else ""
        body = _html(self, self.attrs.get(WIDEST, WIDEST_CELL))
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


def as_text(frame: pd.DataFrame, width: int | None = None) -> str:
    """The caption and the rows as plain text; columns that don't fit are named below instead."""
    width = width or shutil.get_terminal_size((120, 40)).columns
    widest = frame.attrs.get(WIDEST, WIDEST_CELL)
    columns = {
        name: [str(name), *(_shortened(text, widest) for text in texts)] for name, texts in _seen_texts(frame).items()
    }
    widths = {name: max(map(len, texts)) for name, texts in columns.items()}
    shown = list(columns)
    # The first column says which row it is.
    for name in [*(name for name in FIRST_TO_GO if name in shown[1:]), *reversed(shown)]:
        if sum(widths[each] for each in shown) + len(GAP) * (len(shown) - 1) <= width or len(shown) == 1:
            break
        if name in shown:
            shown.remove(name)
    # Numbers are compared by their last digits, words are read from their first letters.
    pads = {name: str.ljust if _holds_words(frame[name]) else str.rjust for name in shown}
    padded = ([pads[name](text, widths[name]) for text in columns[name]] for name in shown)
    lines = [GAP.join(row).rstrip() for row in zip(*padded, strict=True)]
    if frame.empty:
        lines.append("(none)")
    left_out = [str(name) for name in columns if name not in shown]
    if left_out:
        lines.append(f"… and {', '.join(left_out)}")
    badge = f"{SANDBOX_WORD} · " if frame.attrs.get(IS_SANDBOX) else ""
    caption = f"{badge}{frame.attrs.get(CAPTION, '')}"
    return "\n".join([caption, *lines] if caption else lines)


def written(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as it is shown: money with three decimals, sizes without needless ones, "–" for NA."""
    return pd.DataFrame(_texts(frame), columns=frame.columns, index=frame.index, dtype="object")


def _html(frame: pd.DataFrame, widest: int) -> str:
    """The rows with their labels, in the markup that notebook front ends give their style to.

    pandas writes the same ten times as slowly, which is most of what a short list costs.
    """
    rank = {name: place for place, name in enumerate(reversed(FIRST_TO_GO), 1)}
    frame = frame[sorted(frame.columns, key=lambda name: rank.get(str(name), 0))]
    columns = _seen_texts(frame, label="")
    # Front ends align all to the right, and let cells wrap; a cell's own style wins over theirs.
    styles = ["text-align:left" if _holds_words(frame[name]) else "text-align:right" for name in frame.columns]
    head = "".join(
        f'<th style="{style}">{html.escape(str(name))}</th>' for name, style in zip(frame.columns, styles, strict=True)
    )
    body = "".join(
        f"<tr><th>{html.escape(label)}</th>"
        f"{''.join(_cell(text, style, widest) for text, style in zip(texts, styles, strict=True))}</tr>"
        for label, *texts in zip(*columns.values(), strict=True)
    )
    return f'<table class="dataframe"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(text: str, style: str, widest: int) -> str:
    short = _shortened(text, widest)
    title = "" if short == text else f' title="{html.escape(text)}"'
    return f'<td style="white-space:nowrap;{style}"{title}>{html.escape(short)}</td>'


def _texts(frame: pd.DataFrame) -> dict[Any, list[str]]:
    """The columns as they are shown."""
    texts = {}
    for name, column in frame.items():
        write, cells = _writer(str(name), str(column.dtype)), column.array
        texts[name] = [
            MISSING if is_missing else write(cell) for cell, is_missing in zip(cells, cells.isna(), strict=True)
        ]
    return texts


def _seen_texts(frame: pd.DataFrame, label: str | None = None) -> dict[Any, list[str]]:
    """The columns as they are shown, of many rows the first and the last, with dots for those between.

    Args:
        frame: the rows.
        label: what the rows' labels are called, as one more column before the others; None for no such column.
    """
    most, half = _most_rows[0], _most_rows[0] // 2
    is_cut = len(frame) > most
    rows = frame.iloc[[*range(half), *range(len(frame) - half, len(frame))]] if is_cut else frame
    columns = _texts(rows)
    if label is not None:
        columns = {label: [visible(str(each)) for each in rows.index], **columns}
    if is_cut:
        for texts in columns.values():
            texts.insert(half, DOTS)
    return columns


def _holds_words(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype)


def _shortened(text: str, widest: int) -> str:
    """Not too long."""
    return text if len(text) <= widest else f"{text[: widest - 1]}{DOTS}"


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
    return lambda value: visible(str(value))
