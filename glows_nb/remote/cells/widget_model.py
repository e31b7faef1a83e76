"""A widget of a machine's kernel as a widget of the kernel here: a page that is loaded anew asks for its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import comm
from ipywidgets.widgets.widget import Widget, _put_buffers, _remove_buffers

TARGET: Final = "jupyter.widget"
PROTOCOL: Final = {"version": "2.1.0"}
Tell = Callable[[str, Mapping[str, Any], Sequence[bytes]], None]
"""Says something to the widget on the machine: its id, the words, and buffers."""


class RemoteWidget(Widget):  # type: ignore[misc]  # ipywidgets has no types
    """What the page knows of a widget that is on a machine.

    Args:
        model_id: its id there, which is its id here.
        state: its values.
        tell: is called when somebody moves it here.
    """

    def __init__(self, model_id: str, state: dict[str, Any], tell: Tell) -> None:
        self.values = state
        without, paths, buffers = _remove_buffers(state)
        channel = comm.create_comm(
            target_name=TARGET,
            comm_id=model_id,
            data={"state": without, "buffer_paths": paths},
            metadata=PROTOCOL,
            buffers=buffers,
        )
        super().__init__(comm=channel)
        for name in ("_model_module", "_model_module_version", "_model_name"):
            self.set_trait(name, str(state.get(name)))

        def hear(message: Mapping[str, Any]) -> None:
            data = message["content"]["data"]
            if isinstance(data, dict):
                self.values.update(with_buffers(data, message["buffers"]).get("state", {}))
                tell(model_id, data, message["buffers"])

        channel.on_msg(hear)

    def change(self, words: Mapping[str, Any], changed: dict[str, Any]) -> None:
        """Its values have changed there; `words` are those of the message, without the values."""
        self.values.update(changed)
        without, paths, buffers = _remove_buffers(changed)
        self.comm.send({**words, "state": without, "buffer_paths": paths}, buffers=buffers)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Its values."""
        return dict(self.values)

    def send_state(self, key: Any = None) -> None:
        """Nothing: its values are made there."""


def with_buffers(data: Mapping[str, Any], buffers: Sequence[Any]) -> dict[str, Any]:
    """The words of a message, its buffers in their places.

    Raises:
        KeyError, IndexError, TypeError: there are no such places.
    """
    made = {**data, "state": dict(data.get("state") or {})}
    _put_buffers(made["state"], data.get("buffer_paths") or [], buffers)
    return made
