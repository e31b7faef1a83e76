"""Commands that await and release machines: wait, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from glows_nb.api.errors import GlowsError
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.commands.browsing import status_words
from glows_nb.commands.group import group, program, sandbox_word, say, say_what_is_left
from glows_nb.commands.parameter_types import MACHINE, POSITIVE, STATUS
from glows_nb.commands.prompts import ask
from glows_nb.connection import current_client
from glows_nb.formatting import counted

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.api.models.instances import Instance


@group.command(examples=["wait train", "wait train --until running --timeout 60"])
@click.argument("machine", type=MACHINE)
@click.option(
    "--until",
    type=STATUS,
    callback=status_words,
    default=InstanceStatus.RUNNING.value,
    help="The status to wait for.",
)
@click.option("--timeout", type=POSITIVE, metavar="SECONDS", help="How long to wait at most.")
def wait(machine: str, until: str, timeout: float | None) -> Instance:
    """Wait until MACHINE is Running, or another status.

    An interrupt ends the waiting and leaves the machine as it is.
    """
    from glows_nb.commands.plan_execution import wait_for
    from glows_nb.commands.settings import settings

    client = current_client()
    return wait_for(
        client, client.instances.find(machine), until, settings().wait_timeout if timeout is None else timeout
    )


@group.command(
    aliases=["rm"], examples=["cancel train --wait --yes", "cancel --all --yes", "cancel --all --others --yes"]
)
@click.argument("machines", nargs=-1, type=MACHINE, metavar="[MACHINE]...")
@click.option("--all", "is_all", is_flag=True, help="Every machine that was started from here and has not ended.")
@click.option("--others", is_flag=True, help="With --all: also those that were not started from here.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when they have ended.")
@click.option("--yes", is_flag=True, help="Release without asking.")
def cancel(machines: tuple[str, ...], is_all: bool, others: bool, is_waiting: bool, yes: bool) -> None:
    """Release machines: they end, and their disks are gone.

    Says first which will end and what that saves, and asks. What is on disk can be kept by park. --all leaves what was
    not started from here, such as a colleague's under the same account or what another computer of yours has started,
    and says so; --others takes it too.
    """
    if is_all == bool(machines):
        raise click.UsageError("Say which machines to release, or --all.")
    if others and not is_all:
        raise click.UsageError("--others goes with --all; a machine that is named is released whoever started it.")
    from glows_nb.commands.plan_execution import wait_for
    from glows_nb.commands.settings import settings
    from glows_nb.ledger.recorder import recorder_of

    client = current_client()
    found = [client.instances.find(machine) for machine in machines] if machines else client.instances.all()
    for instance in found:
        if instance.unread:
            say(_unread(client, instance))
    alive = [instance for instance in found if instance.status not in LEAVING and not instance.unread]
    for instance in found:
        if machines and instance not in alive:
            say(f"{instance.instance_id} is {instance.status} already.")
    recorder = recorder_of(client)
    whose = {instance.instance_id: recorder.whose(instance) for instance in alive}
    if is_all and not others:
        alive = _started_here(client, alive, whose)
    if not alive:
        say("There is nothing to release.")
        return
    for instance in alive:
        about = whose[instance.instance_id]
        say(f"{sandbox_word(client)}Will end: {instance}{f' ({about})' if about else ''}")
    say(_saved(alive))
    if not yes:
        ask(f"Release {counted(len(alive), 'machine')}? What is on disk will be gone.")
    _release(client, alive)
    if is_waiting:
        for instance in alive:
            wait_for(client, instance, InstanceStatus.FINISHED, settings().wait_timeout)


def _unread(client: Client, instance: Instance) -> str:
    """Of a machine that is left alone since what the service says of it can't be read."""
    what = instance.instance_id or "A machine without a readable id"
    by_id = f"; by its id alone: client.instances.cancel({instance.instance_id!r})" if instance.instance_id else ""
    return (
        f"{sandbox_word(client)}NOT released, and perhaps going on to cost, since its {', '.join(instance.unread)} "
        f"can't be read: {what}{by_id}."
    )


def _started_here(client: Client, alive: list[Instance], whose: Mapping[str, str]) -> list[Instance]:
    """Those that were started from here; the others are named, with the line that releases them too."""
    left = [instance for instance in alive if whose[instance.instance_id]]
    for instance in left:
        say(f"{sandbox_word(client)}Left as it is, since it was {whose[instance.instance_id]}: {instance}")
    if left:
        say(f"To release {'it' if len(left) == 1 else 'them'} too: {program()} cancel --all --others")
    return [instance for instance in alive if not whose[instance.instance_id]]


def _release(client: Client, instances: list[Instance]) -> None:
    """Release one after the other; one that can't be released keeps none of the others running.

    Raises:
        GlowsError: some were not released; the text names each, with the reason.
    """
    left = {instance.instance_id: instance for instance in instances}
    refused: dict[str, GlowsError] = {}
    try:
        for id_, instance in list(left.items()):
            try:
                client.instances.cancel(id_)
            except GlowsError as error:
                refused[id_] = error
                say(f"{sandbox_word(client)}NOT released: {id_} ({instance.meta_key}).")
            else:
                del left[id_]
                say(f"{sandbox_word(client)}Releasing {id_} ({instance.meta_key}).")
    except KeyboardInterrupt:
        if left:
            say_what_is_left(
                f"Interrupted; not known to be released, and perhaps going on to cost: {', '.join(left)}. "
                f"To release: {program()} cancel {' '.join(left)}"
            )
        raise
    if not refused:
        return
    if len(instances) == 1:
        raise refused.popitem()[1]
    reasons = " ".join(f"{id_}: {error}" for id_, error in refused.items())
    raise GlowsError(
        f"{counted(len(refused), 'machine')} of {len(instances)} not released, and going on to cost. {reasons} "
        f"To try again: {program()} cancel {' '.join(refused)}"
    )


def _saved(instances: list[Instance]) -> str:
    """What machines cost now, and cost no more when they are released."""
    from glows_nb.money import Rate

    rates = [instance.rate for instance in instances if instance.is_billed]
    known = sum((rate for rate in rates if rate is not None), Rate(0))
    unpriced = len(instances) - len([rate for rate in rates if rate is not None])
    if unpriced == len(instances):
        return "What this saves is not known: nothing of it has a price now."
    more = f", and what {counted(unpriced, 'more machine')} would cost, without a price now" if unpriced else ""
    return f"This saves {known}, {known.per_day:.2f} Credits per day{more}."
