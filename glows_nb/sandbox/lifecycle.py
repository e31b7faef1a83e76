"""A machine's life as pure decisions: which status follows when, and what a machine has in each.

Nothing here touches the database or the clock. Whether stock is left is known to `store`, which asks here what
happens next and writes it down.
"""

import random
from dataclasses import dataclass, replace

SCHED_QUEUED = "SchedQueued"
PENDING = "Pending"
RUNNING = "Running"
CANCELING = "Canceling"
FINISHED = "Finished"

STATUS_NAMES = (
    "InvalidNodeStatus", "Pending", "Running", "Exited", "Finished", "Rebooted", "Canceling", "Unavail", "Pausing",
    "Paused", "Resuming", "Snapshotted", "ExitSnapshotted", "Migrating", "Checkpointed", "SchedInit", "SchedQueued",
    "PriceChanged",
)  # fmt: skip
"""The contract's NodeStatusName, in its order."""

LIVE_STATUSES = tuple(name for name in STATUS_NAMES if name != FINISHED)
"""All in which a machine counts for the quota: it ends with its release, not with the order to release it."""

FOLLOWING = {
    SCHED_QUEUED: (PENDING, 26.0),
    PENDING: (RUNNING, 21.0),
    CANCELING: (FINISHED, 20.0),
}
"""What comes by itself after a status, and after how many virtual seconds (FACTS 4.3; Canceling is invented)."""

ACCESS_HOSTS = tuple(f"tw-{number:02}.access.glows.ai" for number in range(2, 8))
OUTSIDE_PORTS = range(23171, 27237)

_ID_ALPHABET = "123456789bdegjklmnopqrvwxyz"
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

    @property
    def price_cent(self) -> int:
        """The hourly price of all units in cents, 0 as long as the machine has not run (FACTS 5.1)."""
        if self.ran_at is None:
            return 0
        return (self.millicent_per_hour * self.units + 500) // 1000


def enter(machine: Machine, status: str, at: float, chance: random.Random) -> Machine:
    """Return the machine as it is when it gets into `status` at virtual time `at`."""
    next_status, delay = FOLLOWING.get(status, (None, 0.0))
    machine = replace(
        machine,
        status=status,
        changed=at,
        next_status=next_status,
        next_at=None if next_status is None else at + delay,
    )
    if status == PENDING:
        return replace(machine, held_units=machine.units)
    if status == RUNNING:
        return replace(machine, ran_at=at, accesses=_opened(machine, chance))
    if status == FINISHED:
        # Whether the service keeps the addresses of a released machine is unknown; they lead nowhere, so no.
        closed = tuple(replace(access, url="") for access in machine.accesses)
        return replace(machine, held_units=0, accesses=closed)
    return machine


def follow(machine: Machine, chance: random.Random) -> Machine:
    """Return the machine after the change that is next for it, as of the time at which that is due."""
    if machine.next_status is None or machine.next_at is None:
        raise ValueError(f"nothing is due for {machine.hash}")
    return enter(machine, machine.next_status, machine.next_at, chance)


def wait_for_stock(machine: Machine) -> Machine:
    """Return the machine as it stays in the queue because nothing is left for it; `store` wakes it."""
    return replace(machine, next_at=None)


def new_hash(chance: random.Random) -> str:
    """Make the eight characters of an id, from the characters that real ids have (FACTS 5.3)."""
    return "".join(chance.choices(_ID_ALPHABET, k=8))


def new_password(chance: random.Random) -> str:
    """Make 16 characters with at least one that a shell would trip over, as the service does (FACTS 3.4)."""
    signs = [chance.choice(_SPECIAL_SIGNS), *chance.choices(_PASSWORD_ALPHABET, k=15)]
    chance.shuffle(signs)
    return "".join(signs)


def _opened(machine: Machine, chance: random.Random) -> tuple[Access, ...]:
    # The host never carries the machine's own region: one must not be taken for the other (FACTS 0.1, 12), and
    # here a client that does so is wrong every time.
    host = chance.choice([name for name in ACCESS_HOSTS if not name.startswith(machine.region.lower())])
    ports = chance.sample(OUTSIDE_PORTS, k=len(machine.accesses))
    token = new_hash(chance)
    return tuple(
        replace(access, url=_url(access.protocol, host, port, token))
        for access, port in zip(machine.accesses, ports, strict=True)
    )


def _url(protocol: str, host: str, port: int, token: str) -> str:
    return f"ssh://{host}:{port}" if protocol == "ssh" else f"https://{host}:{port}?token={token}"
