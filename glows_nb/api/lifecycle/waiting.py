"""Wait until a machine reaches a status: growing pauses, a deadline, a word at each change.

Nothing here stops or releases a machine: when a wait ends, however it ends, the machine goes on as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from glows_nb.api.errors import InternalError, InvalidRequest, MachineEnded, RateLimited, TransportError, WaitTimeout
from glows_nb.api.models.instances import Instance
from glows_nb.api.operations.instances import get_instance
from glows_nb.api.ports import SSH_PORT
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.api.steps import Operation, Steps, pause, perform, probe

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
GROWTH: Final = 1.3

REACHABLE_PAUSE: Final = 2.0

PASSES: Final = (TransportError, RateLimited, InternalError)
OUTAGE: Final = 60.0
"""Seconds for which a wait outlasts a service that is away or busy, beyond what each request is repeated anyway."""

ENDING: Final = (InstanceStatus.EXITED, InstanceStatus.CANCELING, InstanceStatus.FINISHED)
"""How a machine ends, in this order: one that has Exited is released by the service itself (FACTS 4.2)."""

OnChange = Callable[[Instance], None]


def wait_for_status(
    request_id: str,
    until: str = InstanceStatus.RUNNING,
    timeout: float = 600,
    on_change: OnChange | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Instance]:
    """Poll until the machine's status is `until`; `on_change` hears of each new status, the first included.

    Once the machine was seen, an outage of the service is outlasted for a minute.

    Raises:
        InvalidRequest: `until` is no status of the contract, or the timeout is not positive.
        MachineEnded: the machine ended, so `until` can't come.
        WaitTimeout: `timeout` seconds passed.
        TransportError, RateLimited, InternalError: the service was away for longer than a wait outlasts.
    """
    if until not in list(InstanceStatus):
        raise InvalidRequest("until", f"{until!r} is no status; there are {', '.join(InstanceStatus)}.")
    if not timeout > 0:
        raise InvalidRequest("timeout", f"{timeout!r} is not a number of seconds above 0.")
    too_late = ENDING[ENDING.index(InstanceStatus(until)) + 1 :] if until in ENDING else ENDING
    deadline = clock() + timeout
    operation = get_instance(request_id)
    wait, last_status = FIRST_PAUSE, None
    while True:
        patience = 0.0 if last_status is None else min(OUTAGE, deadline - clock())
        instance = yield from _look(operation, patience, clock)
        if instance.status != last_status:
            last_status, wait = instance.status, FIRST_PAUSE
            if on_change is not None:
                on_change(instance)
        if instance.status == until:
            return instance
        if instance.status in too_late:
            raise MachineEnded(f"Machine {request_id} is {instance.status} and will not become {until}.", instance)
        remaining = deadline - clock()
        if remaining <= 0:
            raise WaitTimeout(
                f"Machine {request_id} is still {instance.status}, not {until}, after {timeout:g} s; "
                "it goes on as it was. Wait again, or release it.",
                instance,
            )
        yield from pause(min(wait, remaining))
        wait = min(wait * GROWTH, LONGEST_PAUSE)


def wait_until_reachable(
    request_id: str,
    port: int = SSH_PORT,
    timeout: float = 600,
    on_change: OnChange | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Instance]:
    """Wait until a machine is Running and something answers at the address of `port`: sshd is later than Running.

    Raises:
        InvalidRequest: the machine has no such port.
        MachineEnded: the machine ended.
        WaitTimeout: `timeout` seconds passed.
    """
    deadline = clock() + timeout
    instance = yield from wait_for_status(request_id, InstanceStatus.RUNNING, timeout, on_change, clock)
    while True:
        if instance.status in LEAVING:
            raise MachineEnded(f"Machine {request_id} is {instance.status}; nothing will answer there.", instance)
        url = instance.url(port)
        if url is None:
            ports = ", ".join(str(access.listen_port) for access in instance.accesses)
            raise InvalidRequest("port", f"machine {request_id} has no address for port {port}; it has {ports}.")
        if (yield from probe(url.get_secret_value(), is_ssh=port == SSH_PORT)):
            return instance
        if clock() >= deadline:
            raise WaitTimeout(
                f"Machine {request_id} is {instance.status}, but nothing answers at port {port} after {timeout:g} s.",
                instance,
            )
        yield from pause(min(REACHABLE_PAUSE, max(0.0, deadline - clock())))
        instance = yield from _look(get_instance(request_id), min(OUTAGE, deadline - clock()), clock)


def _look(operation: Operation[Instance], patience: float, clock: Callable[[], float]) -> Steps[Instance]:
    """The machine, asked for again while the service is away, for so many seconds."""
    end = clock() + patience
    while True:
        try:
            return (yield from perform(operation))
        except PASSES as error:
            failure = error
        remaining = end - clock()
        if remaining <= 0:
            raise failure
        yield from pause(min(LONGEST_PAUSE, remaining))
