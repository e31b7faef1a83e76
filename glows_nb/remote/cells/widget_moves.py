"""Says to a machine's kernel what was done here to a widget of its, and shows what comes of that."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from glows_nb.api.errors import GlowsError
from glows_nb.remote import calling
from glows_nb.remote.calling import Caller
from glows_nb.remote.cells import foreign_json
from glows_nb.remote.cells.attachment import attached
from glows_nb.remote.cells.messages import taken
from glows_nb.remote.cells.outputs import Outputs
from glows_nb.remote.cells.showing import Show
from glows_nb.remote.cells.widget_relay import WidgetRelay
from glows_nb.remote.errors import LIES
from glows_nb.remote.lines.line import Line

BEGINS_WITHIN: Final = 3.0
"""Seconds in which a kernel takes up what it is told; one that is busy does so later, and nobody waits for that."""

_relays: Final[WeakKeyDictionary[Line, WidgetRelay]] = WeakKeyDictionary()


def relay_of(line: Line) -> WidgetRelay:
    """The widgets of a machine that are shown here; its line belongs to the loop of `calling`."""

    def tell(model_id: str, data: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        with suppress(GlowsError):  # the page can't be told that the line broke; a cell will be
            calling.run(lambda caller: _move(caller, line, relay, model_id, data, buffers))

    relay = _relays.get(line) or WidgetRelay(line.short_name, tell)
    return _relays.setdefault(line, relay)


async def _move(
    caller: Caller, line: Line, relay: WidgetRelay, model_id: str, data: Mapping[str, Any], buffers: Sequence[bytes]
) -> None:
    attachment = await attached(line, caller, None)
    relay.follow(attachment)
    if relay.is_trusted(model_id) is None:
        return
    message = uuid.uuid4().hex
    came = relay.waiting[message] = asyncio.Queue()
    outputs, show = Outputs(), Show(line.short_name)
    try:
        attachment.say("comm_msg", message, {"comm_id": model_id, "data": dict(data)}, buffers)
        async with asyncio.timeout(BEGINS_WITHIN) as until_begun:
            while (frame := await came.get()) is not None:
                until_begun.reschedule(None)
                with suppress(*LIES):
                    kind = foreign_json.read(frame.parts[0])["msg_type"]
                    content = foreign_json.read_content(frame.parts[3])
                    if kind == "status" and content["execution_state"] == "idle":
                        return
                    trust = bool(relay.is_trusted(model_id))
                    do = taken(kind, content, frame.parts[4:], outputs, show, relay, trust=trust)
                    if do is not None:
                        await caller.call(do)
    except TimeoutError:
        return
    except asyncio.CancelledError:
        attachment.tell("interrupt")
        raise
    finally:
        del relay.waiting[message]
