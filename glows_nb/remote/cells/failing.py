"""The error of a cell on a machine: it shows itself as the kernel there made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from glows_nb.remote.errors import RemoteError
from glows_nb.remote.execution.terminal_text import shown

LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 100_000
MOST_LINES: Final = 1_000


class CellFailed(RemoteError):
    """What ran in a machine's kernel raised an error, or the kernel ended under it.

    Its class has the name of the error there, and it shows itself with the traceback from there.

    Attributes:
        ename: the name of the error's class there; that of this one where the kernel ended.
        evalue: its text.
        traceback: its lines, coloured, as the kernel there made them.
    """

    ename: str
    evalue: str
    traceback: list[str]

    def __str__(self) -> str:
        return shown(self.evalue)

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """What IPython shows of it."""
        return lambda: [shown(line) for line in self.traceback]


def cell_failed(name: str, status: str, failure: tuple[str, str, list[str]] | None) -> CellFailed:
    """The error of a cell.

    Args:
        name: of the machine.
        status: how the run ended there: "error", "died", "ended", or "aborted".
        failure: name, text and traceback of an error that was raised there.
    """
    if failure is None:
        how = {
            "died": "has died under this cell, perhaps for want of memory; its variables are gone, and the next cell "
            "begins another",
            "ended": "was ended while this cell ran; its variables are gone",
        }.get(status, "did not run this cell")
        text = f"The kernel on {name} {how}."
        failure = CellFailed.__name__, text, [f"{CellFailed.__name__}: {text}"]
    ename, evalue = failure[0], failure[1][:LONGEST_TEXT]
    traceback = [line[:LONGEST_TEXT] for line in failure[2][-MOST_LINES:]]
    # Whoever catches an interrupt of its own catches that of a cell too.
    bases = (CellFailed, KeyboardInterrupt) if ename == KeyboardInterrupt.__name__ else (CellFailed,)
    kind = type(ename if ename.isidentifier() and len(ename) <= LONGEST_NAME else CellFailed.__name__, bases, {})
    made: CellFailed = kind(evalue)
    made.ename, made.evalue, made.traceback = ename, evalue, traceback
    return made
