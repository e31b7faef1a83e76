"""What a machine says of a job, once it is believed; and where it is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from glows_nb.formatting import visible
from glows_nb.ledger.jobs import LOST_WITH_MACHINE
from glows_nb.remote.errors import RemoteError

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
STOPPED: Final = "stopped"
LOST: Final = "lost"

TOLD_THERE: Final = frozenset({QUEUED, RUNNING, DONE, FAILED, STOPPED, LOST})
OVER: Final = frozenset({DONE, FAILED, STOPPED, LOST, LOST_WITH_MACHINE})

LONGEST_TITLE: Final = 100
LONGEST_NAME: Final = 64
LONGEST_PATH: Final = 4096
LONGEST_SIGNAL: Final = 16
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
MOST_RUNS: Final = 1_000_000
LARGEST_LOG: Final = 1 << 50


@dataclass(frozen=True)
class Told:
    """A job as its machine last told of it; times are by the machine's clock.

    Attributes:
        name: by what it is found.
        number: which of the runs under this name.
        status: one of this module's words.
        title: the beginning of what was run.
        folder: where it runs, below the home.
        then: what was asked for after it; "" for nothing.
        created: when it was sent there, which tells it from another one of another machine with the same id.
        began: when; None while it waits.
        ended: when; None until then, and where nobody saw it.
        exit_status: of its program; None where a signal ended it, or nothing did yet.
        signal: the signal that ended it; "" for none.
        size: of its log, in bytes.
        is_left: does what a lost one has begun run on?
        seconds: how long it ran, or has run so far; None where it did not, or nobody knows until when.
    """

    name: str
    number: int
    status: str
    title: str
    folder: str
    then: str
    created: datetime
    began: datetime | None
    ended: datetime | None
    exit_status: int | None
    signal: str
    size: int
    is_left: bool
    seconds: float | None

    @property
    def is_over(self) -> bool:
        """Does it run no more, and wait no more?"""
        return self.status in OVER

    @property
    def took(self) -> timedelta | None:
        """How long it ran, or has run so far."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)

    def lost_with_machine(self) -> Told:
        """The same, where its machine has ended: what was not known to be over is lost with it."""
        return self if self.is_over else replace(self, status=LOST_WITH_MACHINE, seconds=None)


def believed(words: Any, machine: str) -> Told:
    """What a machine says of a job.

    Args:
        words: what it says.
        machine: its name, for a sentence.

    Raises:
        RemoteError: that can't be true.
    """
    try:
        return _believed(words)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RemoteError(f"{machine} can't be believed: what it says of a job is none.") from error


def _believed(words: Mapping[str, Any]) -> Told:
    status, number = words["status"], words["number"]
    created, began, ended, now = (_moment(words[name]) for name in ("created", "began", "ended", "now"))
    exit_status = words["exit_status"]
    if status not in TOLD_THERE or not _is_whole(number, 1, MOST_RUNS) or now is None or created is None:
        raise ValueError("no such job")
    if exit_status is not None and not _is_whole(exit_status, 0, 255):
        raise ValueError("no status of a program")
    if (status == DONE and exit_status != 0) or (status == FAILED and exit_status == 0):
        raise ValueError("done is 0 and nothing else")
    if status in (QUEUED, RUNNING, LOST) and exit_status is not None:
        raise ValueError("what has not ended has no status")
    if not _is_whole(words["size"], 0, LARGEST_LOG) or not isinstance(words["is_left"], bool):
        raise ValueError("no log")
    until = now if status == RUNNING else ended
    return Told(
        name=_text(words["name"], LONGEST_NAME),
        number=number,
        status=status,
        title=visible(_text(words["title"], LONGEST_TITLE)),
        folder=_text(words["folder"], LONGEST_PATH),
        then=_text(words["then"], LONGEST_NAME),
        created=created,
        began=began,
        ended=ended,
        exit_status=exit_status,
        signal=visible(_text(words["signal"], LONGEST_SIGNAL)),
        size=words["size"],
        is_left=words["is_left"],
        # Its clock may have been set back meanwhile.
        seconds=None if began is None or until is None else max(0.0, (until - began).total_seconds()),
    )


def _is_whole(number: object, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most


def _text(text: object, longest: int) -> str:
    if not isinstance(text, str) or len(text) > longest:
        raise ValueError("no text, or too long a one")
    return text


def _moment(seconds: object) -> datetime | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError("no time")
    if not (math.isfinite(seconds) and 0 <= seconds < LATEST):
        raise ValueError("no time of ours")
    return datetime.fromtimestamp(seconds, UTC)
