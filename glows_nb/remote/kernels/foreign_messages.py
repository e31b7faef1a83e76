"""What a machine's kernel says to a notebook, without what would act in its page; see `cells.foreign`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from glows_nb.remote import keeper
from glows_nb.remote.cells.foreign import cleaned, cleaned_metadata
from glows_nb.remote.cells.foreign_widgets import TARGET, VIEW, cleaned_state

Parts = list[bytes]

DISPLAYS: Final = ("display_data", "execute_result", "update_display_data")
SAID: Final = ("clear_output", "debug_event", "error", "execute_input", "status", "stream")
"""What a front end shows as text, or does not show."""
PAYLOADS: Final = ("page", "set_next_input")


class ForeignMessages:
    """Lets through what a notebook may be told.

    Args:
        trust: all of it, as it is.
    """

    def __init__(self, *, trust: bool) -> None:
        self._trust = trust
        self._models: dict[str, str] = {}
        """The widgets that were let through: the names of their kinds by their ids."""

    def let_through(self, channel: bytes, kind: str, parts: Parts) -> Parts | None:
        """A message as it may be shown; None where it may not.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is no message.
        """
        if self._trust:
            # Who subscribes here is not who did there.
            return None if kind == "iopub_welcome" else parts
        if channel == keeper.IOPUB:
            return self._shown(kind, parts)
        if channel == keeper.STDIN:
            return parts if kind == "input_request" else None
        if kind == "execute_reply":
            return with_content(parts, _executed(_content(parts)))
        if kind == "inspect_reply":
            return with_content(parts, _displayed(_content(parts)))
        if kind == "kernel_info_reply":
            return with_content(parts, _about(_content(parts)))
        return parts if kind.endswith("_reply") else None

    def _shown(self, kind: str, parts: Parts) -> Parts | None:
        if kind in SAID:
            return parts
        if kind.startswith("comm_"):
            content = self._of_comm(kind, _content(parts))
            return None if content is None else with_content(parts, content)
        if kind not in DISPLAYS:
            return None
        content = _content(parts)
        view = _words(content["data"]).get(VIEW)
        shown = _displayed(content)
        if isinstance(view, dict) and view.get("model_id") in self._models:
            shown["data"][VIEW] = view
        return with_content(parts, shown)

    def _of_comm(self, kind: str, content: dict[str, Any]) -> dict[str, Any] | None:
        """A message of a widget's."""
        comm, data = str(content["comm_id"]), _words(content.get("data") or {})
        if kind == "comm_close":
            return None if self._models.pop(comm, None) is None else content
        state = _words(data.get("state") or {})
        if kind == "comm_open" and content.get("target_name") == TARGET:
            self._models[comm] = str(state.get("_model_name"))
        if kind not in ("comm_open", "comm_msg") or comm not in self._models:
            return None
        if kind == "comm_msg" and "state" not in data:
            return content
        shown = cleaned_state(self._models[comm], state, trust=False)
        if shown is None:
            del self._models[comm]
            return None
        return {**content, "data": {**data, "state": shown}}


def with_content(parts: Parts, content: Mapping[str, Any]) -> Parts:
    """The same message with another content."""
    return [*parts[:3], json.dumps(content).encode(), *parts[4:]]


def _content(parts: Parts) -> dict[str, Any]:
    return _words(json.loads(parts[3]))


def _words(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a part is no object")
    return value


def _displayed(content: dict[str, Any]) -> dict[str, Any]:
    """What has representations by MIME type, with those that may be shown."""
    data, metadata = _words(content.get("data") or {}), _words(content.get("metadata") or {})
    return {**content, "data": cleaned(data, trust=False), "metadata": cleaned_metadata(metadata, trust=False)}


def _executed(content: dict[str, Any]) -> dict[str, Any]:
    """A reply may show a page of help, and values that were asked for."""
    payload = [_words(each) for each in content.get("payload") or ()]
    values = {name: _words(value) for name, value in _words(content.get("user_expressions") or {}).items()}
    return {
        **content,
        "payload": [_displayed(each) if "data" in each else each for each in payload if each.get("source") in PAYLOADS],
        "user_expressions": {name: _displayed(value) if "data" in value else value for name, value in values.items()},
    }


def _about(content: dict[str, Any]) -> dict[str, Any]:
    """What a kernel is; its links stand in the menu of help."""
    links = [_words(each) for each in content.get("help_links") or ()]
    return {**content, "help_links": [each for each in links if urlsplit(str(each.get("url"))).scheme == "https"]}
