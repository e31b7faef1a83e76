"""What a machine's widgets may be here: those of ipywidgets itself, without what would act in the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from glows_nb.remote.cells.foreign import ACTS, FETCHES, HTML, cleaned, cleaned_metadata

VIEW: Final = "application/vnd.jupyter.widget-view+json"
TARGET: Final = "jupyter.widget"

_MODULES: Final = frozenset({"@jupyter-widgets/base", "@jupyter-widgets/controls", "@jupyter-widgets/output"})
"""Of these the code is known; others bring their own, as anywidget does."""

_NAMES: Final = (
    "Accordion BoundedFloatText BoundedIntText Box Button ButtonStyle Checkbox CheckboxStyle ColorPicker ColorsInput "
    "Combobox DatePicker Datetime DescriptionStyle DirectionalLink Dropdown FileUpload FloatLogSlider "
    "FloatProgress FloatRangeSlider FloatSlider FloatText FloatsInput GridBox HBox HTML HTMLMath HTMLMathStyle "
    "HTMLStyle Image IntProgress IntRangeSlider IntSlider IntText IntsInput Label LabelStyle Layout Link "
    "NaiveDatetime Output Password Play ProgressStyle RadioButtons Select SelectMultiple SelectionRangeSlider "
    "SelectionSlider SliderStyle Stack Tab TagsInput Text TextStyle Textarea Time ToggleButton ToggleButtonStyle "
    "ToggleButtons ToggleButtonsStyle VBox Valid"
)
_MODELS: Final = frozenset(f"{name}Model" for name in _NAMES.split())
_VIEWS: Final = {
    "BoundedFloatTextModel": "FloatTextView",
    "BoundedIntTextModel": "IntTextView",
    "FloatProgressModel": "ProgressView",
    "IntProgressModel": "ProgressView",
    "NaiveDatetimeModel": "DatetimeView",
}
"""Those that are not called as their models are."""
_TYPED: Final = frozenset({"ComboboxModel", "PasswordModel", "TextModel", "TextareaModel"})
"""Their values are what somebody types, and no page makes more of them."""

_STYLED: Final = re.compile(r"Style|Layout")


def cleaned_state(model: str, state: Mapping[str, Any], *, trust: bool) -> dict[str, Any] | None:
    """What may be shown of a widget's state, or of a change of it.

    Args:
        model: the name of its kind, such as "HTMLModel".
        state: its values by their names.
        trust: show it as it is.

    Returns:
        The values; None where the widget brings code of its own, becomes another one, or would fetch something.
    """
    if trust:
        return dict(state)
    if model not in _MODELS or not _is_of(model, state) or state.get("format") == "url":
        return None
    return {name: _value(model, name, value) for name, value in state.items() if not name.startswith("__")}


def _is_of(model: str, state: Mapping[str, Any]) -> bool:
    """Is a state that of such a widget, shown as such?"""
    view = _VIEWS.get(model, f"{model.removesuffix('Model')}View")
    modules = [state.get(name) for name in ("_model_module", "_view_module")]
    return (
        state.get("_model_name", model) == model
        and all(module is None or module in _MODULES for module in modules)
        and (state.get("_view_name") or "StyleView") in ("StyleView", view)
    )


def _value(model: str, name: str, value: Any) -> Any:
    if name == "description_allow_html":
        return False
    if name == "outputs" and model == "OutputModel":
        return [_output(each) for each in value if isinstance(each, dict)]
    if isinstance(value, list | tuple):
        return [_value(model, "", each) for each in value]
    if not isinstance(value, str) or (name == "value" and model in _TYPED):
        return value
    if _STYLED.search(model) and FETCHES.search(value):
        return ""
    if name == "value" and "HTML" in model:
        value = cleaned({HTML: value}, trust=False).get(HTML, "")
    # Labels and descriptions are set as formulas.
    return ACTS.sub("", value)


def _output(row: dict[str, Any]) -> dict[str, Any]:
    """Of an Output widget, which holds what a cell would show."""
    if "data" not in row:
        return row
    data, metadata = row["data"], row.get("metadata")
    return {
        **row,
        "data": cleaned(data if isinstance(data, dict) else {}, trust=False),
        "metadata": cleaned_metadata(metadata if isinstance(metadata, dict) else {}, trust=False),
    }
