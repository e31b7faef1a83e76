"""A bar and a line of text that follow a wait; beside them, for where no widget lives, the same as plain text."""

from __future__ import annotations

from typing import Any

import ipywidgets
from IPython.display import display

from glows_nb.widgets.markup import escaped


class ProgressBar(ipywidgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """Shows itself when it is made."""

    def __init__(self) -> None:
        self._words = ""
        self._bar = ipywidgets.FloatProgress(min=0.0, max=1.0, layout={"width": "12em"})
        self._text = ipywidgets.HTML()
        super().__init__([self._bar, self._text])
        self._shown = display(self, display_id=True)

    def show(self, words: str, part: float | None, *, is_new: bool) -> None:
        """Show these words; `part` of 1 is all, None unknown."""
        self._words = words
        self._text.value = escaped(words)
        self._bar.value = 0.0 if part is None else part

    def end(self, *, has_come: bool) -> None:
        """Nothing more follows: the bar is full and green, or red where it stopped."""
        self._bar.value = 1.0 if has_come else self._bar.value
        self._bar.bar_style = "success" if has_come else "danger"
        if self._shown is not None:
            self._shown.update(self)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and what it says as plain text."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"] = self._words
            bundle["text/html"] = f"<pre>{escaped(self._words)}</pre>"
        return bundle
