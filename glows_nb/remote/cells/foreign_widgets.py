"""What a machine's widgets may be here: those of ipywidgets itself, without what would act in the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from glows_nb.remote.cells.foreign import ACTS, FETCHES, HTML, cleaned, cleaned_metadata

MODULES: Final = frozenset({"@jupyter-widgets/base", "@jupyter-widgets/controls", "@jupyter-widgets/output"})
"""Of these the code is known; others bring their own, as anywidget does."""

_OF_CODE: Final = ("_model_module", "_view_module")
_MARKUP: Final = re.compile("HTML")
_STYLED: Final = re.compile(r"Style|Layout")


def cleaned_state(model: str, state: Mapping[str, Any], *, trust: bool) -> dict[str, Any] | None:
    """What may be shown of a widget's state, or of a change of it.

    Args:
        model: the name of its kind, such as "HTMLModel".
        state: its values by their names, with buffers in their places.
        trust: show it as it is.

    Returns:
        The values; None where the widget brings code of its own.
    """
    if trust:
        return dict(state)
    if any(name in state and state[name] not in MODULES and state[name] is not None for name in _OF_CODE):
        return None
    if state.get("format") == "url":
        return None  # it would be fetched without a click
    return {name: _value(model, name, value) for name, value in state.items()}


def _value(model: str, name: str, value: Any) -> Any:
    if name == "description_allow_html":
        return False
    if name == "outputs" and isinstance(value, list | tuple):
        return [_output(each) for each in value if isinstance(each, dict)]
    if not isinstance(value, str):
        return value
    if _STYLED.search(model) and FETCHES.search(value):
        return ""
    if name == "value" and _MARKUP.search(model):
        value = cleaned({HTML: value}, trust=False).get(HTML, "")
    # Labels and descriptions are set as formulas.
    return ACTS.sub("", value) if "$" in value or "\\(" in value or "\\[" in value else value


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
