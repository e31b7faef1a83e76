"""What a cell on a machine shows is shown here, in the cell or the terminal that asked for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from getpass import getpass
from html import escape
from typing import Any, Final

from glows_nb.remote.cells.outputs import length_of
from glows_nb.remote.execution.terminal_text import TerminalText
from glows_nb.remote.progress import is_notebook, size

MOST_STREAMED: Final = 1 << 20
"""More text than this makes a page slow, and the notebook's file large."""
MOST_DISPLAYED: Final = 50 << 20
AROUND: Final = 500
"""What a page needs for something displayed, however small."""


class Show:
    """Shows outputs as they come; text that a terminal would obey is made visible where there is one.

    Args:
        name: of the machine.
        is_marked: does its name stand above what is shown?
    """

    def __init__(self, name: str, *, is_marked: bool = False) -> None:
        self._name, self._is_marked = name, is_marked
        self._texts = {"stdout": TerminalText(), "stderr": TerminalText()}
        self._is_notebook = is_notebook()
        self._length = self._displayed = 0

    def stream(self, name: str, text: str) -> None:
        """Text of stdout or stderr; in a notebook not more than 1 MB."""
        if self._is_notebook and self._length > MOST_STREAMED:
            return
        self.mark()
        to = sys.stderr if name == "stderr" else sys.stdout
        to.write(text if self._is_notebook else self._texts[name].of(text.encode("utf-8", "replace"), is_last=False))
        self._length += len(text)
        if self._is_notebook and self._length > MOST_STREAMED:
            to.write(f"\n[more than {size(MOST_STREAMED)}; %glows run {self._name} --log has the rest]\n")
        to.flush()

    def display(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, *, is_new: bool) -> None:
        """Something that is displayed, or something else under an id that was displayed."""
        publisher = _publisher()
        if publisher is None or not self._is_notebook:
            # IPython in a terminal would print the text as it is, whatever the terminal obeys of it.
            self.stream("stdout", f"{data.get('text/plain', '')}\n")
            return
        if self._is_notebook and self._displayed > MOST_DISPLAYED:
            return
        self.mark()
        # What takes the place of something does not make the page longer.
        self._displayed += length_of(data) + AROUND if is_new else 0
        if self._is_notebook and self._displayed > MOST_DISPLAYED:
            self.note(f"[more than {size(MOST_DISPLAYED)} of pictures and tables; no more of them are shown here]")
        # A machine does not take the place of something of another's.
        transient = {"display_id": f"{self._name}/{display_id}"} if display_id else {}
        publisher.publish(data=dict(data), metadata=dict(metadata), transient=transient, update=not is_new)

    def page(self, data: Mapping[str, Any]) -> None:
        """Something to read, where the front end has a place for that."""
        if not self._is_notebook:
            self.stream("stdout", f"{data.get('text/plain', '')}\n")
            return
        from IPython.core.getipython import get_ipython

        shell: Any = get_ipython()
        shell.payload_manager.write_payload({"source": "page", "data": dict(data), "start": 0})

    def mark(self) -> None:
        """Whose output it is, above the first of it."""
        publisher = _publisher() if self._is_marked else None
        if publisher is not None:
            self._is_marked = False
            style = "font-size: 85%; opacity: .75; border-left: 3px solid; padding-left: .5em"
            data = {"text/plain": f"[{self._name}]", "text/html": f'<div style="{style}">{escape(self._name)}</div>'}
            publisher.publish(data=data)

    def clear(self, *, waits: bool) -> None:
        """Take away what was shown."""
        self._length = self._displayed = 0
        publisher = _publisher()
        if publisher is not None:
            publisher.clear_output(wait=waits)

    def note(self, text: str) -> None:
        """Something that is to be said beside what the cell shows."""
        print(text, file=sys.stderr, flush=True)


def _publisher() -> Any:
    """What IPython shows displays with; None outside of it."""
    from IPython.core.interactiveshell import InteractiveShell

    return InteractiveShell.instance().display_pub if InteractiveShell.initialized() else None


def read_here(prompt: str, is_secret: bool) -> str:
    """Ask whoever is at the notebook or the terminal for a line."""
    return getpass(prompt) if is_secret else input(prompt)


class Silent(Show):
    """Shows nothing."""

    def mark(self) -> None:
        """Nothing."""

    def stream(self, name: str, text: str) -> None:
        """Nothing."""

    def display(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, *, is_new: bool) -> None:
        """Nothing."""

    def page(self, data: Mapping[str, Any]) -> None:
        """Nothing."""

    def clear(self, *, waits: bool) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class OnlyNotes(Silent):
    """Shows nothing but what is to be said beside."""

    def note(self, text: str) -> None:
        """Say it."""
        Show.note(self, text)
