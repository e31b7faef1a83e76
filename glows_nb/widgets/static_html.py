"""The last state of a widget as plain HTML beside it, for places where no widget lives: GitHub, nbconvert, a reload.

It is an output of its own, so that updating it never disturbs the live widget; where that lives, the page hides it.
A notebook is changed by each update, so a widget updates it when a fact has changed, and not with the clock.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from IPython.display import display, update_display

from glows_nb.widgets import texts


class StaticForm:
    """The plain form of one widget, in every place where it was shown."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._body = ""
        self._text = ""

    def show(self, body: str, text: str = "") -> None:
        """Put it below the widget that is being displayed.

        Args:
            body: HTML without secrets.
            text: the same for a terminal.
        """
        self._body, self._text = body, text
        self._ids.append(uuid.uuid4().hex)
        display(self._data(), display_id=self._ids[-1], raw=True)

    def update(self, body: str, text: str = "") -> None:
        """The widget has changed: everywhere the plain form follows. The same body again costs nothing."""
        if body == self._body:
            return
        self._body, self._text = body, text
        for display_id in self._ids:
            update_display(self._data(), display_id=display_id, raw=True)

    def _data(self) -> dict[str, str]:
        as_of = texts.AS_OF.format(moment=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
        return {
            "text/html": f'<div class="glows-static">{self._body}<p>{as_of}</p></div>',
            "text/plain": f"{self._text}\n{as_of}".lstrip(),
        }
