"""The command that rents: launch; and carrying a plan out, so that an interrupt says what became of the machine."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import click

from glows_nb import browse
from glows_nb.api import waiting
from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError, InvalidRequest, ParamIllegal, StalePlan
from glows_nb.api.keys import bare_id, derived_name
from glows_nb.api.launching import Plan
from glows_nb.api.models import Image, Instance, InstanceStatus
from glows_nb.api.observing import Event, Sending
from glows_nb.api.offers import match_gpu, regions_by_price
from glows_nb.api.requests import CMD_LIMIT, ENVS_LIMIT, CreateInstance
from glows_nb.api.routes import ROUTES
from glows_nb.commands.arguments import GPU, IMAGE, NETWORK, POSITIVE, REGION, SNAPSHOT
from glows_nb.commands.asking import ask
from glows_nb.commands.group import group, program, say, say_what_is_left
from glows_nb.commands.progress import watch
from glows_nb.commands.settings import settings
from glows_nb.connection import current_client
from glows_nb.money import Rate
from glows_nb.tables import SANDBOX_WORD

LOOKS_FOR_SECONDS: Final = 3.0
"""How long an interrupted order is looked for: a request that has left may still be at work on the other side."""

LOOK_EVERY: Final = 0.3
SECRET_NAMES: Final = re.compile("TOKEN|KEY|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
CREATE: Final = ROUTES["create instance"].name


@group.command(
    examples=(
        "launch --gpu 4090 --dry-run",
        "launch --gpu 4090 --name train --max-price 0.60 --wait --yes",
        "launch --gpu 4090 --region TW-04 --region TW-03 --name web --port 8000/http --yes",
        "launch --gpu 4090 --name job --cmd 'python -m http.server 8080' --env EPOCHS=3 --yes",
    )
)
@click.option("--gpu", type=GPU, required=True, metavar="TEXT", help="The GPU, such as 4090.")
@click.option(
    "--region", "regions", type=REGION, multiple=True, metavar="NAME", help="Where; repeat it for an order to try."
)
@click.option("--image", "image_id", type=IMAGE, metavar="ID", help="The image to start from; a base image without it.")
@click.option(
    "--snapshot", type=SNAPSHOT, metavar="ID", help="Start from this snapshot, by id or name, not from an image."
)
@click.option("--name", metavar="NAME", help="A name: launching it again finds the machine that is there.")
@click.option(
    "--units",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="How many units of the offer.",
)
@click.option("--max-price", type=POSITIVE, metavar="CREDITS", help="Rent nothing above this price per hour.")
@click.option(
    "--category", type=click.Choice(["container", "vm"]), default="container", show_default=True, help="What to start."
)
@click.option("--port", "ports", multiple=True, metavar="PORT", help="A port to open: 8000, 8000/http or 3306/tcp.")
@click.option("--cmd", default="", metavar="COMMAND", help="The start command; when it ends, so does the machine.")
@click.option(
    "--env", "envs", multiple=True, metavar="NAME[=VALUE]", help="A variable; NAME alone takes its value from here."
)
@click.option("--network", type=NETWORK, metavar="ID", help="A network to join, by id or name.")
@click.option("--public-ip", "public_ip_id", type=NETWORK, metavar="ID", help="An owned public IP to use.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when it is Running.")
@click.option("--dry-run", is_flag=True, help="Only say what would be rented, at which price.")
@click.option("--yes", is_flag=True, help="Rent without asking.")
def launch(
    gpu: str,
    regions: tuple[str, ...],
    image_id: str | None,
    snapshot: str | None,
    name: str | None,
    units: int,
    max_price: float | None,
    category: str,
    ports: tuple[str, ...],
    cmd: str,
    envs: tuple[str, ...],
    network: str | None,
    public_ip_id: str | None,
    is_waiting: bool,
    dry_run: bool,
    yes: bool,
) -> Instance | Plan:
    """Start a machine; the same line again finds it.

    Says what it will cost and asks before it rents. Without --region the cheapest region that has it is taken.
    An interrupt says what became of the machine.

    \b
    In a notebook the start command can stand below the line, after ports and variables:
      %%glows launch --gpu 4090 --name web --yes
      port = 8000/http
      env HF_TOKEN
      python -m http.server 8000

    There `env NAME` takes the value from the kernel's environment, so that no secret stands in the notebook.
    """
    if image_id and snapshot:
        raise InvalidRequest("snapshot", "give --image or --snapshot, not both.")
    variables = _variables(envs)
    _check_lengths(cmd, variables)
    _check_early(name, ports, instance_category=category, cmd=cmd, envs=variables, public_ip_id=public_ip_id)
    client, chosen = current_client(), settings()
    image_id = image_id or (chosen.image or None if snapshot is None else None)
    if category == "vm" and image_id is None and snapshot is None:
        raise InvalidRequest("image", "is required for a VM; the images list shows them, such as: images docker")
    image: Image | None = None
    source: dict[str, Any]
    if snapshot is not None:
        source, priced_image = _snapshot(client, snapshot)
    else:
        image = client.images.default() if image_id is None else None
        priced_image = image.image_id if image else image_id
        source = {"from_image_id": priced_image}
    try:
        specs = client.specs.all(from_image_id=priced_image, instance_category=category)
    except ParamIllegal:
        if image_id is None:
            raise
        problem = f"you have none with the id {image_id!r}; to see them: {program()} images"
        raise InvalidRequest("image", problem) from None
    gpu_name = match_gpu(specs, gpu)
    more = _given(cmd=cmd, envs=variables, network=network, snapshot=snapshot, public_ip=public_ip_id)
    planned = client.instances.plan(
        # The key comes from the line as it was typed: what is chosen for it may be another region tomorrow.
        name=derived_name([gpu, regions, image_id, units, category, ports, *([more] if more else [])])
        if name is None
        else name,
        gpu_name=gpu_name,
        regions=regions or tuple(chosen.regions) or regions_by_price(specs, gpu_name, units),
        instance_category=category,
        unit_qty=units,
        ports=ports,
        max_price_per_hour=max_price if max_price is not None else chosen.max_price or None,
        **source,
        **_given(cmd=cmd, envs=variables, public_ip_id=public_ip_id),
        **({"net_ids": (network_id(client, network),)} if network else {}),
    )
    if dry_run:
        say(f"{sandbox_word(client)}Only a plan; nothing is rented.")
        return planned
    planned = show_plan(client, planned, yes=yes)
    if planned.existing is None and image is not None:
        say(f"Image: {image}")
    instance = carry_out(client, planned, yes=yes)
    if not is_waiting:
        return instance
    return wait_for(client, instance, InstanceStatus.RUNNING, settings().wait_timeout)


def show_plan(client: Client, planned: Plan, *, yes: bool) -> Plan:
    """Say what will be rented, or is there already, and give that.

    Where the first region is too cheap to be asked for, those that would have to be asked for are left out.
    """
    if planned.existing is None and not yes and _is_cheap(planned.rate):
        cheap = tuple(candidate for candidate in planned.candidates if _is_cheap(candidate.rate))
        planned = replace(planned, candidates=cheap)
    say(f"{sandbox_word(client)}{planned}")
    return planned


def carry_out(client: Client, planned: Plan, *, yes: bool) -> Instance:
    """Carry out a plan that was shown; asks first where the price is above the limit for that.

    Raises:
        CommandError: the answer was no, or nobody can be asked.
        KeyboardInterrupt: the user interrupted it; what became of the machine has been said.
    """
    if planned.existing is None and not yes and not _is_cheap(planned.highest_rate):
        ask("Rent it?")
    orders: list[Event] = []
    try:
        with _orders_noted(client, orders):
            instance: Instance = planned.launch()
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


def sandbox_word(client: Client) -> str:
    """What a notice begins with where nothing costs money."""
    return f"{SANDBOX_WORD} · " if client.is_sandbox else ""


def network_id(client: Client, network: str) -> str:
    """A network's id, of its id or its name.

    Raises:
        InvalidRequest: there is none of this name.
    """
    known = client.networks.all()
    found = [each.network_id for each in known if network in (each.network_id, each.name)]
    if found:
        return found[0]
    names = ", ".join(str(each) for each in known) or "none"
    raise InvalidRequest("network", f"there is no network {network!r}; there are: {names}.")


def _is_cheap(rate: Rate | None) -> bool:
    """Is it within what is rented without asking?"""
    limit = Rate.from_credits(settings().ask_above)
    return limit > Rate(0) and rate is not None and rate <= limit


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


def _snapshot(client: Client, word: str) -> tuple[dict[str, Any], str | None]:
    """The source for a snapshot by id or name, and the image whose offers tell the price (FACTS 7)."""
    known = browse.snapshots(client=client)
    ids, names = known["snapshot_id"], known["name"]
    rows = known[(ids.map(bare_id) == bare_id(word)) | (names == word).fillna(False)]
    if rows.empty:
        some = ", ".join(str(name) for name in ids.head(5)) or "none"
        raise InvalidRequest("snapshot", f"there is no snapshot {word!r}; there are: {some}.")
    snapshot = rows.sort_values("created").iloc[-1]
    machine = client.instances.get(str(snapshot["instance_id"]))
    image = machine.base_image.image_id if machine.base_image else None
    source = {"from_snap_id": str(snapshot["snapshot_id"]), "priced_image_id": image}
    return source, image


def _variables(envs: Sequence[str]) -> dict[str, str]:
    """Variables written as NAME=VALUE, or as NAME, whose value is this process's."""
    variables = {}
    for word in envs:
        name, sign, value = word.partition("=")
        if not sign:
            if name not in os.environ:
                raise InvalidRequest(
                    "env", f"{name} is not set in the environment here; set it, or write {name}=VALUE."
                )
            value = os.environ[name]
        elif SECRET_NAMES.search(name):
            say(
                f"The value of {name} was written out, so it stays in this notebook or history; "
                f"{name} alone takes it from the environment."
            )
        variables[name] = value
    return variables


def _check_early(name: str | None, ports: Sequence[str], **fields: Any) -> None:
    """Refuse before any request what the plan would refuse after the first ones.

    Raises:
        InvalidRequest: a field is over its limit, or the name holds what was to be expanded.
    """
    if name is not None and re.search(r"[${}]", name):
        raise InvalidRequest("name", f"{name!r} looks like a variable that is not set.")
    anything = {"gpu_name": "any", "from_image_id": "any", "region_name": "any", "custom_meta_key": "any"}
    CreateInstance(**anything, ports=ports, **{key: value for key, value in fields.items() if value is not None})


def _check_lengths(cmd: str, variables: dict[str, str]) -> None:
    """Say how much of the contract's limits is left; refuse what is over, before any request."""
    envs = sum(len(name) + len(value) + 1 for name, value in variables.items()) + max(0, len(variables) - 1)
    for field, what, length, limit in (
        ("cmd", "The start command", len(cmd), CMD_LIMIT),
        ("envs", "The environment", envs, ENVS_LIMIT),
    ):
        if length > limit:
            raise InvalidRequest(
                field,
                f"{length} characters, {length - limit} over the limit of {limit}; "
                "put what is long into a script that the machine fetches.",
            )
        if length:
            say(f"{what} has {length} of {limit} characters, {limit - length} are left.")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}
