"""The launch as Python code, to be looked at and copied; folded away until somebody wants to see it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from glows_nb.widgets import texts
from glows_nb.widgets.controls import button, set_shown
from glows_nb.widgets.front_end import FrontEnd


class CodeBox(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The code and its button. `toggle`, which folds it away, stands where the form wants it.

    Args:
        front_end: the hands in the page.
        copied: hears whether the browser allowed to copy.
        folded: hears when it was folded away or out.
    """

    def __init__(self, front_end: FrontEnd, copied: Callable[[bool], None], folded: Callable[[], None]) -> None:
        self.text = ""
        self._front_end = front_end
        self._copied, self._folded = copied, folded
        self.toggle = ipywidgets.ToggleButton(description=texts.FORM_CODE).add_class("glows-shows-code")
        self._code = ipywidgets.HTML().add_class("glows-code")
        self.copy_button = button(texts.FORM_COPY_CODE, self._on_copy)
        super().__init__([self._code, ipywidgets.HBox([self.copy_button]).add_class("glows-actions")])
        self.add_class("glows-code-box")
        set_shown(self, False)
        self.toggle.observe(self._on_toggle, "value")

    def show(self, text: str) -> None:
        """Show this code; "" while there is none, because something stands wrong in the form."""
        self.text = text
        self._code.value = f"<pre>{html.escape(text or texts.FORM_MEND)}</pre>"
        self.copy_button.disabled = not text

    def labels(self) -> dict[str, dict[str, str]]:
        """What tells those who can't see the page whether it is folded away."""
        return {"glows-shows-code": {"aria-expanded": str(bool(self.toggle.value)).lower()}}

    def _on_toggle(self, change: Any) -> None:
        set_shown(self, bool(self.toggle.value))
        self._folded()

    def _on_copy(self) -> None:
        self._front_end.copy(self.text, self._copied)
