"""Named scenarios: faults that belong together, for teaching and for tests. The same seed plays the same one again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from glows_nb.sandbox.faults.registry import Fault
from glows_nb.sandbox.machines.lifecycle import RARE_STATUSES

_ALWAYS: int | None = None


@dataclass(frozen=True)
class Scenario:
    """What it is about, and the faults that make it."""

    description: str
    faults: tuple[Fault, ...]

    def seeded(self, seed: int) -> list[Fault]:
        """Return its faults, each with a seed of its own that follows from `seed`."""
        return [replace(fault, seed=seed * 1000 + number) for number, fault in enumerate(self.faults)]


SCENARIOS: Mapping[str, Scenario] = {
    "peak-hours": Scenario(
        "Everybody wants a machine: no RTX 4090 in TW-03, the first machine anywhere is stuck in the queue until the "
        "scenario is cleared, and one call in eight is too many.",
        (
            Fault(kind="no_stock", region="TW-03", gpu_name="*RTX 4090*"),
            Fault(kind="stuck_queue", count=1),
            Fault(kind="rate_limit", probability=0.125, count=_ALWAYS),
        ),
    ),
    "flaky-network": Scenario(
        "A bad line: answers are slow, break off, or never come, some of them after the work was done.",
        (
            Fault(kind="latency", seconds=0.02, most_seconds=0.2, probability=0.3, count=_ALWAYS),
            Fault(kind="reset", when="before", probability=0.06, count=_ALWAYS),
            Fault(kind="reset", when="after", probability=0.06, count=_ALWAYS),
            Fault(kind="cut", when="after", probability=0.06, count=_ALWAYS),
            Fault(kind="http_error", when="before", probability=0.04, count=_ALWAYS),
            Fault(kind="http_error", when="late", delay=0.1, probability=0.04, count=_ALWAYS),
        ),
    ),
    "price-rise": Scenario(
        "The first look at the offers shows the old prices, every later one shows a quarter more.",
        (Fault(kind="price_change", factor=1.25, first=2),),
    ),
    "sold-out": Scenario("Nothing is left anywhere.", (Fault(kind="no_stock"),)),
    "stuck-queue": Scenario("No machine leaves the queue.", (Fault(kind="stuck_queue"),)),
    "lost-answers": Scenario(
        "The answer to the first create and to the first snapshot is lost after the work was done.",
        (
            Fault(kind="reset", operation="instance_create", when="after", count=1),
            Fault(kind="reset", operation="snapshot_create", when="after", count=1),
        ),
    ),
    "balance-exhausted": Scenario(
        "The balance is used up: the service saves all running machines as snapshots and releases them, and none "
        "leaves the queue. Clearing it is topping up; what was saved can then be started again.",
        (Fault(kind="balance_exhausted"),),
    ),
    "host-lost": Scenario("All running machines lose their hosts.", (Fault(kind="host_unavailable"),)),
    "rare-statuses": Scenario(
        "Machines that run get into a status that the contract names and nobody has described: the first one into the "
        "first of them, and so on. They stay there until they are released.",
        tuple(Fault(kind="machine_status", becomes=status, count=1) for status in RARE_STATUSES),
    ),
    "slow-sshd": Scenario(
        "ssh answers only two virtual minutes after Running.", (Fault(kind="slow_sshd", seconds=120.0),)
    ),
    "token-expired": Scenario(
        "From the tenth call on every token has run out.",
        (Fault(kind="token_expired", first=10, count=_ALWAYS),),
    ),
}
