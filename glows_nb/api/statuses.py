"""The statuses of machines, snapshots and places in networks.

They stand apart from the models: completion and tables need the words and no pydantic.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
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


class SnapshotStatus(IntEnum):
    """A snapshot's status number; 3 is inferred from the contract's sample, the other words are guesses (FACTS 7)."""

    INVALID = 0
    PENDING = 1
    SAVING = 2
    AVAILABLE = 3
    FAILED = 4
    DELETING = 5
    RESTORABLE = 6
    DELETED = 7


class EndpointStatus(IntEnum):
    """An endpoint's status number; the words are inferred from the machine's own report (FACTS 6)."""

    CONNECTING = 1
    CONNECTED = 2
