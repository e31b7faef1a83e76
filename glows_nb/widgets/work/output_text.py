"""The last of what a command on a machine wrote, as plain text for a page."""

from __future__ import annotations

import re
from threading import Lock
from typing import Final

from glows_nb.formatting import visible
from glows_nb.remote.execution.terminal_text import PASSES, TerminalText
from glows_nb.widgets import texts

MOST_CHARACTERS: Final = 1 << 16
MOST_LINES: Final = 200
ESCAPES: Final = re.compile(rf"(?=\x1b)(?:{PASSES.pattern})")
"""What passes into a terminal, but says nothing on a page."""


class OutputText:
    """Takes the pieces as they come. Colours are dropped, and of a line that is written over the last state stays."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._clear()

    def clear(self) -> None:
        """Another command begins."""
        with self._lock:
            self._clear()

    def add(self, piece: bytes, is_error: bool) -> None:
        """This came next."""
        with self._lock:
            self._add(self._texts[is_error].of(piece))

    def end(self) -> None:
        """Nothing more comes."""
        with self._lock:
            for each in self._texts:
                self._add(each.of(b"", is_last=True))

    def note(self, sentence: str) -> None:
        """A sentence of our own, on a line of its own."""
        with self._lock:
            self._add(f"[{visible(sentence)}]\n")

    def text(self) -> str:
        """What there is to see of it."""
        with self._lock:
            text, is_cut = self._text, self._is_cut
        lines = text.replace("\r\n", "\n").split("\n")
        last = lines[-MOST_LINES - (not lines[-1]) :]
        is_cut = is_cut or len(last) < len(lines)
        shown = "\n".join(_settled(line) for line in last)
        return f"{texts.WORK_CUT}\n{shown}" if is_cut else shown

    def _clear(self) -> None:
        self._texts = (TerminalText(), TerminalText())
        self._text = ""
        self._is_cut = False

    def _add(self, text: str) -> None:
        whole = self._text + ESCAPES.sub("", text)
        self._is_cut = self._is_cut or len(whole) > MOST_CHARACTERS
        self._text = whole[-MOST_CHARACTERS:]


def _settled(line: str) -> str:
    """A line as it stands after all that was written over it."""
    line = line.rstrip("\r").rpartition("\r")[2]
    if "\b" not in line:
        return line
    kept: list[str] = []
    for sign in line:
        if sign != "\b":
            kept.append(sign)
        elif kept:
            kept.pop()
    return "".join(kept)
