"""What only the page in the browser can do for a widget: copy, open another page, say whether anybody looks.

What is copied or opened goes over as a message when somebody clicks. It is never a trait, so it is never saved with
the notebook. Elements `<time datetime="…">` in the widget say how long ago that was, with the exact time on hover.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

import anywidget
import traitlets

from glows_nb.widgets import texts

CONTAINER: Final = "glows-widget"
"""The CSS class of the box that a FrontEnd looks after; the FrontEnd is one of its children."""

CLIPBOARD: Final = Path(__file__).parent / "clipboard.js"
"""What every widget that copies has in its page."""

STYLE_SHEET: Final = Path(__file__).parent / "front_end.css"

SEEN_SECONDS: Final = 45.0
"""A view that is seen says so every 20 seconds; one that is silent for so long is on no page any more."""


class FrontEnd(anywidget.AnyWidget):
    """An unseen child of a form or panel, its hands in the page; its style sheet is theirs.

    Args:
        labels: attributes for elements by CSS class, such as {"glows-message": {"role": "status"}}; the rest of a
            selector may follow the class, as in "glows-name input".
    """

    _esm = "\n".join(path.read_text("utf-8") for path in (CLIPBOARD, Path(__file__).parent / "front_end.js"))
    _css = STYLE_SHEET

    labels: traitlets.Dict[str, dict[str, str]] = traitlets.Dict().tag(sync=True)
    words: traitlets.Dict[str, str] = traitlets.Dict(texts.FRONT_END_WORDS).tag(sync=True)
    language = traitlets.Unicode(texts.LANGUAGE).tag(sync=True)

    def __init__(self, labels: Mapping[str, Mapping[str, str]] | None = None) -> None:
        super().__init__(labels={name: dict(attributes) for name, attributes in (labels or {}).items()})
        self._copied: Callable[[bool], None] | None = None
        self._looked: Callable[[float], None] | None = None
        self._lock = Lock()
        self._seen_until: dict[str, float] = {}
        self.on_msg(self._on_message)

    @property
    def is_seen(self) -> bool:
        """Is one of the widget's views on anybody's screen, as far as the page has told?"""
        return self._seen_for() > 0

    def on_look(self, then: Callable[[float], None]) -> None:
        """`then` hears for how many seconds the widget counts as seen from now on, whenever a view tells; 0 is not."""
        self._looked = then

    def copy(self, text: str, then: Callable[[bool], None] | None = None) -> None:
        """Put a text on the clipboard; `then` hears whether the browser allowed it."""
        self._copied = then
        self.send({"copy": text})

    def open_page(self, url: str) -> None:
        """Open a page in a new tab; to be called while a click is answered, or the browser takes it for a pop-up."""
        self.send({"open": url})

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        if "copied" in content and self._copied is not None:
            self._copied(bool(content["copied"]))
        if "view" in content:
            with self._lock:
                self._seen_until.pop(content["view"], None)
                if content.get("is_seen"):
                    self._seen_until[content["view"]] = time.monotonic() + SEEN_SECONDS
            if self._looked is not None:
                self._looked(self._seen_for())

    def _seen_for(self) -> float:
        now = time.monotonic()
        with self._lock:
            self._seen_until = {view: until for view, until in self._seen_until.items() if until > now}
            return max(self._seen_until.values(), default=now) - now
