"""What a machine's kernel is doing, and what ran in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from glows_nb.formatting import counted, visible


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
