"""What a transfer did: how many files went, which, and what was left where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from glows_nb.formatting import counted, visible
from glows_nb.remote.progress import size

if TYPE_CHECKING:
    import pandas as pd


class FileRow(NamedTuple):
    """One file of a transfer: its path, what became of it, its bytes, and why."""

    path: str
    action: str
    size_bytes: int
    why: str


@dataclass(repr=False)
class Transfer:
    """What was sent or fetched.

    Attributes:
        what: in a few words, such as "data → train:data".
        sent: how many files went over the line, links with them.
        skipped: how many were there already as they are.
        ignored: how many files and folders stay where they are by `.gitignore`, `.glowsignore` or as `.git`.
        deleted: how many were deleted at the end, since the other side has none such.
        refused: how many were left out since they would not be safe, or can't be made.
        sent_bytes: the bytes of the files that went.
        resumed_bytes: of these, what was there from an interrupted transfer.
        seconds: how long it took.
        is_dry_run: was nothing done, only told?
        verb: "sent" or "fetched".
        notes: sentences about what is not as one might expect.
        rows: what became of each file.
    """

    what: str
    sent: int = 0
    skipped: int = 0
    ignored: int = 0
    deleted: int = 0
    refused: int = 0
    sent_bytes: int = 0
    resumed_bytes: int = 0
    seconds: float = 0.0
    is_dry_run: bool = False
    verb: str = "sent"
    notes: list[str] = field(default_factory=list)
    rows: list[FileRow] = field(default_factory=list)

    @property
    def files(self) -> pd.DataFrame:
        """What became of each file.

        Returns:
            A row for each file, with the columns path, action (sent or fetched, same, mode, deleted, ignored, refused),
            size_bytes (Int64) and why.
        """
        import pandas as pd

        frame = pd.DataFrame(self.rows, columns=list(FileRow._fields))
        return frame.astype({"path": "string", "action": "category", "size_bytes": "Int64", "why": "string"})

    def __str__(self) -> str:
        done = "would go" if self.is_dry_run else self.verb
        parts = [f"{counted(self.sent, 'file')} {done}, {size(self.sent_bytes)}"]
        if not self.is_dry_run and self.sent:
            parts[0] += f" in {self.seconds:.1f} s"
            if self.resumed_bytes:
                parts[0] += f" ({size(self.resumed_bytes)} of it was there from an interrupted one)"
        for number, word in (
            (self.skipped, "there already"),
            (self.ignored, "ignored"),
            (self.deleted, "to be deleted" if self.is_dry_run else "deleted"),
            (self.refused, "left out"),
        ):
            if number:
                parts.append(f"{number} {word}")
        notes = "".join(f"\n  {note}" for note in self.notes)
        return "".join(f"{visible(line)}\n" for line in f"{self.what}: {', '.join(parts)}{notes}".split("\n")).rstrip()

    def __repr__(self) -> str:
        return str(self)


def add_rows(transfer: Transfer, action: str, rows: Sequence[tuple[str, int, str]]) -> None:
    """These files had this done to them."""
    transfer.rows += [FileRow(visible(path), action, number, why) for path, number, why in rows]
