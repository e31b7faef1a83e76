"""What a message of a machine's kernel changes: in the outputs that are kept of a cell, and in what is shown of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from glows_nb.remote.cells.foreign import cleaned, cleaned_metadata
from glows_nb.remote.cells.foreign_widgets import VIEW
from glows_nb.remote.cells.outputs import Outputs
from glows_nb.remote.cells.showing import Show
from glows_nb.remote.cells.widget_relay import WidgetRelay

LONGEST_ID: Final = 10_000


def taken(
    kind: str,
    content: Mapping[str, Any],
    buffers: Sequence[bytes],
    outputs: Outputs,
    show: Show,
    widgets: WidgetRelay | None,
    *,
    trust: bool,
) -> Callable[[], None] | None:
    """Keep what a message has to show.

    Args:
        kind: of the message.
        content: what it says.
        buffers: what it says in bytes.
        outputs: where it is kept.
        show: where it is shown.
        widgets: those of the machine that are shown here; None where none can be.
        trust: is it shown as it is?

    Returns:
        What shows it, for the thread of the cell; None where it is not of that kind.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no message.
    """
    match kind:
        case "stream":
            name, text = content["name"], encodable(content["text"])
            if name not in ("stdout", "stderr"):
                raise ValueError("there is no such stream")
            outputs.stream(name, text)
            return lambda: show.stream(name, text)
        case "display_data" | "execute_result" | "update_display_data":
            data, metadata = cleaned(data_of(content), trust=trust), _metadata(content, trust=trust)
            data.pop(VIEW, None)
            view = {VIEW: content["data"][VIEW]} if VIEW in content["data"] else {}
            is_new = kind != "update_display_data"
            display_id = _id_in(content.get("transient", {}) if is_new else content["transient"])
            if is_new:
                count = int(content["execution_count"]) if kind == "execute_result" else None
                outputs.display(data, metadata, display_id, count)
            else:
                outputs.update(data, metadata, display_id)

            def display() -> None:
                shown = {**data, **view} if widgets is not None and widgets.can_show(view) else data
                show.display(shown, metadata, display_id, is_new=is_new)

            return display
        case "clear_output":
            waits = bool(content.get("wait"))
            outputs.clear(waits=waits)
            return lambda: show.clear(waits=waits)
        case "comm_open" | "comm_msg" | "comm_close" if widgets is not None:
            return lambda: widgets.take(kind, content, buffers, trust=trust)
    return None


def _metadata(content: Mapping[str, Any], *, trust: bool) -> dict[str, Any]:
    metadata = content.get("metadata")
    return cleaned_metadata(metadata if isinstance(metadata, dict) else {}, trust=trust)


def data_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """What is displayed: text, or JSON where its kind says so."""
    data = {kind: encodable(value) if isinstance(value, str) else value for kind, value in content["data"].items()}
    if any(not isinstance(value, str) and not kind.endswith("json") for kind, value in data.items()):
        raise TypeError("something else than text is displayed")
    return data


def _id_in(transient: Mapping[str, Any]) -> str:
    display_id = encodable(transient.get("display_id", ""))
    if len(display_id) > LONGEST_ID:
        raise ValueError("no id is so long")
    return display_id


def encodable(text: str) -> str:
    """Text as it can be sent on: halves of signs, which Python may hold, are made visible."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
