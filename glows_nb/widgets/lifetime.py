"""A cell that runs again replaces the widgets it made before: they are closed, and what was typed goes on.

The notebook names its cells in every request to run one; without such a name, in a terminal or a script, nothing is
replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Protocol, TypeVar

from IPython.core.getipython import get_ipython


class Closable(Protocol):
    """A widget that holds threads, tasks or models until it is closed."""

    def close(self) -> None:
        """Let go of everything."""


WidgetT = TypeVar("WidgetT", bound=Closable)


@dataclass
class _Made:
    """The widgets of one kind that a cell has made: in its last run, and before that and not yet replaced."""

    run: str = ""
    now: list[Any] = field(default_factory=list)
    before: list[Any] = field(default_factory=list)


_lock: Final = Lock()
_made: Final[dict[tuple[str, type[Any]], _Made]] = {}
"""By cell and kind."""


def replace_earlier(widget: WidgetT) -> WidgetT | None:
    """Remember what this run of the cell has made, and give what it replaces: the one of the run before, if any.

    The caller takes over what it wants of that and closes it. What a run leaves unreplaced is closed at its end.
    """
    cell, run = _current_run()
    if not cell:
        return None
    _watch_ends_of_runs(get_ipython())
    with _lock:
        made = _made.setdefault((cell, type(widget)), _Made(run))
        if made.run != run:
            made.run, made.now, made.before = run, [], made.now + made.before
        made.now.append(widget)
        return made.before.pop(0) if made.before else None


def forget(widget: Closable) -> None:
    """A widget was closed: nothing has to be kept for it."""
    with _lock:
        for key, made in list(_made.items()):
            # By identity: traits make widgets compare in ways of their own.
            made.now = [kept for kept in made.now if kept is not widget]
            made.before = [kept for kept in made.before if kept is not widget]
            if not made.now and not made.before:
                del _made[key]


def _watch_ends_of_runs(shell: Any) -> None:
    if _close_unreplaced not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _close_unreplaced)


def _close_unreplaced(result: Any) -> None:
    """The cell has run to its end: what its earlier runs made and this one did not replace is on no page any more."""
    cell, run = _current_run()
    with _lock:
        left: list[Any] = []
        for (of_cell, _), made in _made.items():
            if of_cell == cell:
                left += made.before + (made.now if made.run != run else [])
    for widget in left:
        widget.close()
        forget(widget)


def _current_run() -> tuple[str, str]:
    """The running cell's id and the id of the request that runs it; empty where the front end names no cells."""
    shell: Any = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return "", ""
    request = shell.get_parent() or {}
    cell = request.get("metadata", {}).get("cellId") or ""
    return str(cell), str(request.get("header", {}).get("msg_id", ""))
