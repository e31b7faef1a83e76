"""A cell that runs again replaces the widgets it made before: they are closed, and what was typed goes on.

The notebook names its cells in every request to run one; without such a name, in a terminal or a script, nothing is
replaced.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, Final, Protocol, TypeVar

from IPython.core.getipython import get_ipython


class Closable(Protocol):
    """A widget that holds threads, tasks or models until it is closed."""

    def close(self) -> None:
        """Let go of everything."""


WidgetT = TypeVar("WidgetT", bound=Closable)

_lock: Final = Lock()
_made: dict[tuple[str, type[Any]], tuple[str, list[Any], list[Any]]] = {}
"""By cell and kind: the run that made them, the widgets of that run, and those of the run before not yet replaced."""


def replace_earlier(widget: WidgetT) -> WidgetT | None:
    """Remember what this run of the cell has made, and give what it replaces: the one of the run before, if any.

    The caller takes over what it wants of that and closes it.
    """
    cell, run = _current_run()
    if not cell:
        return None
    kind = type(widget)
    with _lock:
        last_run, made, waiting = _made.get((cell, kind), ("", [], []))
        if last_run != run:
            made, waiting = [], made + waiting
        earlier = waiting.pop(0) if waiting else None
        made.append(widget)
        _made[cell, kind] = (run, made, waiting)
    return earlier


def forget(widget: Closable) -> None:
    """A widget was closed by hand: nothing has to be kept for it."""
    with _lock:
        for _, made, waiting in _made.values():
            for widgets in (made, waiting):
                if widget in widgets:
                    widgets.remove(widget)


def _current_run() -> tuple[str, str]:
    """The running cell's id and the id of the request that runs it; empty where the front end names no cells."""
    shell: Any = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return "", ""
    request = shell.get_parent() or {}
    cell = request.get("metadata", {}).get("cellId") or ""
    return str(cell), str(request.get("header", {}).get("msg_id", ""))
