"""Widgets that a machine's kernel makes: ipywidgets' own pass, without what would act in the page; others do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glows_nb.remote.cells.foreign import HTML, LATEX, cleaned, cleaned_metadata

VIEW: Final = "application/vnd.jupyter.widget-view+json"
TARGET: Final = "jupyter.widget"
OUTPUT: Final = "OutputModel"
MODULES: Final = frozenset({"@jupyter-widgets/base", "@jupyter-widgets/controls", "@jupyter-widgets/output"})
_NAMES: Final = (
    "Accordion Box BoundedFloatText BoundedIntText Button ButtonStyle Checkbox CheckboxStyle ColorPicker "
    "DatePicker DescriptionStyle Dropdown FloatLogSlider FloatProgress FloatRangeSlider FloatSlider FloatText "
    "GridBox HBox HTML HTMLStyle IntProgress IntRangeSlider IntSlider IntText Label LabelStyle Layout Output Play "
    "ProgressStyle RadioButtons Select SelectMultiple SelectionRangeSlider SelectionSlider SliderStyle Stack Tab "
    "Text TextStyle Textarea ToggleButton ToggleButtonStyle ToggleButtons ToggleButtonsStyle VBox Valid"
)
MODELS: Final = frozenset(f"{name}Model" for name in _NAMES.split())
"""Of which the page makes nothing but their own controls and texts. Pictures and films fetch; HTMLMath acts."""


class Widgets:
    """Knows the widgets that were let through."""

    def __init__(self) -> None:
        self._models: dict[str, str] = {}

    def may_view(self, view: Any) -> bool:
        """Is this the view of one of them?"""
        return isinstance(view, dict) and view.get("model_id") in self._models

    def let_through(self, kind: str, content: dict[str, Any]) -> dict[str, Any] | None:
        """A message of a comm as it may be shown; None where it may not.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is no message.
        """
        comm, data = str(content["comm_id"]), dict(content.get("data") or {})
        if kind == "comm_close":
            self._models.pop(comm, None)
            return content
        if kind == "comm_open":
            model = str(dict(data.get("state") or {}).get("_model_name"))
            if content.get("target_name") != TARGET or model not in MODELS:
                return None
            self._models[comm] = model
        elif kind != "comm_msg" or comm not in self._models:
            return None
        state = data.get("state")
        if state is None:
            return content
        if not _is_of(self._models[comm], state):
            self._models.pop(comm)
            return None
        return {**content, "data": {**data, "state": _cleaned(self._models[comm], state)}}


def _is_of(model: str, state: Mapping[str, Any]) -> bool:
    """Does a state leave a widget what it was let through as?"""
    view = str(state.get("_view_name") or "")
    return (
        state.get("_model_name", model) == model
        and state.get("_model_module", "@jupyter-widgets/base") in MODULES
        and (state.get("_view_module") or "@jupyter-widgets/base") in MODULES
        and ("HTML" not in view or model in ("HTMLModel", "HTMLStyleModel"))
        and ("Output" not in view or model == OUTPUT)
    )


def _cleaned(model: str, state: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: _text(value) for name, value in state.items() if not name.startswith("__")}
    if model == "HTMLModel" and "value" in state:
        shown["value"] = cleaned({HTML: str(state["value"])}, trust=False).get(HTML, "")
    if model == OUTPUT and "outputs" in state:
        shown["outputs"] = [_output(dict(each)) for each in state["outputs"]]
    return shown


def _text(value: Any) -> Any:
    """Labels are typeset, and some of what stands in formulas acts."""
    if isinstance(value, str):
        return value if "\\" not in value or cleaned({LATEX: value}, trust=False) else ""
    if isinstance(value, list | tuple):
        return [_text(each) for each in value]
    return value


def _output(row: dict[str, Any]) -> dict[str, Any]:
    if "data" in row:
        row["data"] = cleaned(dict(row["data"]), trust=False)
        row["metadata"] = cleaned_metadata(dict(row.get("metadata") or {}), trust=False)
    return row
