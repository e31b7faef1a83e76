"""What a program on a machine writes, as it can be shown here: colours and lines that are written over, and no more.

A terminal obeys what is written to it: titles, clipboards, questions that it answers on the keyboard's behalf. Of all
that, colours, tabs, the ends of lines, and moving within the line or up pass; the rest is made visible.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from glows_nb.formatting import visible

PASSES: Final = re.compile(
    r"[\n\r\t\b]"
    r"|\x1b\[[0-9;:]{0,40}m"  # colours
    r"|\x1b\[[0-2]?K"  # erase in the line
    r"|\x1b\[[0-9]{0,3}[ABCDG]"  # move by some places
    r"|\x1b\(B"  # `tput sgr0` says so before the colours
)
UNFINISHED: Final = re.compile(r"\x1b(\[[0-9;:]{0,40}|\()?\Z")
"""The beginning of what may pass, at the end of a piece."""


class TerminalText:
    """Makes text of pieces of bytes, which may end anywhere."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def of(self, piece: bytes, *, is_last: bool = False) -> str:
        """The text of the next piece; what may be half a sign or half a colour is kept for the piece after it."""
        text = self._held + self._decoder.decode(piece, is_last)
        unfinished = None if is_last else UNFINISHED.search(text)
        text, self._held = (text[: unfinished.start()], unfinished[0]) if unfinished else (text, "")
        return shown(text)


def shown(text: str) -> str:
    """The text, with whatever does not pass made visible."""
    if text.isprintable():
        return visible(text)
    parts, at = [], 0
    for found in PASSES.finditer(text):
        parts += [visible(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, visible(text[at:])])
