"""What a machine's kernel says to a notebook is shown without what would act in its page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glows_nb.remote import keeper
from glows_nb.remote.kernels.foreign_messages import ForeignMessages

ACTS = "<b>x</b><img src=x onerror=alert(1)><script>alert(1)</script>"
CLEAN = {"text/plain": "x", "text/html": "<b>x</b><img>"}
BUNDLE = {"text/plain": "x", "text/html": ACTS, "application/javascript": "alert(1)"}
VIEW = "application/vnd.jupyter.widget-view+json"
CONTROLS = {"_model_module": "@jupyter-widgets/controls", "_view_module": "@jupyter-widgets/controls"}


def let_through(messages: ForeignMessages, channel: bytes, kind: str, content: Any) -> Any:
    parts = [b"{}", b"{}", b"{}", json.dumps(content).encode(), b"buffer"]
    passed = messages.let_through(channel, kind, parts)
    if passed is None:
        return None
    assert passed[:3] + passed[4:] == parts[:3] + parts[4:]
    return json.loads(passed[3])


@pytest.fixture
def messages() -> ForeignMessages:
    return ForeignMessages(trust=False)


def opened(model: str, comm: str = "c", **state: Any) -> dict[str, Any]:
    data = {"state": {**CONTROLS, "_model_name": model, **state}}
    return {"comm_id": comm, "target_name": "jupyter.widget", "data": data}


@pytest.mark.parametrize("kind", ["display_data", "execute_result", "update_display_data"])
def test_displays_are_cleaned(messages: ForeignMessages, kind: str) -> None:
    said = {"data": BUNDLE, "metadata": {"text/html": {"isolated": True}}, "transient": {"display_id": "d"}}
    shown = let_through(messages, keeper.IOPUB, kind, said)
    assert shown == {"data": CLEAN, "metadata": {}, "transient": {"display_id": "d"}}


def test_help_values_and_links_are_cleaned(messages: ForeignMessages) -> None:
    reply = {
        "status": "ok",
        "payload": [{"source": "page", "data": BUNDLE, "start": 0}, {"source": "other", "data": BUNDLE}],
        "user_expressions": {"a": {"status": "ok", "data": BUNDLE, "metadata": {}}, "b": {"status": "error"}},
    }
    shown = let_through(messages, keeper.SHELL, "execute_reply", reply)
    assert [(each["source"], each["data"]) for each in shown["payload"]] == [("page", CLEAN)]
    assert (shown["user_expressions"]["a"]["data"], shown["user_expressions"]["b"]) == (CLEAN, {"status": "error"})
    inspected = {"status": "ok", "found": True, "data": BUNDLE, "metadata": {}}
    assert let_through(messages, keeper.SHELL, "inspect_reply", inspected)["data"] == CLEAN
    links = [{"text": "x", "url": "javascript:alert(1)"}, {"text": "y", "url": "https://docs.python.org"}]
    shown = let_through(messages, keeper.CONTROL, "kernel_info_reply", {"status": "ok", "help_links": links})
    assert shown["help_links"] == links[1:]


def test_what_is_not_known_does_not_pass(messages: ForeignMessages) -> None:
    assert let_through(messages, keeper.IOPUB, "something_new", {}) is None
    assert let_through(messages, keeper.SHELL, "something_new", {}) is None
    assert let_through(messages, keeper.STDIN, "display_data", {"data": BUNDLE}) is None
    assert let_through(messages, keeper.IOPUB, "stream", {"name": "stdout", "text": ACTS}) == {
        "name": "stdout",
        "text": ACTS,
    }


def test_widgets_of_ipywidgets_pass_and_can_be_viewed(messages: ForeignMessages) -> None:
    said = opened("IntSliderModel", _view_name="IntSliderView", value=3)
    assert let_through(messages, keeper.IOPUB, "comm_open", said) == said
    display = {"data": {VIEW: {"model_id": "c"}, "text/plain": "x"}, "metadata": {}}
    assert let_through(messages, keeper.IOPUB, "display_data", display)["data"] == display["data"]
    moved = {"comm_id": "c", "data": {"method": "update", "state": {"value": 4}}}
    assert let_through(messages, keeper.IOPUB, "comm_msg", moved) == moved


@pytest.mark.parametrize(
    "said",
    [
        opened("ImageModel", format="url"),
        opened("VideoModel"),
        opened("IntSliderModel", _model_module="anywidget"),
        opened("IntSliderModel", _view_module="anywidget"),
        opened("IntSliderModel", _view_name="HTMLView"),
        {**opened("IntSliderModel"), "target_name": "other"},
        {"comm_id": "c", "target_name": "jupyter.widget", "data": {}},
    ],
)
def test_other_widgets_do_not(messages: ForeignMessages, said: dict[str, Any]) -> None:
    assert let_through(messages, keeper.IOPUB, "comm_open", said) is None
    display = {"data": {VIEW: {"model_id": "c"}, "text/plain": "x"}, "metadata": {}}
    assert let_through(messages, keeper.IOPUB, "display_data", display)["data"] == {"text/plain": "x"}
    moved = {"comm_id": "c", "data": {"method": "update", "state": {"value": ACTS}}}
    assert let_through(messages, keeper.IOPUB, "comm_msg", moved) is None


@pytest.mark.parametrize("change", [{"_view_name": "HTMLView"}, {"_model_name": "HTMLModel"}, {"_view_module": "x"}])
def test_widget_stays_what_it_was_let_through_as(messages: ForeignMessages, change: dict[str, str]) -> None:
    let_through(messages, keeper.IOPUB, "comm_open", opened("TextModel", _view_name="TextView"))
    moved = {"comm_id": "c", "data": {"method": "update", "state": {"value": ACTS, **change}}}
    assert let_through(messages, keeper.IOPUB, "comm_msg", moved) is None
    plain = {"comm_id": "c", "data": {"method": "update", "state": {"value": "x"}}}
    assert let_through(messages, keeper.IOPUB, "comm_msg", plain) is None


def test_html_in_widgets_is_cleaned(messages: ForeignMessages) -> None:
    shown = let_through(messages, keeper.IOPUB, "comm_open", opened("HTMLModel", value=ACTS))
    assert shown["data"]["state"]["value"] == CLEAN["text/html"]
    moved = {"comm_id": "c", "data": {"method": "update", "state": {"value": ACTS, "description": r"\href{x}{y}"}}}
    shown = let_through(messages, keeper.IOPUB, "comm_msg", moved)
    assert shown["data"]["state"] == {"value": CLEAN["text/html"], "description": "{x}{y}"}
    outputs = [{"output_type": "display_data", "data": BUNDLE, "metadata": {}}, {"output_type": "stream", "text": "x"}]
    said = opened("OutputModel", "o", _model_module="@jupyter-widgets/output", outputs=outputs)
    shown = let_through(messages, keeper.IOPUB, "comm_open", said)["data"]["state"]["outputs"]
    assert [row.get("data") for row in shown] == [CLEAN, None]


def test_trusted_machine_is_shown_as_it_is() -> None:
    messages = ForeignMessages(trust=True)
    for said in ({"data": BUNDLE}, {"anything": 1}):
        assert let_through(messages, keeper.IOPUB, "display_data", said) == said
    assert let_through(messages, keeper.IOPUB, "comm_open", opened("ImageModel")) == opened("ImageModel")


@pytest.mark.parametrize("kind", ["display_data", "comm_open"])
@pytest.mark.parametrize("content", [[], {"data": [1]}, {}, {"data": 1, "metadata": []}, None])
def test_what_is_no_message_is_refused(messages: ForeignMessages, content: Any, kind: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        let_through(messages, keeper.IOPUB, kind, content)
