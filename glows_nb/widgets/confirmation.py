"""A question in a form or a panel, with the button that says yes, one that takes it back, and maybe a field."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import ipywidgets

from glows_nb.api.client import Client
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.models.instances import Instance
from glows_nb.ledger.recorder import recorder_of
from glows_nb.widgets import texts
from glows_nb.widgets.controls import all_parts, button
from glows_nb.widgets.markup import escaped


class Question:
    """One question at a time. Yes is answered once: the question is gone before anything is done.

    Attributes:
        subject: what is asked about now, "" for nothing.
    """

    def __init__(self) -> None:
        self.subject = ""
        self._do: Callable[[str], None] | None = None
        self._lock = Lock()
        self._asked_by: ipywidgets.Button | None = None
        self._then: ipywidgets.Widget | None = None
        self._text = ipywidgets.HTML()
        self.field = ipywidgets.Text(layout={"width": "22em", "max_width": "100%"})
        self._error = ipywidgets.HTML().add_class("glows-error")
        self.yes = button("", self._on_yes)
        self.no = button(texts.BACK, self._on_no)
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
        then: ipywidgets.Widget,
        field: str = "",
        style: str = "primary",
    ) -> None:
        """Ask.

        Args:
            subject: what about.
            text: the question.
            yes: what the button says that does it.
            do: does it, given what is in the field; an InvalidRequest is shown beside the field.
            asked_by: the button that asks, which gets the focus back where the question is taken back.
            then: what gets the focus after yes, since the button that asks is switched off while it is done.
            field: the label of a field, "" for none.
            style: the style of the button that does it.
        """
        self.subject, self._do = subject, do
        self._asked_by, self._then = asked_by, then
        self._text.value = escaped(text)
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
        return [*parts, *(below for part in parts for below in all_parts(part))]

    def _on_no(self) -> None:
        self.close()
        _focus(self._asked_by)

    def _on_yes(self) -> None:
        # Two clicks may come on two threads: yes is said once.
        with self._lock:
            do, self._do = self._do, None
        if do is None:
            return
        subject, then = self.subject, self._then
        try:
            do(str(self.field.value).strip())
        except InvalidRequest as error:
            self._error.value = escaped(str(error))
            self._do = do
            return
        if self.subject == subject:
            self.close()
        _focus(then)


def whose_words(client: Client, machine: Instance) -> str:
    """A sentence on whose machine it is, for a question about its end; "" where it was started from here."""
    whose = recorder_of(client).whose(machine)
    return texts.MACHINE_WHOSE.format(whose=whose) if whose else ""


def _focus(widget: ipywidgets.Widget | None) -> None:
    # What had the focus goes with the question: the notebook would take the next key for a command of its own, and
    # somebody who uses keys would have to begin again at the top of the page.
    if widget is not None:
        widget.focus()
