"""What a machine's kernel knows of names: how they can go on, and what they are."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from glows_nb.api.errors import GlowsError
from glows_nb.formatting import visible
from glows_nb.remote import calling, keeper
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.cells import foreign_json
from glows_nb.remote.cells.foreign import cleaned
from glows_nb.remote.errors import LIES

if TYPE_CHECKING:
    from glows_nb.remote.cells.attachment import Frame
    from glows_nb.remote.machine import Machine

ANSWERS_WITHIN: Final = 10.0
"""At the first time the kernel loads what it completes with; one that computes is not asked."""
MOST_MATCHES: Final = 1000
LONGEST_MATCH: Final = 500
TYPES: Final = "_jupyter_types_experimental"


def complete(machine: Machine, code: str, cursor: int) -> tuple[int, list[tuple[str, str]]] | None:
    """How code can go on at a place, by the names in a machine's kernel.

    Args:
        machine: which.
        code: a cell's text.
        cursor: the place, in characters.

    Returns:
        Where the word begins that goes on, and the words that it can be, each with what kind it is; None where the
        kernel computes.
    """
    answer = _answer(machine, "complete_request", {"code": code, "cursor_pos": cursor})
    try:
        if answer is None:
            return None
        kinds = {str(each["text"]): str(each.get("type", "")) for each in answer.get("metadata", {}).get(TYPES, ())}
        words = [word for word in answer["matches"][:MOST_MATCHES] if _is_shown(word)]
        return max(0, min(int(answer["cursor_start"]), cursor)), [
            (word, visible(kinds.get(word, ""))[:30]) for word in words
        ]
    except LIES:
        return None


def inspect(machine: Machine, name: str, detail: int) -> dict[str, Any] | None:
    """What a name is in a machine's kernel.

    Args:
        machine: which.
        name: the name, with its dots.
        detail: 1 is with its source.

    Returns:
        Its description by MIME type; None where there is no such name, or the kernel computes.
    """
    words = {"code": name, "cursor_pos": len(name), "detail_level": detail}
    answer = _answer(machine, "inspect_request", words) or {}
    data = answer.get("data")
    if answer.get("found") is not True or not isinstance(data, dict):
        return None
    shown = cleaned(data, trust=False)
    return shown if isinstance(shown.get("text/plain"), str) else None


def _is_shown(word: object) -> bool:
    return isinstance(word, str) and len(word) <= LONGEST_MATCH and visible(word) == word


def _answer(machine: Machine, kind: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return calling.run(lambda caller: in_time(_asked(machine, caller, kind, content), ANSWERS_WITHIN))
    except (GlowsError, TimeoutError, *LIES):
        return None


async def _asked(machine: Machine, caller: Caller, kind: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    from glows_nb.remote.cells.attachment import Listener

    attachment = await machine._handle.attachment(caller)
    message = uuid.uuid4().hex

    def is_answer(frame: Frame) -> bool:
        return frame.channel == keeper.SHELL and foreign_json.read(frame.parts[1]).get("msg_id") == message

    listener = Listener(is_answer, lambda told: int(told["last"]) + 1)
    try:
        told = await attachment.ask("follow", listener, **{"from": int(attachment.told["last"]) + 1})
        if told["state"] != "idle":
            return None
        attachment.say(kind, message, content)
        while (frames := await listener.taken()) is not None:
            for frame in frames:
                answer = foreign_json.read_content(frame.parts[3])
                return answer if isinstance(answer, dict) else None
        return None
    finally:
        attachment.leave(listener)
