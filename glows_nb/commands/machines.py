"""Commands that start, await and release machines: launch, wait, cancel."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from glows_nb.api.client import Client
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.keys import derived_name
from glows_nb.api.models import LEAVING, Instance, InstanceStatus
from glows_nb.api.offers import match_gpu, regions_by_price
from glows_nb.commands.arguments import GPU, IMAGE, MACHINE, REGION, STATUS
from glows_nb.commands.browsing import status_words
from glows_nb.commands.group import CommandError, group
from glows_nb.connection import current_client
from glows_nb.tables import counted


@group.command()
@click.option("--gpu", type=GPU, required=True, metavar="TEXT", help="The GPU, such as 4090.")
@click.option(
    "--region", "regions", type=REGION, multiple=True, metavar="NAME", help="Where; repeat it for an order to try."
)
@click.option("--image", "image_id", type=IMAGE, metavar="ID", help="The image to start from; a base image without it.")
@click.option("--name", metavar="NAME", help="A name: launching it again finds the machine that is there.")
@click.option("--units", type=click.IntRange(min=1), default=1, help="How many units.")
@click.option("--max-price", type=float, metavar="CREDITS", help="Rent nothing above this price per hour.")
@click.option("--category", type=click.Choice(["container", "vm"]), default="container", help="What to start.")
@click.option("--port", "ports", multiple=True, metavar="PORT", help="A port to open: 8000, 8000/http or 3306/tcp.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when it is Running.")
@click.option("--yes", is_flag=True, help="Rent without asking.")
def launch(
    gpu: str,
    regions: tuple[str, ...],
    image_id: str | None,
    name: str | None,
    units: int,
    max_price: float | None,
    category: str,
    ports: tuple[str, ...],
    is_waiting: bool,
    yes: bool,
) -> Instance:
    """Start a machine, or find the one that the same line has started.

    Says what it will cost and asks before it rents. Without --region the cheapest region that has it is taken.

    Example: launch --gpu 4090 --name train --max-price 0.60 --wait --yes
    """
    client = current_client()
    if category == "vm" and image_id is None:
        raise InvalidRequest("image", "is required for a VM; the images list shows them, such as: images docker")
    image = client.images.default() if image_id is None else None
    chosen_image = image.image_id if image else image_id
    specs = client.specs.all(from_image_id=chosen_image, instance_category=category)
    gpu_name = match_gpu(specs, gpu)
    planned = client.instances.plan(
        # The key comes from the line as it was typed: what is chosen for it may be another region tomorrow.
        name=derived_name([gpu, regions, image_id, units, category, ports]) if name is None else name,
        gpu_name=gpu_name,
        regions=regions or regions_by_price(specs, gpu_name, units),
        from_image_id=chosen_image,
        instance_category=category,
        unit_qty=units,
        ports=ports,
        max_price_per_hour=max_price,
    )
    click.echo(f"{_sandbox(client)}{planned}")
    if planned.existing is None:
        if image is not None:
            click.echo(f"Image: {image}")
        if not yes:
            _ask("Rent it?")
    instance: Instance = planned.launch()
    return _wait(client, instance, InstanceStatus.RUNNING, 600) if is_waiting else instance


@group.command()
@click.argument("machine", type=MACHINE)
@click.option(
    "--until", type=STATUS, callback=status_words, default=InstanceStatus.RUNNING.value, help="The status to wait for."
)
@click.option("--timeout", type=float, default=600, metavar="SECONDS", help="How long to wait at most.")
def wait(machine: str, until: str, timeout: float) -> Instance:
    """Wait until MACHINE is Running, or another status.

    An interrupt ends the waiting and leaves the machine as it is.

    Example: wait train
    """
    client = current_client()
    return _wait(client, client.instances.find(machine), until, timeout)


@group.command()
@click.argument("machines", type=MACHINE, nargs=-1, metavar="[MACHINE]...")
@click.option("--all", "is_all", is_flag=True, help="Every machine that has not ended.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when they have ended.")
@click.option("--yes", is_flag=True, help="Release without asking.")
def cancel(machines: tuple[str, ...], is_all: bool, is_waiting: bool, yes: bool) -> None:
    """Release machines: they end, their disks are gone, and they cost no more.

    Example: cancel train --wait --yes
    """
    if is_all == bool(machines):
        raise click.UsageError("Say which machines to release, or --all.")
    client = current_client()
    found = [client.instances.find(machine) for machine in machines] if machines else client.instances.all()
    alive = [instance for instance in found if instance.status not in LEAVING]
    for instance in found:
        if machines and instance not in alive:
            click.echo(f"{instance.instance_id} is {instance.status} already.")
    if not alive:
        click.echo("There is nothing to release.")
    elif not yes:
        for instance in alive:
            click.echo(f"{_sandbox(client)}Will end: {instance}")
        _ask(f"Release {counted(len(alive), 'machine')}? What is on disk will be gone.")
    for instance in alive:
        client.instances.cancel(instance.instance_id)
        click.echo(f"{_sandbox(client)}Releasing {instance.instance_id} ({instance.meta_key}).")
    if is_waiting:
        for instance in alive:
            _wait(client, instance, InstanceStatus.FINISHED, 600)


def _wait(client: Client, instance: Instance, until: str, timeout: float) -> Instance:
    try:
        return client.instances.wait(instance.instance_id, until, timeout, on_change=_progress(time.monotonic()))
    except KeyboardInterrupt:
        click.echo(f"Stopped waiting; the machine goes on. To wait again: wait {instance.instance_id}")
        raise


def _progress(started: float) -> Callable[[Instance], None]:
    def echo(instance: Instance) -> None:
        price = f", {instance.rate}" if instance.is_billed and instance.rate else ""
        click.echo(f"{time.monotonic() - started:5.1f} s  {instance.instance_id} {instance.status}{price}")

    return echo


def _ask(question: str) -> None:
    """Ask in the notebook or terminal; where nobody can answer, refuse and say how to allow."""
    try:
        agreed = click.confirm(question)
    except (NotImplementedError, OSError, RuntimeError):
        agreed = None
    except click.Abort as stop:
        # click makes this of the end of the input as well as of an interrupt.
        if not isinstance(stop.__context__, EOFError):
            raise
        agreed = None
    if agreed is None:
        raise CommandError("Nobody can be asked here, so nothing was done; add --yes to go ahead without asking.")
    if not agreed:
        raise CommandError("Nothing was done.")


def _sandbox(client: Client) -> str:
    return "SANDBOX · " if client.is_sandbox else ""
