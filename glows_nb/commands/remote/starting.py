"""The machine of a line that says what it is to be: the one that is there, or one that is rented after a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glows_nb.api.statuses import InstanceStatus
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.api.models.instances import Instance


def found_or_started(
    name: str,
    *,
    gpu: str,
    regions: tuple[str, ...],
    image: str | None,
    max_price: float | None,
    over_budget: bool,
    yes: bool,
) -> Instance:
    """The machine of this name; rented as by launch, and waited for, where there is none.

    Raises:
        CommandError: the answer was no, or nobody can be asked.
        BudgetReached: the budget is used up, or would be passed, which `yes` alone does not allow.
        MachineDiffers: the machine of this name is of another kind.
    """
    from glows_nb.commands.plan_execution import plan_of, refuse_unset, rent, wait_for
    from glows_nb.commands.settings import settings
    from glows_nb.renting.words import Words

    refuse_unset(name)
    client, chosen = current_client(), settings()
    words = Words(
        gpu=gpu,
        name=name,
        image=image or chosen.image or None,
        regions=regions,
        max_price=max_price if max_price is not None else chosen.max_price or None,
    )
    planned, new_image = plan_of(client, words)
    if planned.existing is None:
        instance = rent(client, planned, new_image, yes=yes, over_budget=over_budget)
    else:
        instance = planned.launch()  # which refuses one of another kind
    if instance.status == InstanceStatus.RUNNING:
        return instance
    return wait_for(client, instance, InstanceStatus.RUNNING, chosen.wait_timeout)
