"""Values through a body and back, and when two are the same."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pandas as pd

from glows_nb.remote.cells import tables, values


def body_of(**variables: Any) -> bytes:
    """The body of these."""
    file = io.BytesIO()
    values.pack(variables, file, tables)
    return file.getvalue()


def read(body: bytes) -> dict[str, Any]:
    """What a body holds."""
    return values.unpack(io.BytesIO(body), tables)


def back(value: Any) -> Any:
    """A value, through a body."""
    return read(body_of(x=value))["x"]


def is_same(one: Any, other: Any) -> bool:
    """Are they equal, and of the same types all through?"""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other) and type(one) is type(other)
    if isinstance(one, complex):
        return is_same(one.real, other.real) and is_same(one.imag, other.imag)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict):
        return is_same(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return len(one) == len(other) and all(any(is_same(each, that) for that in other) for each in one)
    if isinstance(one, (np.ndarray, np.generic)):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    for kind, check in _CHECKS.items():
        if isinstance(one, kind):
            check(one, other)
            return bool(one.attrs == other.attrs) if isinstance(one, (pd.DataFrame, pd.Series)) else True
    return one is other or bool(one == other)


_CHECKS: dict[type, Any] = {
    pd.DataFrame: pd.testing.assert_frame_equal,
    pd.Series: pd.testing.assert_series_equal,
    pd.Index: pd.testing.assert_index_equal,
    pd.api.extensions.ExtensionArray: pd.testing.assert_extension_array_equal,
}
