"""Widgets of a machine: those of ipywidgets itself pass, and nothing in their state acts in the page."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest

from glows_nb.remote.cells.foreign_widgets import VIEW, cleaned_state
from glows_nb.remote.cells.widget_relay import WidgetRelay
from glows_nb.remote.errors import RemoteError
from tests.remote.cells.test_foreign import ACTS, HTML

BASE = {"_model_module": "@jupyter-widgets/controls", "_view_module": "@jupyter-widgets/controls"}


@pytest.mark.parametrize("text", HTML)
@pytest.mark.parametrize("model", ["HTMLModel", "HTMLMathModel"])
def test_html_of_a_widget_does_nothing(model: str, text: str) -> None:
    state = cleaned_state(model, {**BASE, "value": text, "description": "x"}, trust=False)
    assert state is not None
    assert ACTS.findall(state["value"]) == []


@pytest.mark.parametrize(
    ("model", "state"),
    [
        ("AnyModel", {"_model_module": "anywidget", "_esm": "alert(1)"}),
        ("IntSliderModel", {"_view_module": "anywidget"}),
        ("IntSliderModel", {**BASE, "_model_module": "https://evil.example/x.js"}),
        ("ImageModel", {**BASE, "format": "url", "value": b"https://evil.example/seen.png"}),
        ("VideoModel", {"format": "mp4"}),
        ("LabelModel", {**BASE, "_view_name": "HTMLView", "value": HTML[0]}),
        ("LabelModel", {**BASE, "_model_name": "HTMLModel"}),
    ],
)
def test_what_brings_code_or_fetches_is_no_widget(model: str, state: dict[str, Any]) -> None:
    assert cleaned_state(model, state, trust=False) is None
    assert cleaned_state(model, state, trust=True) == state


def test_values_that_act_are_taken_out_and_others_stay() -> None:
    style = cleaned_state(
        "HTMLStyleModel", {"background": "url(https://evil.example/x)", "font_size": "9px"}, trust=False
    )
    assert style == {"background": "", "font_size": "9px"}
    label = cleaned_state("LabelModel", {"value": r"$\href{javascript:alert(1)}{x}$", "other": 3}, trust=False)
    assert label == {"value": "${javascript:alert(1)}{x}$", "other": 3}
    assert cleaned_state("TextModel", {"description_allow_html": True}, trust=False) == {
        "description_allow_html": False
    }
    shown = {
        "output_type": "display_data",
        "data": {"text/html": HTML[0], "application/javascript": "x"},
        "metadata": 3,
    }
    held = cleaned_state("OutputModel", {"outputs": [shown, "nonsense"]}, trust=False)
    assert held == {"outputs": [{"output_type": "display_data", "data": {"text/html": "x"}, "metadata": {}}]}
    options = cleaned_state("ToggleButtonsModel", {"_options_labels": [r"$\href{x}{y}$", "b"]}, trust=False)
    assert options == {"_options_labels": ["${x}{y}$", "b"]}
    text = {"value": "C:\\data\\x <b>", "options": ["a", "b"]}
    assert cleaned_state("TextModel", text, trust=False) == text


def test_every_widget_of_ipywidgets_passes() -> None:
    left_out = {"AudioModel", "ControllerModel", "StyleModel", "VideoModel", "WidgetModel", "DOMWidgetModel"}
    models = []
    for kind in vars(ipywidgets).values():
        if isinstance(kind, type) and issubclass(kind, ipywidgets.Widget):
            names = {
                each: kind.class_traits()[each].default() for each in ("_model_name", "_model_module", "_view_name")
            }
            models.append(names["_model_name"])
            if names["_model_name"] not in left_out:
                assert cleaned_state(names["_model_name"], names, trust=False) == names
    assert {"FloatProgressModel", "BoundedIntTextModel", "HBoxModel", "OutputModel"} < set(models)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"comm_id": "a"},
        {"comm_id": "a", "target_name": "jupyter.widget"},
        {"comm_id": "a", "target_name": "jupyter.widget", "data": 3},
        {"comm_id": "a", "target_name": "jupyter.widget", "data": {"state": BASE, "buffer_paths": [["x", "y"]]}},
        {"comm_id": "a", "target_name": "jupyter.widget", "data": {"state": [1], "buffer_paths": []}},
    ],
)
def test_nonsense_is_not_believed(content: dict[str, Any]) -> None:
    relay = WidgetRelay("train", lambda model, data, buffers: None)
    with pytest.raises(RemoteError, match="train can't be believed"):
        relay.take("comm_open", content, [b"buffer"], trust=False)
    assert not relay.can_show({VIEW: {"model_id": "a"}})


def test_machine_can_take_no_widget_that_is_here() -> None:
    here = ipywidgets.IntSlider(3)
    relay = WidgetRelay("train", lambda model, data, buffers: None)
    opened = {"comm_id": here.model_id, "target_name": "jupyter.widget", "data": {"state": {**BASE, "value": 7}}}
    relay.take("comm_open", opened, [], trust=True)
    relay.take(
        "comm_msg", {"comm_id": here.model_id, "data": {"method": "update", "state": {"value": 7}}}, [], trust=True
    )
    relay.take("comm_close", {"comm_id": here.model_id, "data": {}}, [], trust=True)
    assert (here.value, here.comm is None, relay.can_show({VIEW: {"model_id": here.model_id}})) == (3, False, False)
    relay.take("comm_open", {"comm_id": "b", "target_name": "other.target", "data": {}}, [], trust=True)
    assert not relay.can_show({VIEW: {"model_id": "b"}})
    here.close()
