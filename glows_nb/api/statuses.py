"""The statuses of a machine. They stand apart from its model, since completion needs the words and no pydantic."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class InstanceStatus(StrEnum):
    """The status words of the contract; a word it lacks stays plain text."""

    INVALID = "InvalidNodeStatus"
    PENDING = "Pending"
    RUNNING = "Running"
    EXITED = "Exited"
    FINISHED = "Finished"
    REBOOTED = "Rebooted"
    CANCELING = "Canceling"
    UNAVAIL = "Unavail"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    RESUMING = "Resuming"
    SNAPSHOTTED = "Snapshotted"
    EXIT_SNAPSHOTTED = "ExitSnapshotted"
    MIGRATING = "Migrating"
    CHECKPOINTED = "Checkpointed"
    SCHED_INIT = "SchedInit"
    SCHED_QUEUED = "SchedQueued"
    PRICE_CHANGED = "PriceChanged"


ENDED: Final = frozenset({InstanceStatus.FINISHED, InstanceStatus.EXITED})
"""No machine comes back from these. Exited (its command ended) is released by the service itself (FACTS 4.2)."""

LEAVING: Final = ENDED | {InstanceStatus.CANCELING}
"""Ended, or on the way there: no use can be made of such a machine any more."""
