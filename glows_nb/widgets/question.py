"""A question in a panel, with the button that says yes, one that takes it back, and maybe a field."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets

from glows_nb.api.errors import InvalidRequest
from glows_nb.widgets import texts
from glows_nb.widgets.live_panel import descendants, small_button


class Question:
    """One question at a time. Yes is answered once: the question is gone before anything is done.

    Attributes:
        subject: what is asked about now, "" for nothing.
    """

    def __init__(self) -> None:
        self.subject = ""
        self._do: Callable[[str], None] | None = None
        self._asked_by: ipywidgets.Button | None = None
        self._text = ipywidgets.HTML()
        self.field = ipywidgets.Text(layout={"width": "22em", "max_width": "100%"})
        self._error = ipywidgets.HTML().add_class("glows-error")
        self.yes = small_button("", self._on_yes)
        self.no = small_button(texts.PANEL_KEEP, self._on_no)
        self._answers = ipywidgets.HBox([self.yes, self.no])
        self.box = ipywidgets.VBox([]).add_class("glows-question")

    def ask(
        self,
        subject: str,
        text: str,
        yes: str,
        do: Callable[[str], None],
        *,
        asked_by: ipywidgets.Button,
        field: str = "",
        style: str = "primary",
    ) -> None:
        """Ask.

        Args:
            subject: what about.
            text: the question.
            yes: what the button says that does it.
            do: does it, given what is in the field; an InvalidRequest is shown beside the field.
            asked_by: the button that asks, which gets the focus back.
            field: the label of a field, "" for none.
            style: the style of the button that does it.
        """
        self.subject, self._do, self._asked_by = subject, do, asked_by
        self._text.value = html.escape(text)
        self._error.value = ""
        self.field.value, self.field.description = "", field
        self.yes.description, self.yes.button_style = yes, style
        self.box.children = (self._text, *((self.field, self._error) if field else ()), self._answers)
        (self.field if field else self.yes).focus()

    def close(self) -> None:
        """Take the question back."""
        self.subject, self._do = "", None
        self.box.children = ()

    def parts(self) -> list[ipywidgets.Widget]:
        """What the question is made of, shown or not."""
        parts = [self._text, self.field, self._error, self._answers]
        return [*parts, *(below for part in parts for below in descendants(part))]

    def _on_no(self) -> None:
        self.close()
        self._give_focus_back()

    def _give_focus_back(self) -> None:
        # What had the focus is gone, and somebody who uses keys would have to begin again at the top of the page.
        if self._asked_by is not None:
            self._asked_by.focus()

    def _on_yes(self) -> None:
        do, subject = self._do, self.subject
        if do is None:
            return
        self._do = None
        try:
            do(str(self.field.value).strip())
        except InvalidRequest as error:
            self._error.value = html.escape(str(error))
            self._do = do
            return
        if self.subject == subject:
            self.close()
        self._give_focus_back()
