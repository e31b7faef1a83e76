"""The widgets of a machine's kernel that are shown here: what is said to them there is passed on to the page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from IPython.core.getipython import get_ipython

from glows_nb.remote import keeper
from glows_nb.remote.cells import foreign_json
from glows_nb.remote.cells.attachment import Attachment, Frame, Listener
from glows_nb.remote.cells.foreign_widgets import TARGET, VIEW, cleaned_state
from glows_nb.remote.errors import LIES, RemoteError

if TYPE_CHECKING:
    from glows_nb.remote.cells.widget_model import RemoteWidget, Tell

MOST_WIDGETS: Final = 2000
NAMES: Final = "IPY_MODEL_"
LARGEST_BUFFERS: Final = 50_000_000


class WidgetRelay:
    """The widgets of one machine's kernel.

    What a cell says to them is passed on by whoever shows the cell, in the order of its other outputs. What is said at
    other times comes by a listener of the relay's own.

    Args:
        name: of the machine.
        tell: says to a widget on the machine what was done to it here.
    """

    def __init__(self, name: str, tell: Tell) -> None:
        self.waiting: dict[str, asyncio.Queue[Frame | None]] = {}
        """Who waits for what comes of a message to a widget, by its id."""
        self._name, self._tell = name, tell
        self._models: dict[str, tuple[RemoteWidget, bool]] = {}
        """By id: the widget, and whether it is trusted."""
        self._shown: set[str] = set()
        """The runs that somebody here shows."""
        self._life, self._next = "", 0
        self._followed: Attachment | None = None
        self._following: asyncio.Task[None] | None = None

    def show_run(self, run_id: str) -> None:
        """Leave what this run says to whoever shows it."""
        self._shown.add(run_id)

    def leave_run(self, run_id: str) -> None:
        """Nobody shows it any more."""
        self._shown.discard(run_id)

    def can_show(self, data: Mapping[str, Any]) -> bool:
        """Is it of a widget that is here?"""
        view = data.get(VIEW)
        return isinstance(view, dict) and view.get("model_id") in self._models

    def is_trusted(self, model_id: str) -> bool | None:
        """Is what this widget shows to be shown as it is? None where there is no such widget."""
        return self._models[model_id][1] if model_id in self._models else None

    def take(self, kind: str, content: Mapping[str, Any], buffers: Sequence[bytes], *, trust: bool) -> None:
        """Pass a message on to the page; in the thread of the cell that it belongs to.

        Raises:
            RemoteError: it is no message to a widget.
        """
        try:
            model_id = str(content["comm_id"])
            if kind == "comm_open":
                self._open(model_id, content, buffers, trust=trust)
            elif model_id in self._models:
                model, trust = self._models[model_id]
                if kind == "comm_close":
                    del self._models[model_id]
                    model.close()
                else:
                    self._change(model, content["data"], buffers, trust=trust)
        except LIES as error:
            raise RemoteError(f"{self._name} can't be believed: what it says to a widget is no message.") from error

    def _open(self, model_id: str, content: Mapping[str, Any], buffers: Sequence[bytes], *, trust: bool) -> None:
        import comm

        from glows_nb.remote.cells.widget_model import RemoteWidget, with_buffers

        # One that is here already, perhaps of this kernel's own, is not for a machine to replace.
        is_known = model_id in comm.get_comm_manager().comms
        if content["target_name"] != TARGET or is_known or len(self._models) >= MOST_WIDGETS:
            return
        state = with_buffers(content["data"], buffers)["state"]
        shown = cleaned_state(str(state.get("_model_name")), state, trust=trust)
        if shown is not None:
            shown = self._without_others(shown)
            self._models[model_id] = RemoteWidget(model_id, shown, self._tell), trust

    def follow(self, attachment: Attachment, first: int = 0) -> None:
        """Hear what is said to widgets, in the loop of the line; where it was not heard before, from a number on.

        Without a number only where there are widgets.
        """
        if attachment.life != self._life:
            self._models.clear()
            self._life, self._next = attachment.life, 0
        self._next = self._next or first
        if self._followed is attachment or not self._next:
            return
        self._followed = attachment
        listener = attachment.listen(self._next, _is_of_widgets)
        self._following = asyncio.create_task(self._follow(attachment, listener))

    async def _follow(self, attachment: Attachment, listener: Listener) -> None:
        while (frames := await listener.taken()) is not None:
            for frame in frames:
                # A machine that talks nonsense here loses what its widgets do, and nothing else.
                with suppress(RemoteError, *LIES):
                    self._hear(frame)
                self._next = frame.number + 1
        if self._followed is attachment:
            self._followed = None
        for each in self.waiting.values():
            each.put_nowait(None)

    def _hear(self, frame: Frame) -> None:
        if frame.channel == keeper.EVENT:
            words = foreign_json.read(frame.parts[0])
            if words["event"] == "end":
                self._shown.discard(words["run"])
            elif words["event"] == "ended":
                self._models.clear()
            return
        kind, parent = foreign_json.read(frame.parts[0])["msg_type"], foreign_json.read(frame.parts[1])["msg_id"]
        if parent in self.waiting:
            self.waiting[parent].put_nowait(frame)
        elif kind.startswith("comm_") and parent not in self._shown:
            self.take(kind, foreign_json.read_content(frame.parts[3]), frame.parts[4:], trust=False)

    def _change(self, model: RemoteWidget, data: Any, buffers: Sequence[bytes], *, trust: bool) -> None:
        from glows_nb.remote.cells.widget_model import with_buffers

        if sum(map(len, buffers)) > LARGEST_BUFFERS:
            return
        if data.get("method") not in ("update", "echo_update"):
            model.comm.send(dict(data), buffers=list(buffers))
            return
        state = cleaned_state(str(model._model_name), with_buffers(data, buffers)["state"], trust=trust)
        if state is not None:
            if state.get("msg_id"):
                # An Output widget takes what belongs to a message, which is another one here than there.
                state["msg_id"] = _message_here()
            words = {name: value for name, value in data.items() if name not in ("state", "buffer_paths")}
            model.change(words, self._without_others(state))

    def _without_others(self, value: Any) -> Any:
        """Of a state what names widgets that are here: for one that is not, the page would show nothing at all."""
        if isinstance(value, dict):
            return {name: self._without_others(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._without_others(each) for each in value if not self._names_another(each)]
        return None if self._names_another(value) else value

    def _names_another(self, value: Any) -> bool:
        return isinstance(value, str) and value.startswith(NAMES) and value.removeprefix(NAMES) not in self._models


def _is_of_widgets(frame: Frame) -> bool:
    if frame.channel == keeper.EVENT:
        return True
    is_of_one = b'"comm_' in frame.parts[0] or b'"comm_msg"' in frame.parts[1]
    return frame.channel == keeper.IOPUB and len(frame.parts) >= 4 and is_of_one


def _message_here() -> str:
    """The id of the message that the kernel here works on."""
    shell: Any = get_ipython()
    return str(shell.get_parent().get("header", {}).get("msg_id", ""))
