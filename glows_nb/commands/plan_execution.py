"""Carrying a plan out, so that an interrupt says what became of the machine; and waiting for one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest, ParamIllegal, StalePlan
from glows_nb.api.lifecycle import waiting
from glows_nb.api.lifecycle.planning import Plan
from glows_nb.api.models.instances import Instance
from glows_nb.api.observing import Event, Sending
from glows_nb.api.routes import ROUTES
from glows_nb.api.statuses import InstanceStatus
from glows_nb.commands.group import program, sandbox_word, say, say_what_is_left
from glows_nb.commands.progress import watch
from glows_nb.commands.prompts import ask
from glows_nb.commands.settings import settings
from glows_nb.money import Rate

if TYPE_CHECKING:
    from glows_nb.api.models.images import Image
    from glows_nb.renting.words import Words

LOOKS_FOR_SECONDS: Final = 3.0
"""How long an interrupted order is looked for: a request that has left may still be at work on the other side."""

LOOK_EVERY: Final = 0.3
CREATE: Final = ROUTES["create instance"].name


def plan_of(client: Client, words: Words) -> tuple[Plan, Image | None]:
    """The plan of what somebody asks for, with the settings' regions, and the image that it takes where that is new."""
    from glows_nb.renting.resolving import resolve

    resolved = resolve(client, words, usual_regions=settings().regions, shows_images=f"{program()} images")
    return resolved.plan(client), resolved.image


def rent(client: Client, planned: Plan, image: Image | None, *, yes: bool, over_budget: bool) -> Instance:
    """Show a plan and its image, and carry it out.

    Raises:
        CommandError, BudgetReached, KeyboardInterrupt: as for `carry_out`.
    """
    planned = show_plan(client, planned, yes=yes, over_budget=over_budget)
    if planned.existing is None and image is not None:
        say(f"Image: {image}")
    return carry_out(client, planned, yes=yes, over_budget=over_budget)


def refuse_unset(name: str | None) -> None:
    """Say so where a machine would be called as a variable is written.

    Raises:
        InvalidRequest: it would.
    """
    if name is not None and re.search(r"[${}]", name):
        raise InvalidRequest("name", f"{name!r} looks like a variable that is not set.")


def show_plan(client: Client, planned: Plan, *, yes: bool, over_budget: bool = False) -> Plan:
    """Say what will be rented, or is there already, and give that.

    Where the first region is too cheap to be asked for, or within the budget, those that would have to be asked for are
    left out.
    """
    if not planned.is_over_budget:
        planned = planned.within_budget(over_budget=over_budget)
    if planned.existing is None and not yes and _is_cheap(planned.rate):
        cheap = tuple(candidate for candidate in planned.candidates if _is_cheap(candidate.rate))
        planned = replace(planned, candidates=cheap)
    say(f"{sandbox_word(client)}{planned}")
    return planned


def carry_out(client: Client, planned: Plan, *, yes: bool, over_budget: bool = False) -> Instance:
    """Carry out a plan that was shown; asks first where the price is above the limit for that, or passes the budget.

    Args:
        client: whose plan it is.
        planned: the plan.
        yes: the line says yes to the price; to passing the budget it says nothing.
        over_budget: the line says that the budget may be passed.

    Raises:
        BudgetReached: the budget is used up, or would be passed, which `yes` alone does not allow.
        CommandError: the answer was no, or nobody can be asked.
        KeyboardInterrupt: the user interrupted it; what became of the machine has been said.
    """
    if planned.is_over_budget and not over_budget and not yes and not _is_used_up(planned):
        ask("Rent it, over the budget?", word="--over-budget")
        over_budget = True
    else:
        planned = planned.within_budget(over_budget=over_budget)
        if planned.existing is None and not yes and not _is_cheap(planned.highest_rate):
            ask("Rent it?")
    orders: list[Event] = []
    try:
        with _orders_noted(client, orders):
            instance: Instance = planned.launch(over_budget=over_budget)
    except StalePlan as stale:
        # Another kernel that ran the same line was faster.
        if stale.existing is None:
            raise
        instance = stale.existing
        say(f"{sandbox_word(client)}Nothing new is rented: {instance} is there by now.")
    except KeyboardInterrupt:
        say_what_is_left(_what_became(client, planned.meta_key, was_sent=bool(orders)))
        raise
    say(f"{sandbox_word(client)}To release it: {program()} cancel {instance.instance_id}")
    return instance


def wait_for(client: Client, instance: Instance, until: str, timeout: float) -> Instance:
    """Wait for a status with progress; an interrupt ends the waiting alone."""
    return watch(
        client,
        instance,
        until,
        lambda on_change: waiting.wait_for_status(instance.instance_id, until, timeout, on_change),
        f"Stopped waiting; the machine goes on. To wait again: {program()} wait {instance.instance_id}"
        + ("" if until == InstanceStatus.RUNNING else f" --until {until}"),
    )


def _is_cheap(rate: Rate | None) -> bool:
    """Is it within what is rented without asking?"""
    limit = settings().ask_above
    return rate is not None and limit > 0 and rate.per_hour <= Decimal(str(limit))


def _is_used_up(planned: Plan) -> bool:
    return planned.budget is not None and planned.budget.is_reached


@contextmanager
def _orders_noted(client: Client, orders: list[Event]) -> Iterator[None]:
    """Note each order that leaves, so that it can be told from one that never did."""

    def note(event: Event) -> None:
        if isinstance(event, Sending) and event.operation.name == CREATE:
            orders.append(event)

    client.observers.add(note)
    try:
        yield
    finally:
        client.observers.remove(note)


def _what_became(client: Client, key: str, *, was_sent: bool) -> str:
    """One sentence on an interrupted launch, looked up under the machine's key."""
    if not was_sent:
        return "Interrupted before anything was ordered: no machine was started."
    name = program()
    unknown = (
        f"Interrupted while machine {key} was ordered; it may still come. "
        f"Look with: {name} show {key}. Running the same line again takes it and rents no second one."
    )
    end = time.monotonic() + LOOKS_FOR_SECONDS
    try:
        while time.monotonic() < end:
            try:
                found = client.instances.get(meta_key=key)
            except ParamIllegal:
                time.sleep(LOOK_EVERY)
                continue
            return (
                f"Interrupted, and machine {found.instance_id} ({key}) is there: {found.status}"
                f"{f' at {found.rate}' if found.rate else ''}. Release it with: {name} cancel {found.instance_id}"
            )
    except (GlowsError, KeyboardInterrupt):
        pass
    return unknown
