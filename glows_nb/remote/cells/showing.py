"""What a cell on a machine shows is shown here, in the cell or the terminal that asked for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from getpass import getpass
from typing import Any, Final

from glows_nb.remote.execution.terminal_text import TerminalText
from glows_nb.remote.progress import is_notebook, size

MOST_STREAMED: Final = 1 << 20
"""More text than this makes a page slow, and the notebook's file large."""


class Show:
    """Shows outputs as they come; text that a terminal would obey is made visible where there is one.

    Args:
        name: of the machine, for the line that says where the rest is.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts = {"stdout": TerminalText(), "stderr": TerminalText()}
        self._is_notebook = is_notebook()
        self._length = 0

    def stream(self, name: str, text: str) -> None:
        """Text of stdout or stderr; in a notebook not more than 1 MB."""
        if self._is_notebook and self._length > MOST_STREAMED:
            return
        to = sys.stderr if name == "stderr" else sys.stdout
        to.write(text if self._is_notebook else self._texts[name].of(text.encode("utf-8", "replace"), is_last=False))
        self._length += len(text)
        if self._is_notebook and self._length > MOST_STREAMED:
            to.write(f"\n[more than {size(MOST_STREAMED)}; %glows run {self._name} --log has the rest]\n")
        to.flush()

    def display(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, *, is_new: bool) -> None:
        """Something that is displayed, or something else under an id that was displayed."""
        from IPython.core.interactiveshell import InteractiveShell

        if not InteractiveShell.initialized():
            self.stream("stdout", f"{data.get('text/plain', '')}\n")
            return
        transient = {"display_id": display_id} if display_id else {}
        InteractiveShell.instance().display_pub.publish(
            data=dict(data), metadata=dict(metadata), transient=transient, update=not is_new
        )

    def clear(self, *, waits: bool) -> None:
        """Take away what was shown."""
        from IPython.core.interactiveshell import InteractiveShell

        if InteractiveShell.initialized():
            InteractiveShell.instance().display_pub.clear_output(wait=waits)

    def note(self, text: str) -> None:
        """Something that is to be said beside what the cell shows."""
        print(text, file=sys.stderr, flush=True)


def read_here(prompt: str, is_secret: bool) -> str:
    """Ask whoever is at the notebook or the terminal for a line."""
    return getpass(prompt) if is_secret else input(prompt)


class Silent(Show):
    """Shows nothing."""

    def stream(self, name: str, text: str) -> None:
        """Nothing."""

    def display(self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, *, is_new: bool) -> None:
        """Nothing."""

    def clear(self, *, waits: bool) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
