"""A machine's life as pure decisions: which status follows when, and what a machine has in each.

Nothing here touches the database or the clock. Whether stock is left is known to `store`, which asks here what
happens next and writes it down.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from glows_nb.sandbox.ids import bare

SCHED_QUEUED = "SchedQueued"
PENDING = "Pending"
RUNNING = "Running"
EXITED = "Exited"
CANCELING = "Canceling"
FINISHED = "Finished"
PAUSING = "Pausing"
PAUSED = "Paused"
RESUMING = "Resuming"
UNAVAIL = "Unavail"

STATUS_NAMES = (
    "InvalidNodeStatus", "Pending", "Running", "Exited", "Finished", "Rebooted", "Canceling", "Unavail", "Pausing",
    "Paused", "Resuming", "Snapshotted", "ExitSnapshotted", "Migrating", "Checkpointed", "SchedInit", "SchedQueued",
    "PriceChanged",
)  # fmt: skip
"""The contract's NodeStatusName, in its order."""

RARE_STATUSES = (
    "InvalidNodeStatus", "Rebooted", "Snapshotted", "ExitSnapshotted", "Migrating", "Checkpointed", "SchedInit",
    "PriceChanged",
)  # fmt: skip
"""Names alone: what leads to them and out of them is told nowhere (FACTS 4.1), so that only `admin` does here."""

LIVE_STATUSES = tuple(name for name in STATUS_NAMES if name != FINISHED)
"""All in which a machine counts for the quota: it ends with its release, not with the order to release it."""

SNAPSHOTTING = (PAUSING, PAUSED, RESUMING)
"""While a snapshot is taken of a machine, which cannot be released meanwhile (FACTS 4.2)."""

FOLLOWING = {
    SCHED_QUEUED: (PENDING, 26.0),
    PENDING: (RUNNING, 21.0),
    PAUSING: (PAUSED, 5.0),
    PAUSED: (RESUMING, 30.0),
    RESUMING: (RUNNING, 5.0),
    EXITED: (CANCELING, 2.0),
    CANCELING: (FINISHED, 20.0),
}
"""What comes by itself after a status, and after how many virtual seconds.

Only the first two are known (FACTS 4.3); the others are invented.
"""

PENDING_SECONDS_FROM_SNAPSHOT = 64.0
"""Instead of 21: users plan with one to three minutes for a start from a snapshot (FACTS 4.3)."""

_LASTING = re.compile(r"sleep (\d{1,9}(?:\.\d{1,9})?)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ENDS_AT_ONCE = re.compile(r"(true|false|exit|echo|printf|date|hostname|nvidia-smi)\b[^&|;]*")

_SPECIAL_SIGNS = "!@#$%^&*"
_PASSWORD_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789" + _SPECIAL_SIGNS


@dataclass(frozen=True)
class Hardware:
    """What a machine consists of, all its units together; VRAM is that of each GPU."""

    gpu_name: str
    cpu_name: str
    gpus: int
    gpu_ram_mb: int
    cpus: int
    ram_mb: int
    disk_gb: int


@dataclass(frozen=True)
class Access:
    """A way into a machine: `listen_port` is inside it, `url` leads there from outside."""

    protocol: str
    listen_port: int
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance, complete: it can be shown without looking anywhere else."""

    hash: str
    owner: int
    meta_key: str
    resource_id: str
    units: int
    millicent_per_hour: int
    """Of one unit, as it was when the machine was ordered."""
    hardware: Hardware
    region: str
    domain: int
    category: str
    image_id: str
    image_name: str
    snap_id: str = ""
    snap_name: str = ""
    """Of the snapshot that it was made from; "" when it was made from its image."""
    remark: str
    cmd: str
    envs: str
    ssh_user: str
    password: str
    accesses: tuple[Access, ...]
    created: float
    """Real time; all other times are virtual."""
    status: str
    changed: float
    ran_at: float | None = None
    held_units: int = 0
    """Units of stock that it occupies now."""
    next_status: str | None = None
    next_at: float | None = None
    """None although a next status is there: it waits for stock."""
    command_left: float | None = None
    """For how many seconds of Running its command still has work; None is for ever."""
    source: str = "SourceSDK"

    @property
    def source_snapshot(self) -> str:
        """The hash of the snapshot that it was made from; "" when it was made from its image."""
        return bare(self.snap_id, "snap-")

    @property
    def price_cent(self) -> int:
        """The hourly price of all units in cents, 0 as long as the machine has not run (FACTS 5.1)."""
        if self.ran_at is None:
            return 0
        return (self.millicent_per_hour * self.units + 500) // 1000


def enter(machine: Machine, status: str, at: float, open_accesses: Callable[[Machine], tuple[Access, ...]]) -> Machine:
    """Return the machine as it is when it gets into `status` at virtual time `at`.

    `open_accesses` says where a machine can be reached that begins to run.
    """
    if machine.status == RUNNING and machine.command_left is not None:
        machine = replace(machine, command_left=max(machine.command_left - (at - machine.changed), 0.0))
    next_status, delay = FOLLOWING.get(status, (None, 0.0))
    if status == PENDING:
        machine = replace(machine, held_units=machine.units)
        delay = PENDING_SECONDS_FROM_SNAPSHOT if machine.snap_id else delay
    if status == RUNNING:
        if machine.ran_at is None:
            # A machine that runs again after a snapshot keeps its addresses.
            machine = replace(machine, ran_at=at, accesses=open_accesses(machine))
        if machine.command_left is not None:
            next_status, delay = EXITED, machine.command_left
    if status == FINISHED:
        # Whether the service keeps the addresses of a released machine is unknown; they lead nowhere, so no.
        closed = tuple(replace(access, url="") for access in machine.accesses)
        machine = replace(machine, held_units=0, accesses=closed)
    return replace(
        machine,
        status=status,
        changed=at,
        next_status=next_status,
        next_at=None if next_status is None else at + delay,
    )


def follow(machine: Machine, open_accesses: Callable[[Machine], tuple[Access, ...]]) -> Machine:
    """Return the machine after the change that is next for it, as of the time at which that is due."""
    if machine.next_status is None or machine.next_at is None:
        raise ValueError(f"nothing is due for {machine.hash}")
    return enter(machine, machine.next_status, machine.next_at, open_accesses)


def command_seconds(cmd: str) -> float | None:
    """Return for how many seconds a command runs, None for one that stays, as a server does.

    Nothing is run here, so this is a guess: `sleep 90` and the like, and a few commands that are over at once. What
    isn't known stays; `end` over the admin side ends it.
    """
    parts = [part.strip() for part in re.split(r"&&|;", cmd) if part.strip()]
    seconds = [_part_seconds(part) for part in parts]
    return None if not seconds or None in seconds else float(sum(filter(None, seconds)))


def wait_for_stock(machine: Machine) -> Machine:
    """Return the machine as it stays in the queue because nothing is left for it; `store` wakes it."""
    return replace(machine, next_at=None)


def new_password(chance: random.Random) -> str:
    """Make 16 characters with at least one that a shell would trip over, as the service does (FACTS 3.4)."""
    signs = [chance.choice(_SPECIAL_SIGNS), *chance.choices(_PASSWORD_ALPHABET, k=15)]
    chance.shuffle(signs)
    return "".join(signs)


def _part_seconds(part: str) -> float | None:
    if lasting := _LASTING.fullmatch(part):
        return float(lasting[1]) * _UNITS[lasting[2]]
    return 0.0 if _ENDS_AT_ONCE.fullmatch(part) else None
