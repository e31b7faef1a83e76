"""The last state of a widget as plain HTML beside it, for places where no widget lives: GitHub, nbconvert, a reload.

It is an output of its own, so that updating it never disturbs the live widget; where that lives, the page hides it.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from IPython.display import HTML, display, update_display


class StaticForm:
    """The plain form of one widget, in every place where it was shown."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._body = ""

    def show(self, body: str) -> None:
        """Put it below the widget that is being displayed."""
        self._body = body
        self._ids.append(uuid.uuid4().hex)
        display(self._html(), display_id=self._ids[-1])

    def update(self, body: str) -> None:
        """The widget has changed: everywhere the plain form follows. The same body again costs nothing."""
        if body == self._body:
            return
        self._body = body
        for display_id in self._ids:
            update_display(self._html(), display_id=display_id)

    def _html(self) -> HTML:
        as_of = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        return HTML(f'<div class="glows-static">{self._body}<p>As of {as_of}.</p></div>')
