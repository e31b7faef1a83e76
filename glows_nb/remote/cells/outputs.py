"""What a cell on a machine has shown, as a notebook keeps outputs: bounded in memory, all of its text in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from glows_nb.formatting import counted, visible
from glows_nb.remote.output import IN_MEMORY, Kept

if TYPE_CHECKING:
    from glows_nb.remote.cells.failing import CellFailed

MOST_ROWS: Final = 10_000
"""More than these are text alone, or what alternates between two streams; the oldest go."""
AS_OBJECTS: Final = 16
"""So much longer than its text may JSON be that was read."""
MOST_SHOWN: Final = 50_000_000
"""Characters of pictures, tables and the like that are held of one cell."""


class Outputs:
    """Takes what a cell shows as it comes, and has it as a notebook would keep it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.kept = Kept()
        self._shown = 0
        self._by_id: dict[str, list[dict[str, Any]]] = {}
        self._clears_next = False
        self._pieces: list[str] = []
        """Of the last row, where that is a stream."""
        self._streamed = 0

    def stream(self, name: str, text: str) -> None:
        """Text of stdout or stderr."""
        if not text:
            return
        self._clear_if_due()
        self.kept.add(text.encode())
        if not self.rows or self.rows[-1].get("name") != name:
            self._add({"output_type": "stream", "name": name, "text": ""})
        self._pieces.append(text)
        self._streamed += len(text)
        if self._streamed > 2 * IN_MEMORY:
            self._cut_streams()

    def display(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, count: int | None) -> None:
        """Something that was displayed, or a cell's value where it has a count."""
        self._clear_if_due()
        self.kept.add(f"{data.get('text/plain', '')}\n".encode())
        row: dict[str, Any] = {"output_type": "display_data", **self._bounded(data, metadata)}
        if count is not None:
            row |= {"output_type": "execute_result", "execution_count": count}
        if display_id:
            row["transient"] = {"display_id": display_id}
            self._by_id.setdefault(display_id, []).append(row)
        self._add(row)

    def update(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str) -> None:
        """What was displayed under an id is something else now."""
        for row in self._by_id.get(display_id, ()):
            self._shown -= length_of(row["data"]) + length_of(row["metadata"])
            row.update(self._bounded(data, metadata))

    def clear(self, *, waits: bool) -> None:
        """All is taken away, at once or when something else comes."""
        self._clears_next = True
        if not waits:
            self._clear_if_due()

    def fail(self, error: CellFailed) -> None:
        """It ended with an error."""
        self._clear_if_due()
        self.kept.add("\n".join([*error.traceback, ""]).encode())
        self._add({"output_type": "error", "ename": error.ename, "evalue": error.evalue, "traceback": error.traceback})

    def finish(self) -> None:
        """Nothing more comes."""
        self._join()
        self.kept.finish()

    def _bounded(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
        length = length_of(data) + length_of(metadata)
        if self._shown + length > MOST_SHOWN:
            data, metadata = {"text/plain": data.get("text/plain", "")[: MOST_SHOWN // MOST_ROWS]}, {}
            length = length_of(data)
        self._shown += length
        return {"data": dict(data), "metadata": dict(metadata)}

    def _add(self, row: dict[str, Any]) -> None:
        self._join()
        self.rows.append(row)
        if len(self.rows) > MOST_ROWS:
            gone = self.rows.pop(0)
            for each in self._by_id.pop(gone.get("transient", {}).get("display_id", ""), ()):
                if each is not gone:
                    self._by_id.setdefault(each["transient"]["display_id"], []).append(each)

    def _clear_if_due(self) -> None:
        if self._clears_next:
            self._clears_next = False
            self.rows.clear()
            self._pieces.clear()
            self._by_id.clear()
            self._streamed = self._shown = 0

    def _join(self) -> None:
        """To add each piece to the text before it would copy that with every piece."""
        if self._pieces:
            self.rows[-1]["text"] += "".join(self._pieces)
            self._pieces.clear()

    def _cut_streams(self) -> None:
        """Of more than 1 MB of text the first goes: the file has it."""
        self._join()
        texts = [row for row in self.rows if "text" in row]
        self._streamed = sum(len(row["text"]) for row in texts)
        for row in texts:
            cut = min(len(row["text"]), max(0, self._streamed - IN_MEMORY))
            row["text"] = row["text"][cut:]
            self._streamed -= cut


def length_of(data: Mapping[str, Any]) -> int:
    """About how much memory what is displayed takes."""
    return sum(len(each) if isinstance(each, str) else AS_OBJECTS * len(json.dumps(each)) for each in data.values())


@dataclass(frozen=True, repr=False)
class Result:
    """What came of code that ran on a machine.

    Attributes:
        status: "ok", "error", "died" where the kernel there ended by itself, or "ended" where it was told to.
        outputs: what it showed, as a notebook keeps outputs; of text over 1 MB the end.
        text: the same as text, streams and values in their order; of more than 1 MB the end, with a line that says so.
        path: the file that holds all of the text, where that is over 1 MB; it goes with this object.
        error: what it failed with, ready to be raised; None where it did not.
        is_found: did it run already, or had it ended unseen, when it was asked for?
        seconds: how long it ran there.
    """

    status: str
    outputs: list[dict[str, Any]]
    text: str
    path: Path | None
    error: CellFailed | None
    is_found: bool
    seconds: float
    _kept: Any

    def __repr__(self) -> str:
        ended = f"failed with {self.error.ename}" if self.error is not None else self.status
        return visible(f"<Result: {ended}, {counted(len(self.outputs), 'output')}, {self.seconds:.1f} s>")
