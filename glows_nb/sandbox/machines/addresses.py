"""Where a machine that runs can be reached from outside: host, port, and the token in an http address.

Nothing listens there; machines that really accept are in `ports`.
"""

import ipaddress
import random
from dataclasses import replace
from typing import Protocol

from glows_nb.sandbox.ids import random_hash
from glows_nb.sandbox.machines.lifecycle import Access, Machine

HOSTS = tuple(f"tw-{number:02}.access.glows.ai" for number in range(2, 8))
PORTS = range(23171, 27237)

SSH_PORT, JUPYTER_PORT = 22, 8888
"""As they are on the machine itself."""

SSH_VERSION = "OpenSSH_9.6p1 GLOWS-sandbox"
SSH_GREETING = f"SSH-2.0-{SSH_VERSION}\r\n".encode()
"""What an ssh port says to whoever comes, before anybody serves them."""


def is_loopback(host: str) -> bool:
    """Does a name or an address lead nowhere but to this computer?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Addresses(Protocol):
    """What gives a machine its addresses when it begins to run."""

    def __call__(self, machine: Machine, chance: random.Random) -> tuple[Access, ...]:
        """Return the machine's accesses with their urls."""


def named_like_the_service(machine: Machine, chance: random.Random) -> tuple[Access, ...]:
    """Return accesses with addresses as the service's look (FACTS 6)."""
    # The host never carries the machine's own region: one must not be taken for the other (FACTS 0.1, 12), and
    # here a client that does so is wrong every time.
    host = chance.choice([name for name in HOSTS if not name.startswith(machine.region.lower())])
    ports = chance.sample(PORTS, k=len(machine.accesses))
    token = random_hash(chance)
    return tuple(
        replace(
            access, url=f"ssh://{host}:{port}" if access.protocol == "ssh" else f"https://{host}:{port}?token={token}"
        )
        for access, port in zip(machine.accesses, ports, strict=True)
    )
