"""Where what a command writes goes while it runs: to the cell or the terminal, or to a function of the caller's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from glows_nb.remote.execution.terminal_text import TerminalText
from glows_nb.remote.progress import is_notebook, size

MOST_IN_NOTEBOOK: Final = 1 << 20
"""More than this makes a page slow, and the notebook's file large."""


class OnOutput:
    """Takes the pieces of a command's output as they come.

    Args:
        function: what hears each piece and whether it is of stderr; None is nobody.
    """

    def __init__(self, function: Callable[[bytes, bool], None] | None) -> None:
        self._function = function

    def wants(self, number: int, piece: bytes) -> bool:
        """Is this piece to be heard?"""
        return self._function is not None and bool(piece)

    def __call__(self, piece: bytes, is_error: bool) -> None:
        """A piece has come."""
        if self._function is not None:
            self._function(piece, is_error)

    def note(self, text: str) -> None:
        """Something is to be said beside what the command writes."""


class Printed(OnOutput):
    """Prints, with whatever a terminal would obey made visible; in a notebook not more than 1 MB.

    Args:
        rest: who has the rest then.
    """

    def __init__(self, rest: str = "the result has it") -> None:
        super().__init__(None)
        self._texts = (TerminalText(), TerminalText())
        self._most = MOST_IN_NOTEBOOK if is_notebook() else None
        self._rest = rest
        self._shown = 0

    def wants(self, number: int, piece: bytes) -> bool:
        """Is it to be printed? The empty one at the end is, for what was held back."""
        return self._most is None or self._shown <= self._most

    def __call__(self, piece: bytes, is_error: bool) -> None:
        """Print it."""
        to = sys.stderr if is_error else sys.stdout
        to.write(self._texts[is_error].of(piece, is_last=not piece))
        self._shown += len(piece)
        if self._most is not None and self._shown > self._most:
            to.write(f"\n[more than {size(self._most)}: the rest is not shown; {self._rest}]\n")
        to.flush()

    def note(self, text: str) -> None:
        """Print it with the errors."""
        print(text, file=sys.stderr, flush=True)
