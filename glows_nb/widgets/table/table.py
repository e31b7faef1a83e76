"""The one table widget: sortable, filterable rows with a selection; `glows.show(frame)` shows any frame in it.

Sorting and filtering happen here, on the frame; the browser gets a window of 100 rows, however many there are, so
that neither the page nor a saved notebook grows with the frame. A row is known by its id, never by its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anywidget
import pandas as pd
import traitlets

from glows_nb.frames.tables import CAPTION, IS_SANDBOX, MISSING, captioned, written
from glows_nb.widgets import texts
from glows_nb.widgets.front_end import CLIPBOARD

WINDOW: Final = 100
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
ID_COLUMNS: Final = {"instance_id", "snapshot_id", "endpoint_id", "network_id", "image_id"}


def show(frame: pd.DataFrame) -> TableWidget:
    """A frame as a table to sort, filter, select in and copy from.

    Args:
        frame: any DataFrame; those of glows_nb have their units in the headings and bars behind prices.

    Returns:
        The widget; `.selected` is the id of the chosen row (its id column's value, else its index label), observable.
    """
    return TableWidget(frame)


class TableWidget(anywidget.AnyWidget):
    """The widget. `frame` can be set again: sort, filter and, where the row is still there, selection are kept.

    Args:
        frame: what is shown.
        exact: columns in short words, and the columns that say the same exactly: those are not shown, but appear on
            hover. Durations among the first are written as people say them.
    """

    _esm = "\n".join(path.read_text("utf-8") for path in (CLIPBOARD, Path(__file__).parent / "table.js"))
    _css = Path(__file__).parent / "table.css"

    words: traitlets.Dict[str, str] = traitlets.Dict(texts.TABLE_WORDS).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    is_sandbox = traitlets.Bool().tag(sync=True)
    columns: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    rows: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    first = traitlets.Int().tag(sync=True)
    total = traitlets.Int().tag(sync=True)
    query = traitlets.Unicode().tag(sync=True)
    sort_column = traitlets.Unicode().tag(sync=True)
    is_descending = traitlets.Bool().tag(sync=True)
    selected = traitlets.Unicode(allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, frame: pd.DataFrame, exact: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._exact = dict(exact or {})
        self._frame = self._fitting = frame
        self._ids: list[str] = []
        self.frame = frame
        self.observe(self._refill, ["query", "sort_column", "is_descending"])
        self.observe(self._show_window, ["first"])
        self.on_msg(self._on_message)

    @property
    def frame(self) -> pd.DataFrame:
        """The frame that is shown, unsorted and unfiltered."""
        return self._frame

    @frame.setter
    def frame(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._as_of = datetime.now(UTC)
        self.caption = str(frame.attrs.get(CAPTION, ""))
        self.is_sandbox = bool(frame.attrs.get(IS_SANDBOX))
        self.columns = [_column(str(name), frame[name]) for name in self._shown(frame)]
        self._refill()
        if self.selected is not None and self.selected not in _ids(frame):
            self.selected = None

    @property
    def fitting(self) -> pd.DataFrame:
        """The rows of the frame that are shown, filtered and sorted, all of them and not the window alone."""
        return self._fitting

    def csv(self) -> str:
        """What is shown, as filtered and sorted, all of it and not the window alone, as CSV.

        A text that a spreadsheet would reckon with, as it begins like a formula, has ' before it.
        """
        frame = self._fitting.rename(columns=_defused)
        for number, (_, column) in enumerate(frame.items()):
            if not pd.api.types.is_numeric_dtype(column.dtype):
                frame.isetitem(number, [_defused(cell) for cell in column])
        text: str = frame.to_csv(index=False)
        return text

    def _refill(self, change: Any = None) -> None:
        """Filter and sort anew, and go back to the top."""
        fitting = self._frame
        words = self.query.lower().split()
        if words:
            texts = written(fitting).agg(" ".join, axis=1).str.lower() if len(fitting) else pd.Series(dtype="str")
            fits = pd.Series(True, index=fitting.index)
            for word in words:
                fits &= texts.str.contains(word, regex=False)
            fitting = fitting[fits]
        if self.sort_column in fitting.columns:
            fitting = fitting.sort_values(self.sort_column, ascending=not self.is_descending, kind="stable")
        self._fitting = fitting
        self.total = len(fitting)
        if self.first == 0:
            self._show_window()
        self.first = 0

    def _show_window(self, change: Any = None) -> None:
        window = self._fitting.iloc[self.first : self.first + WINDOW]
        names = self._shown(window)
        texts = written(window)
        titles = texts[[self._exact.get(name, name) for name in names]]
        for name in set(names) & set(self._exact):
            if pd.api.types.is_timedelta64_dtype(window[name]):
                texts[name] = [MISSING if pd.isna(value) else in_words(value) for value in window[name]]
        bars = {name: _bars(self._frame[name], window[name]) for name in names if _is_money(str(name))}
        self.rows = [
            {
                "id": row_id,
                "cells": list(cells),
                "titles": list(exact),
                "bars": [bars[name][place] if name in bars else None for name in names],
            }
            for place, (row_id, cells, exact) in enumerate(
                zip(_ids(window), texts[names].itertuples(index=False), titles.itertuples(index=False), strict=True)
            )
        ]

    def _shown(self, frame: pd.DataFrame) -> list[Any]:
        """The columns that are shown, and not only on hover."""
        return [name for name in frame.columns if name not in self._exact.values()]

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        # The text goes as a message and not as a trait, which would be saved in the notebook.
        if isinstance(content, dict) and content.get("ask") == "csv":
            self.send({"csv": self.csv()})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget; plain HTML and text, with the time of its truth, for places without a widget front end."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            caption = texts.TABLE_AS_OF.format(caption=self.caption, moment=f"{self._as_of:%Y-%m-%d %H:%M} UTC").strip()
            plain = captioned(self._fitting, caption, is_sandbox=self.is_sandbox)
            data["text/html"], data["text/plain"] = plain._repr_html_(), repr(plain)
        return bundle


def in_words(duration: timedelta) -> str:
    """A duration as people say it: its greatest unit, and the next one where it matters."""
    minutes = int(duration.total_seconds()) // 60
    if minutes < 1:
        return texts.AGE_SHORTEST
    if minutes < 60:
        return texts.AGE_MINUTES.format(minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return (texts.AGE_HOURS_MINUTES if minutes else texts.AGE_HOURS).format(hours=hours, minutes=minutes)
    days, hours = divmod(hours, 24)
    return (texts.AGE_DAYS_HOURS if hours else texts.AGE_DAYS).format(days=days, hours=hours)


def _column(name: str, values: pd.Series[Any]) -> dict[str, str]:
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    kind = "status" if name == "status" else "number" if is_number else "text"
    return {"name": name, "heading": texts.TABLE_HEADINGS.get(name, name.replace("_", " ")), "kind": kind}


def _ids(frame: pd.DataFrame) -> list[str]:
    """What tells the rows apart: an id where there is one, region and resource for offers, else the index label.

    A row's own id stands before the ids of what it belongs to, as the snapshot's before that of its machine.
    """
    for name in frame.columns:
        if name in ID_COLUMNS and frame[name].notna().all() and frame[name].is_unique:
            return [str(value) for value in frame[name]]
    if {"region", "resource_id"} <= set(frame.columns):
        return [f"{region}/{resource}" for region, resource in zip(frame["region"], frame["resource_id"], strict=True)]
    return [str(label) for label in frame.index]


def _is_money(name: str) -> bool:
    return name.startswith(("price", "cost"))


def _bars(whole: pd.Series[Any], shown: pd.Series[Any]) -> list[float | None]:
    """Each price as a part of the highest, 0 to 1; None where it is unknown, or there is nothing to compare it with."""
    highest = whole.max()
    if pd.isna(highest) or highest <= 0 or highest == whole.min():
        return [None] * len(shown)
    return [None if pd.isna(value) else round(float(value) / float(highest), 3) for value in shown]


def _defused(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
