"""A connection to the ledger's file that keeps whatever texts there are.

Apart from `database`, since sqlite3 is loaded with it, and nobody needs that before the file is opened.
"""

from __future__ import annotations

import sqlite3
from typing import Any


class Connection(sqlite3.Connection):
    """Writes out halves of signs, which JSON can spell and UTF-8 can't: one name of a machine keeps no others out."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As SQLite's own; a text that can't be kept as it is stands there with a half sign as "\\ud800"."""
        try:
            return super().execute(sql, parameters)
        except UnicodeEncodeError:
            kept = (
                {name: _kept(value) for name, value in parameters.items()}
                if isinstance(parameters, dict)
                else tuple(map(_kept, parameters))
            )
            return super().execute(sql, kept)


def _kept(value: object) -> object:
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
