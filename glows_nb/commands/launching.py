"""The command that rents: launch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from glows_nb.api.errors import InvalidRequest, ParamIllegal
from glows_nb.api.statuses import InstanceStatus
from glows_nb.commands.arguments import GPU, IMAGE, NETWORK, POSITIVE, REGION, SNAPSHOT
from glows_nb.commands.group import group, program, sandbox_word, say, written_out
from glows_nb.commands.networks import network_id
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from pydantic import SecretStr

    from glows_nb.api.client import Client
    from glows_nb.api.lifecycle.planning import Plan
    from glows_nb.api.models.images import Image
    from glows_nb.api.models.instances import Instance

SECRET_NAMES: Final = re.compile("TOKEN|KEY|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


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
@click.option("--image", "image_id", type=IMAGE, metavar="ID", help="The image to start from; a base image without it.")
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
@click.option("--public-ip", "public_ip_id", type=NETWORK, metavar="ID", help="An owned public IP to use.")
@click.option("--wait", "is_waiting", is_flag=True, help="Return when it is Running.")
@click.option("--dry-run", is_flag=True, help="Only say what would be rented, at which price.")
@click.option("--yes", is_flag=True, help="Rent without asking.")
def launch(
    gpu: str | None,
    cpu: str | None,
    regions: tuple[str, ...],
    image_id: str | None,
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
    from glows_nb.api.lifecycle.keys import derived_name
    from glows_nb.api.offers import match_cpu, match_gpu, regions_by_price
    from glows_nb.commands.plans import carry_out, show_plan, wait_for
    from glows_nb.commands.settings import settings

    if (gpu is None) == (cpu is None):
        raise click.UsageError("Say what hardware to rent: --gpu TEXT, or --cpu TEXT for a machine without a GPU.")
    extra_resource = _extras(extras)
    if image_id and snapshot:
        raise InvalidRequest("snapshot", "give --image or --snapshot, not both.")
    variables = _variables(envs)
    _check_lengths(cmd, variables)
    written = _given(remark=remark, extra_resource=extra_resource, public_ip_id=public_ip_id, custom_meta_key=meta_key)
    _check_early(name, regions, ports, instance_category=category, cmd=cmd, envs=variables, **written)
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
    hardware = match_gpu(specs, gpu) if gpu is not None else match_cpu(specs, cpu or "")
    # Of variables the names count, so that a renewed token rents no second machine.
    more = _given(
        cmd=cmd,
        envs=sorted(variables),
        network=network,
        snapshot=snapshot,
        public_ip=public_ip_id,
        cpu=cpu,
        extra=sorted(extras),
    )
    key = derived_name([gpu, regions, image_id, units, category, sorted(ports), *([more] if more else [])])
    planned = client.instances.plan(
        # The key comes from the line as it was typed: what is chosen for it may be another region tomorrow.
        name=key if name is None and meta_key is None else name,
        **{"cpu_name" if gpu is None else "gpu_name": hardware},
        regions=regions or tuple(chosen.regions) or regions_by_price(specs, hardware, units),
        instance_category=category,
        unit_qty=units,
        ports=ports,
        max_price_per_hour=max_price if max_price is not None else chosen.max_price or None,
        **source,
        **_given(cmd=cmd, envs=variables, public_ip_id=public_ip_id),
        **_given(remark=remark, meta_key=meta_key, extra_resource=extra_resource),
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


def _snapshot(client: Client, word: str) -> tuple[dict[str, Any], str | None]:
    """The source for a snapshot by id or name, and the image whose offers tell the price (FACTS 7)."""
    from glows_nb.api.ids import bare_id
    from glows_nb.frames import queries

    known = queries.snapshots(client=client)
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


def _variables(envs: Sequence[str]) -> dict[str, SecretStr]:
    """Variables written as NAME=VALUE, or as NAME, whose value is this process's; masked from here on."""
    from pydantic import SecretStr

    variables = {}
    for word in envs:
        name, sign, number = word.partition("=")
        if sign:
            value = written_out(number)
            if SECRET_NAMES.search(name):
                say(
                    f"The value of {name} was written out, so it stays in this notebook or history; "
                    f"{name} alone takes it from the environment."
                )
        elif os.getenv(name) is None:
            raise InvalidRequest("env", f"{name} is not set in the environment here; set it, or write {name}=VALUE.")
        else:
            value = SecretStr(os.getenv(name, ""))
        variables[name] = value
    return variables


def _check_early(name: str | None, regions: Sequence[str], ports: Sequence[str], **fields: Any) -> None:
    """Refuse before any request what the plan would refuse after the first ones.

    Raises:
        InvalidRequest: a field is over its limit, or the name holds what was to be expanded.
    """
    from glows_nb.api.lifecycle.wanted import check_name
    from glows_nb.api.requests.create import CreateInstance

    if name is not None:
        if re.search(r"[${}]", name):
            raise InvalidRequest("name", f"{name!r} looks like a variable that is not set.")
        check_name(name)
    anything: dict[str, Any] = {"gpu_name": "any", "from_image_id": "any", "custom_meta_key": "any"}
    given = {key: value for key, value in fields.items() if value is not None}
    for region in regions or ("any",):
        CreateInstance(**(anything | given), region_name=region, ports=ports)


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


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}
