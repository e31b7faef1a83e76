"""Rows of a few fields each, to add, fill in and remove in the browser: ports, environment variables, regions.

The value of a secret field is never a trait: the browser sends it as a message, and it never goes back there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import anywidget
import traitlets
from pydantic import SecretStr

from glows_nb.widgets import texts

ID: Final = "id"


@dataclass(frozen=True)
class Column:
    """A field that each row has. Those of kind "secret" are masked, and kept out of the widget's state."""

    name: str
    label: str
    kind: Literal["text", "number", "choice", "secret"] = "text"
    placeholder: str = ""
    choices: tuple[str, ...] = ()
    is_unique: bool = False
    """Does a new row begin with a choice that no other row has?"""


class Rows(anywidget.AnyWidget):
    """The widget: `values` are what stands in the rows; `edited` counts up at every change.

    Args:
        heading: what the rows are, such as "Ports".
        add_label: what the button says that adds a row.
        columns: the fields of a row.
        is_ordered: does the order of the rows matter? Then they can be moved up.
    """

    _esm = Path(__file__).parent / "rows.js"
    _css = Path(__file__).parent / "rows.css"

    heading = traitlets.Unicode().tag(sync=True)
    add_label = traitlets.Unicode().tag(sync=True)
    remove_label = traitlets.Unicode(texts.REMOVE).tag(sync=True)
    up_label = traitlets.Unicode().tag(sync=True)
    """Empty where rows can't be moved."""
    columns: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    rows: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    most = traitlets.Int(20).tag(sync=True)
    kept: traitlets.List[str] = traitlets.List().tag(sync=True)
    """The ids of the rows whose secret Python has."""
    edited = traitlets.Int()

    def __init__(self, heading: str, add_label: str, columns: Sequence[Column], *, is_ordered: bool = False) -> None:
        super().__init__(
            heading=heading,
            add_label=add_label,
            up_label=texts.MOVE_UP if is_ordered else "",
            columns=[asdict(column) for column in columns],
        )
        self._secrets: dict[tuple[str, str], SecretStr] = {}
        self.on_msg(self._on_message)
        self.observe(self._on_rows, "rows")

    @property
    def values(self) -> list[dict[str, str | SecretStr]]:
        """Every row with the values of its fields; a secret one is masked."""
        return [
            {
                column["name"]: self._secrets.get((row[ID], column["name"]), SecretStr(""))
                if column["kind"] == "secret"
                else row.get(column["name"], "")
                for column in self.columns
            }
            for row in self.rows
        ]

    @values.setter
    def values(self, values: Iterable[Mapping[str, str | SecretStr]]) -> None:
        rows, secrets = [], {}
        for value in values:
            row = {ID: uuid.uuid4().hex}
            for column in self.columns:
                given = value.get(column["name"], "")
                if column["kind"] == "secret":
                    secrets[row[ID], column["name"]] = given if isinstance(given, SecretStr) else SecretStr(given)
                else:
                    row[column["name"]] = given.get_secret_value() if isinstance(given, SecretStr) else given
            rows.append(row)
        self._secrets = secrets
        self.rows = rows
        self._tell_kept()

    def offer(self, name: str, choices: Iterable[str]) -> None:
        """Set what can be chosen in a column; what is chosen already stays."""
        offered = list(choices)
        self.columns = [column | {"choices": offered} if column["name"] == name else column for column in self.columns]

    def _on_rows(self, change: Any) -> None:
        there = {row[ID] for row in self.rows}
        self._secrets = {key: secret for key, secret in self._secrets.items() if key[0] in there}
        self._tell_kept()

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        secret = content.get("secret") if isinstance(content, dict) else None
        if secret is not None:
            self._secrets[str(secret[ID]), str(secret["name"])] = SecretStr(str(secret["value"]))
            self._tell_kept()

    def _tell_kept(self) -> None:
        self.kept = sorted({row_id for (row_id, _), secret in self._secrets.items() if secret.get_secret_value()})
        self.edited += 1
