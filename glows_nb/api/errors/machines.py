"""A machine, its plan, its snapshot or a wait for it is not as it was to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glows_nb.api.errors.base import GlowsError

if TYPE_CHECKING:
    from glows_nb.api.models.instances import Instance


class MachineDiffers(GlowsError):
    """The machine found under the key is not the one asked for.

    Attributes:
        instance: the machine that was found.
        differences: one sentence for each field that differs.
    """

    def __init__(self, instance: Instance, differences: list[str]) -> None:
        super().__init__(
            f"The machine {instance.instance_id} under the key {instance.meta_key!r} is not what was asked for: "
            f"{'; '.join(differences)}. Take it as it is with adopt=True (in a command: "
            "show), give another name, or release it first."
        )
        self.instance = instance
        self.differences = differences


class PriceTooHigh(GlowsError):
    """Everything that fits costs more than max_price_per_hour; nothing was rented."""


class BudgetReached(GlowsError):
    """The user's budget is used up, or would be passed without a word that allows it; nothing was rented.

    Attributes:
        budget: how it stands, a `Budget`.
    """

    def __init__(self, message: str, budget: Any) -> None:
        super().__init__(message)
        self.budget = budget


class StalePlan(GlowsError):
    """What a Plan promised no longer holds; nothing was rented.

    Attributes:
        changes: one sentence for each thing that changed.
        existing: the machine that is there by now and is what was asked for, else None.
    """

    def __init__(self, changes: list[str], existing: Instance | None = None) -> None:
        super().__init__(f"The plan no longer holds: {'; '.join(changes)}. Nothing was rented; plan again.")
        self.changes = changes
        self.existing = existing


class SnapshotFailed(GlowsError):
    """There is no usable snapshot; the machine was not released for it."""


class MachineEnded(GlowsError):
    """The machine reached a final state, so what was waited for can't come.

    Attributes:
        instance: the machine as it was last seen.
    """

    def __init__(self, message: str, instance: Instance) -> None:
        super().__init__(message)
        self.instance = instance


class WaitTimeout(GlowsError):
    """A wait's deadline passed; the machine goes on as it was.

    Attributes:
        instance: the machine as it was last seen, None if it was never seen.
    """

    def __init__(self, message: str, instance: Instance | None) -> None:
        super().__init__(message)
        self.instance = instance
