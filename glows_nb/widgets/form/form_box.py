"""What launch form and spec picker are: a box of fields with a title, with its plain form below it in the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets
from IPython.display import display

from glows_nb.formatting import SANDBOX_WORD
from glows_nb.frames.tables import SANDBOX_BADGE
from glows_nb.widgets import lifetime
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.front_end import CONTAINER, STYLE_SHEET, FrontEnd
from glows_nb.widgets.markup import escaped
from glows_nb.widgets.static_html import StaticForm


class FormFrontEnd(FrontEnd):
    """The hands in the page, with the looks of fields in a grid."""

    _css = "\n".join(path.read_text("utf-8") for path in (STYLE_SHEET, Path(__file__).parent / "form_box.css"))  # type: ignore[assignment]


class FormBox(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The box. Who builds on it says in `_plain` what it shows, as HTML with no secret, and in `_summary` in a word.

    Args:
        title: its heading.
        is_sandbox: does it deal with a sandbox?
        front_end: its hands in the page.
        children: what stands below the heading.
    """

    def __init__(self, title: str, front_end: FrontEnd, children: Sequence[Any], *, is_sandbox: bool) -> None:
        self.front_end = front_end
        self._title = title
        self._is_sandbox = is_sandbox
        self._static = StaticForm()
        badge = f" {SANDBOX_BADGE}" if is_sandbox else ""
        heading = ipywidgets.HTML(f'<span class="glows-title">{escaped(title)}</span>{badge}')
        super().__init__([front_end, heading, *children])
        self.add_class(CONTAINER).add_class("glows-form-box")

    def close(self) -> None:
        """Let go of all widgets that it is made of."""
        lifetime.forget(self)
        for part in all_parts(self):
            part.close()
        super().close()

    def _plain(self) -> str:
        raise NotImplementedError

    def _summary(self) -> str:
        raise NotImplementedError

    def _plain_title(self) -> str:
        return f"<b>{escaped(self._title)}</b>{f' {SANDBOX_BADGE}' if self._is_sandbox else ''}"

    def _update_static(self) -> None:
        self._static.update(self._plain())

    def _ipython_display_(self) -> None:
        display(self._repr_mimebundle_(), raw=True)
        self._static.show(self._plain())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget. Where no widget lives, the plain form follows as an output of its own; here is nothing of it."""
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/html"] = f"<!-- {escaped(self._title)} -->"
        bundle["text/plain"] = repr(self)
        return bundle

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{f' {SANDBOX_WORD}' if self._is_sandbox else ''}: {self._summary()}>"
