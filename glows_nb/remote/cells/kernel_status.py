"""What a machine's kernel is doing, and what ran in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from glows_nb.formatting import counted, visible

if TYPE_CHECKING:
    from glows_nb.api.client import AsyncClient, Client
    from glows_nb.remote.lines.line import Line

Told = Callable[[], Mapping[str, Any] | None]
"""Gives what a keeper told last; None where nobody is attached to it any more."""

_told: Final[dict[tuple[str, str, str], Told]] = {}


def know(client: Client | AsyncClient, instance_id: str, told: Told) -> None:
    """Somebody is attached to a machine's keeper, which tells of every change."""
    _told[client.base_url, client.account_mark, instance_id] = told


def known_kernel(client: Client | AsyncClient, instance_id: str) -> KernelStatus | None:
    """A machine's kernel, as far as it is known without asking; None where nobody here is attached to its keeper."""
    ask = _told.get((client.base_url, client.account_mark, instance_id))
    told = ask() if ask is not None else None
    try:
        return None if told is None else status_of({**told, "runs": ()})
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        return None


_used: Final[WeakKeyDictionary[Line, object]] = WeakKeyDictionary()
"""The process that a cell from here was last run by."""


def remember(line: Line, told: Mapping[str, Any] | None) -> None:
    """A cell has been run in this kernel; None is to expect another one."""
    if told is None:
        _used.pop(line, None)
    elif isinstance(kernel := told.get("kernel"), dict) and kernel.get("pid") is not None:
        _used[line] = kernel["pid"]


def is_another(line: Line, told: Mapping[str, Any]) -> bool:
    """Is it another kernel than the one that the last cell from here was run in?"""
    return line in _used and (not isinstance(told["kernel"], dict) or told["kernel"].get("pid") != _used[line])


@dataclass(frozen=True)
class Run:
    """A cell that was run in a machine's kernel.

    Attributes:
        run_id: which one.
        title: how its code begins.
        state: "waiting", "running" or "over".
        status: how it ended: "ok", "error", "died" or "ended"; "" while it has not.
        began: when it was asked for.
        seconds: how long it took, or has taken.
        is_seen: has somebody seen its end?
    """

    run_id: str
    title: str
    state: str
    status: str
    began: datetime
    seconds: float
    is_seen: bool


@dataclass(frozen=True, repr=False)
class KernelStatus:
    """A machine's kernel.

    Attributes:
        state: "idle", "busy", "starting", or "none" where none runs.
        since: since when.
        python: its version; "" where none runs.
        runs: what ran in it lately, the oldest first.
    """

    state: str
    since: datetime
    python: str
    runs: list[Run]

    def __repr__(self) -> str:
        python = f", Python {self.python}" if self.python else ""
        waiting = sum(run.state != "over" for run in self.runs)
        since = self.since.astimezone().strftime("%H:%M")
        return visible(f"<KernelStatus: {self.state} since {since}{python}, {counted(waiting, 'cell')} to be run>")


def status_of(told: Mapping[str, Any]) -> KernelStatus:
    """As a keeper tells it, whose clock may be another than ours.

    Raises:
        ValueError, KeyError, TypeError: it tells something else.
    """
    ahead = float(told["now"]) - time.time()

    def at(seconds: float) -> datetime:
        return datetime.fromtimestamp(float(seconds) - ahead, UTC)

    runs = [
        Run(
            str(run["id"]),
            visible(str(run["title"])),
            str(run["state"]),
            str(run["status"] or ""),
            at(run["began"]),
            float(run["ended"] or told["now"]) - float(run["began"]),
            bool(run["is_seen"]),
        )
        for run in told["runs"]
    ]
    return KernelStatus(str(told["state"]), at(told["since"]), visible(str(told["kernel"].get("version", ""))), runs)
