"""The way to a handle of a machine that users take: `glows.machine("train")`."""

from __future__ import annotations

from glows_nb.api.client import Client
from glows_nb.api.models.instances import Instance
from glows_nb.remote.machine import Machine


def machine(
    machine: str | Instance, *, wait: bool = False, timeout: float = 600, client: Client | None = None
) -> Machine:
    """A handle of a machine, for commands, files and ports; it connects when it is first used.

    See `glows.Machine` for what it does: exec, send, fetch, send_to, forward, wait_http.

    Args:
        machine: an id, a meta key or a name given to launch; or an Instance.
        wait: wait at first use until the machine runs and its sshd answers, which is later than Running.
        timeout: for how many seconds at most.
        client: whom to ask for the machine; the client in use without it.
    """
    return Machine(machine, wait=wait, timeout=timeout, client=client)
