"""A form of a few fields in a panel: each error stands beside the field that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets

from glows_nb.api.errors import InvalidRequest
from glows_nb.widgets.controls import button as make_button
from glows_nb.widgets.markup import escaped

LABELS = {"description_width": "6em"}
WIDE = {"width": "32em", "max_width": "100%"}


class SmallForm:
    """Fields one below the other, and a button.

    Args:
        title: what the form is for.
        fields: by the name that errors have for them (`InvalidRequest.field`).
        button: what the button says.
        submit: does it, or begins it; an InvalidRequest from it is shown beside its field.
    """

    def __init__(
        self, title: str, fields: Mapping[str, ipywidgets.Widget], button: str, submit: Callable[[], None]
    ) -> None:
        self.fields = dict(fields)
        self.button = make_button(button, self.press, button_style="primary")
        self._submit = submit
        self._title = ipywidgets.HTML()
        self.title = title
        self._errors = {name: ipywidgets.HTML().add_class("glows-error") for name in [*fields, ""]}
        self._notes = {name: ipywidgets.HTML().add_class("glows-quiet") for name in fields}
        rows: list[ipywidgets.Widget] = [self._title]
        for name, field in fields.items():
            rows += [ipywidgets.HBox([field, self._notes[name], self._errors[name]]).add_class("glows-fields")]
        rows += [ipywidgets.HBox([self.button, self._errors[""]]).add_class("glows-fields")]
        self.box = ipywidgets.VBox(rows).add_class("glows-form")

    @property
    def title(self) -> str:
        """What the form is for."""
        return self._shown_title

    @title.setter
    def title(self, text: str) -> None:
        self._shown_title = text
        self._title.value = f"<b>{escaped(text)}</b>"

    def press(self) -> None:
        """What the button does."""
        for error in self._errors.values():
            error.value = ""
        try:
            self._submit()
        except InvalidRequest as error:
            self.show_error(error)

    def show_error(self, error: Exception) -> None:
        """Say it beside the field that it is about, else beside the button."""
        field = error.field if isinstance(error, InvalidRequest) and error.field in self.fields else ""
        self._errors[field].value = escaped(str(error).removeprefix(f"{field}: "))

    def note(self, field: str, text: str) -> None:
        """Say something beside a field that is no error; "" for nothing."""
        self._notes[field].value = escaped(text)


def text_field(label: str, hint: str) -> ipywidgets.Text:
    """A field for a line of text."""
    return ipywidgets.Text(description=label, placeholder=hint, style=LABELS, layout=WIDE)
