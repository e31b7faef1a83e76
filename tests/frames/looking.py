"""What tests look at in a table."""

from __future__ import annotations

from typing import Any

import pandas as pd


def caption(table: pd.DataFrame) -> str:
    text: str = table.attrs["glows_caption"]
    return text


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def row(frame: pd.DataFrame) -> pd.Series[Any]:
    assert len(frame) == 1
    return frame.iloc[0]


def missing(frame: pd.DataFrame) -> set[str]:
    """The columns whose only value is NA."""
    return {str(name) for name, value in row(frame).items() if pd.isna(value)}
