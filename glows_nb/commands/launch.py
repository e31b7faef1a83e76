"""The command that rents: launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.statuses import InstanceStatus
from glows_nb.commands.group import group, sandbox_word, say
from glows_nb.commands.parameter_types import GPU, IMAGE, NETWORK, POSITIVE, REGION, SNAPSHOT
from glows_nb.commands.variables import variables
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from pydantic import SecretStr

    from glows_nb.api.lifecycle.planning import Plan
    from glows_nb.api.models.instances import Instance


@group.command(
    examples=(
        "launch --gpu 4090 --dry-run",
        "launch --gpu 4090 --name train --max-price 0.60 --wait --yes",
        "launch --gpu 4090 --region TW-04 --region TW-03 --name web --port 8000/http --yes",
        "launch --gpu 4090 --name job --cmd 'python -m http.server 8080' --env EPOCHS=3 --yes",
        "launch --cpu 8468 --name prepare --dry-run",
    )
)
@click.option("--gpu", type=GPU, metavar="TEXT", help="The GPU, such as 4090.")
@click.option("--cpu", metavar="TEXT", help="Instead of a GPU: a machine without one, by its CPU, such as 8468.")
@click.option(
    "--region", "regions", type=REGION, multiple=True, metavar="NAME", help="Where; repeat it for an order to try."
)
@click.option(
    "--image", type=IMAGE, metavar="ID", help="The image to start from, by id or name; a base image without it."
)
@click.option(
    "--snapshot", type=SNAPSHOT, metavar="ID", help="Start from this snapshot, by id or name, not from an image."
)
@click.option("--name", metavar="NAME", help="A name: launching it again finds the machine that is there.")
@click.option("--meta-key", metavar="KEY", help="A key of your own instead of a name; it is used once, for ever.")
@click.option("--remark", metavar="TEXT", help="A remark that the service keeps, at most 32 characters.")
@click.option(
    "--units",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="How many units of the offer.",
)
@click.option(
    "--extra",
    "extras",
    multiple=True,
    metavar="NAME=N",
    help="What to add to each unit, such as cpus=4.",
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
@click.option("--public-ip", type=NETWORK, metavar="ID", help="An owned public IP to use, by id or name.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when it is Running.")
@click.option("--dry-run", is_flag=True, help="Only say what would be rented, at which price.")
@click.option("--over-budget", is_flag=True, help="Rent though the budget would be passed; --yes alone does not.")
@click.option("--yes", is_flag=True, help="Rent without asking.")
def launch(
    gpu: str | None,
    cpu: str | None,
    regions: tuple[str, ...],
    image: str | None,
    snapshot: str | None,
    name: str | None,
    meta_key: str | None,
    remark: str | None,
    units: int,
    extras: tuple[str, ...],
    max_price: float | None,
    category: str,
    ports: tuple[str, ...],
    cmd: str,
    envs: tuple[str, ...],
    network: str | None,
    public_ip: str | None,
    is_waiting: bool,
    dry_run: bool,
    over_budget: bool,
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
    from glows_nb.commands.plan_execution import plan_of, refuse_unset, rent, wait_for
    from glows_nb.commands.settings import settings
    from glows_nb.renting.words import Words

    if (gpu is None) == (cpu is None):
        raise click.UsageError("Say what hardware to rent: --gpu TEXT, or --cpu TEXT for a machine without a GPU.")
    if image and snapshot:
        raise InvalidRequest("snapshot", "give --image or --snapshot, not both.")
    refuse_unset(name)
    extra = _extras(extras)
    values = variables(envs)
    _check_lengths(cmd, values)
    chosen = settings()
    words = Words(
        gpu=gpu,
        cpu=cpu,
        name=name,
        meta_key=meta_key or None,
        image=image or (chosen.image or None if not snapshot else None),
        snapshot=snapshot or None,
        regions=regions,
        units=units,
        extra=extra,
        category=category,
        ports=ports,
        cmd=cmd,
        envs=values,
        network=network or None,
        public_ip=public_ip or None,
        remark=remark,
        max_price=max_price if max_price is not None else chosen.max_price or None,
    )
    client = current_client()
    planned, new_image = plan_of(client, words)
    if dry_run:
        say(f"{sandbox_word(client)}Only a plan; nothing is rented.")
        return planned
    instance = rent(client, planned, new_image, yes=yes, over_budget=over_budget)
    if not is_waiting:
        return instance
    return wait_for(client, instance, InstanceStatus.RUNNING, chosen.wait_timeout)


def _extras(words: Sequence[str]) -> dict[str, int]:
    """What is added to each unit, written as NAME=N.

    Raises:
        InvalidRequest: one is not written so.
    """
    extras = {}
    for word in words:
        name, _, number = word.partition("=")
        if not name or not number.isdecimal():
            raise InvalidRequest("extra", f"{word!r} is not a name and a number such as cpus=4.")
        extras[name] = int(number)
    return extras


def _check_lengths(cmd: str, variables: Mapping[str, SecretStr]) -> None:
    """Say how much of the contract's limits is left; refuse what is over, before any request."""
    from glows_nb.api.requests.create import CMD_LIMIT, ENVS_LIMIT

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
