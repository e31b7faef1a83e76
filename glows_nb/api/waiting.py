"""Wait until a machine reaches a status: growing pauses, a deadline, a word at each change.

Nothing here stops or releases a machine: when a wait ends, however it ends, the machine goes on as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from glows_nb.api.errors import InvalidRequest, MachineEnded, WaitTimeout
from glows_nb.api.models import ENDED, LEAVING, Instance, InstanceStatus
from glows_nb.api.operations import Steps, get_instance, pause, perform

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
GROWTH: Final = 1.3

OnChange = Callable[[Instance], None]


def wait_for_status(
    request_id: str,
    until: str = InstanceStatus.RUNNING,
    timeout: float = 600,
    on_change: OnChange | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Instance]:
    """Poll until the machine's status is `until`; `on_change` hears of each new status, the first included.

    Raises:
        InvalidRequest: `until` is no status of the contract, or the timeout is not positive.
        MachineEnded: the machine ended, so `until` can't come.
        WaitTimeout: `timeout` seconds passed.
    """
    if until not in list(InstanceStatus):
        raise InvalidRequest("until", f"{until!r} is no status; there are {', '.join(InstanceStatus)}.")
    if not timeout > 0:
        raise InvalidRequest("timeout", f"{timeout!r} is not a number of seconds above 0.")
    deadline = clock() + timeout
    operation = get_instance(request_id)
    wait, last_status = FIRST_PAUSE, None
    while True:
        instance = yield from perform(operation)
        if instance.status != last_status:
            last_status, wait = instance.status, FIRST_PAUSE
            if on_change is not None:
                on_change(instance)
        if instance.status == until:
            return instance
        if instance.status in (ENDED if until in LEAVING else LEAVING):
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
