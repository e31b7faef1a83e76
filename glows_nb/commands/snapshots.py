"""Commands that keep what is on a machine's disk: park, unpark, snap, snapshots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from glows_nb.api.statuses import InstanceStatus
from glows_nb.commands.group import group, program, sandbox_word, say, saying_on_interrupt
from glows_nb.commands.parameter_types import MACHINE, POSITIVE, REGION
from glows_nb.commands.prompts import ask
from glows_nb.connection import current_client

if TYPE_CHECKING:
    import pandas as pd

    from glows_nb.api.lifecycle.parking import Parked
    from glows_nb.api.lifecycle.planning import Plan
    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.snapshots import SnapshotsCreated


@group.command(examples=["park train --yes"])
@click.argument("machine", type=MACHINE)
@click.option("--timeout", type=POSITIVE, default=1800, metavar="SECONDS", help="How long to wait at most.")
@click.option("--yes", is_flag=True, help="Park without asking.")
def park(machine: str, timeout: float, yes: bool) -> Parked:
    """Keep MACHINE's disk as a snapshot, and release it.

    It costs nothing till unpark. The machine pauses while the snapshot is taken, runs again, and costs again, until it
    is released. Programs that run on it end, and /datadrive is not in the snapshot. Interrupted, the same line goes on.
    """
    from glows_nb.api.lifecycle import parking
    from glows_nb.commands.progress import watch

    client = current_client()
    found = client.instances.find(machine)
    rate = found.rate
    saves = f", which saves {rate}, {rate.per_day:.2f} Credits per day" if rate and found.is_billed else ""
    say(f"{sandbox_word(client)}Will snapshot {found}.")
    say(f"Then it is released{saves}. Until then it goes on to cost. Programs on it end; the snapshot takes space.")
    if not yes:
        ask(f"Park {found.instance_id}?")
    return watch(
        client,
        found,
        InstanceStatus.FINISHED,
        lambda on_change: parking.park(found, timeout=timeout, on_change=on_change, backoff=client.backoff),
        f"Stopped; nothing is released before its snapshot is there. To go on: {program()} park {found.instance_id}",
    )


@group.command(examples=["unpark train --yes"])
@click.argument("machine", type=MACHINE)
@click.option(
    "--region", "regions", type=REGION, multiple=True, metavar="NAME", help="Where else, if its own has none."
)
@click.option(
    "--max-price",
    type=POSITIVE,
    metavar="CREDITS",
    help="Rent nothing above this price per hour; without it, above what it cost.",
)
@click.option("--wait", "is_waiting", is_flag=True, help="Return when it is Running.")
@click.option("--over-budget", is_flag=True, help="Rent though the budget would be passed; --yes alone does not.")
@click.option("--yes", is_flag=True, help="Rent without asking.")
def unpark(
    machine: str,
    regions: tuple[str, ...],
    max_price: float | None,
    is_waiting: bool,
    over_budget: bool,
    yes: bool,
) -> Instance:
    """Start a parked MACHINE again from its snapshot.

    The newest one; with the same hardware, ports and environment. Says what it will cost and asks before it rents. A
    machine that is there already is taken.
    """
    from glows_nb.commands.plan_execution import carry_out, show_plan, wait_for
    from glows_nb.commands.settings import settings

    client, chosen = current_client(), settings()
    planned = client.instances.plan_unpark(machine, regions=regions, max_price_per_hour=max_price)
    planned = _kept_to_settings(planned, max_price)
    planned = show_plan(client, planned, yes=yes, over_budget=over_budget)
    instance = carry_out(client, planned, yes=yes, over_budget=over_budget)
    return wait_for(client, instance, InstanceStatus.RUNNING, chosen.wait_timeout) if is_waiting else instance


def _kept_to_settings(planned: Plan, max_price: float | None) -> Plan:
    """The plan under the cap of the settings, which holds beside what the machine cost, unless the line has its own.

    Raises:
        PriceTooHigh: the plan costs more.
    """
    from glows_nb.api.errors import PriceTooHigh
    from glows_nb.commands.settings import settings
    from glows_nb.money import Rate

    if max_price is not None or not settings().max_price:
        return planned
    cap, rate = Rate.cap(settings().max_price), planned.highest_rate
    if planned.existing is not None:
        return replace(planned, cap=cap)
    if rate is not None and rate > cap:
        raise PriceTooHigh(f"Nothing was rented: it costs {rate}, the cap of your settings is {cap}.")
    return planned


@group.command(examples=["snap train --name before-tuning --wait"])
@click.argument("machine", type=MACHINE)
@click.option("--name", default="", metavar="NAME", help="A name, kept in the ledger here; at most 32 characters.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when the machine runs again.")
def snap(machine: str, name: str, is_waiting: bool) -> SnapshotsCreated:
    """Take a snapshot of a running MACHINE.

    It pauses meanwhile and then runs on by itself. It costs nothing while it pauses, and costs again when it runs; it
    can't be released before.
    """
    from glows_nb.api.lifecycle import waiting
    from glows_nb.api.requests.snapshots import CreateSnapshot
    from glows_nb.commands.progress import watch
    from glows_nb.commands.settings import settings

    CreateSnapshot(instance_id=machine, name=name)  # refuses a name that is too long before anything is asked
    client = current_client()
    found = client.instances.find(machine)
    with saying_on_interrupt(f"Interrupted; the snapshot may be taken all the same. To look: {program()} snapshots"):
        created = client.snapshots.create(found.instance_id, name)
    say(
        f"{sandbox_word(client)}{found.instance_id} pauses while the snapshot is taken, then it runs, and costs, again."
    )
    if is_waiting:
        watch(
            client,
            found,
            InstanceStatus.RUNNING,
            lambda on_change: waiting.wait_for_status(
                found.instance_id, InstanceStatus.RUNNING, settings().wait_timeout, on_change
            ),
            f"Stopped waiting; the snapshot goes on. To wait again: {program()} wait {found.instance_id}",
        )
    return created


@group.command(examples=["snapshots"])
def snapshots() -> pd.DataFrame:
    """Your snapshots, with the names given on this computer.

    The service does not tell the names.
    """
    from glows_nb.frames import queries

    return queries.snapshots()
