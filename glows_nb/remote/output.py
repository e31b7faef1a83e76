"""What a command on a machine said, bounded in memory, and how it ended."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from glows_nb.formatting import counted, visible
from glows_nb.remote.progress import size

IN_MEMORY: Final = 1 << 20
ON_DISK: Final = 1 << 30


class Kept:
    """What came of one stream: its last MB in memory; from more than that on, all of it in a file, up to 1 GB.

    The file is readable by its owner alone, and goes with this.
    """

    def __init__(self) -> None:
        self.length = 0
        self.lines = 0
        self._unkept = ""
        self._end = bytearray()
        self._file: IO[bytes] | None = None

    @property
    def path(self) -> Path | None:
        """Where all of it is, if memory does not hold it."""
        return None if self._file is None else Path(self._file.name)

    def add(self, piece: bytes) -> None:
        """This came next."""
        try:
            self._keep(piece)
        except OSError as error:
            # That there is no room for it here says nothing of the command, which goes on.
            self._unkept = error.strerror or str(error)
            self._file = None
        self.length += len(piece)
        self.lines += piece.count(b"\n")
        self._end += piece
        if len(self._end) > 2 * IN_MEMORY:
            del self._end[:-IN_MEMORY]

    def finish(self) -> None:
        """Nothing more comes."""
        try:
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            self._unkept = error.strerror or str(error)
            self._file = None

    def _keep(self, piece: bytes) -> None:
        if self._unkept:
            return
        if self._file is None and self.length + len(piece) > IN_MEMORY:
            self._file = tempfile.NamedTemporaryFile(prefix="glows-nb-output-")  # noqa: SIM115 - it goes with this
            self._file.write(self._end)
        if self._file is not None and self.length < ON_DISK:
            self._file.write(piece[: ON_DISK - self.length])

    def text(self) -> str:
        """The text, or its last MB with a first line that says where the rest is."""
        end = bytes(self._end[-IN_MEMORY:])
        if self._file is None and self.length > IN_MEMORY:
            return (
                f"[the last {size(len(end))} of {size(self.length)}; the rest could not be kept on this computer: "
                f"{self._unkept}]\n{end.decode(errors='backslashreplace')}"
            )
        if self._file is None:
            return end.decode(errors="backslashreplace")
        kept = "" if self.length <= ON_DISK else f", of which the first {size(ON_DISK)} are there"
        return (
            f"[the last {size(len(end))} of {size(self.length)}; all of it is in {self.path}{kept}]\n"
            f"{end.decode(errors='backslashreplace')}"
        )


@dataclass(frozen=True, repr=False)
class Completed:
    """How a command on a machine ended.

    Attributes:
        command: what was run.
        exit_status: its status; None where a signal ended it, or the time was over.
        stdout: what it wrote, as text; of more than 1 MB the last, with a first line that says so.
        stderr: the same of its errors.
        signal: the signal that ended it, such as "KILL"; "" where none did.
        stdout_path: the file that holds all of what it wrote, where that is more than 1 MB; it goes with this object.
        stderr_path: the same of its errors.
        seconds: how long it took.
        has_left_something: does something that it started run on there, and have its output still?
    """

    command: str
    exit_status: int | None
    stdout: str
    stderr: str
    signal: str
    stdout_path: Path | None
    stderr_path: Path | None
    seconds: float
    has_left_something: bool
    _kept: Any

    def __repr__(self) -> str:
        ended = f"signal {self.signal}" if self.signal else f"exit status {self.exit_status}"
        lines = counted(self._kept[0].lines, "line")
        where = f", all of it in {self.stdout_path}" if self.stdout_path is not None else ""
        return visible(f"<Completed {self.command[:60]!r}: {ended}, {lines}{where}, {self.seconds:.1f} s>")


LAST_LINES: Final = 5
LONGEST_LINE: Final = 200


def last_lines(completed: Completed) -> str:
    """The last lines of its errors, or of its output where there are none, for a sentence."""
    said = completed.stderr.strip() or completed.stdout.strip()
    lines = [line.strip() for line in said.splitlines() if line.strip()][-LAST_LINES:]
    return " / ".join(visible(line[-LONGEST_LINE:]) for line in lines)
