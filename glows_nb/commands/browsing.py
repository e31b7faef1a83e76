"""Commands that only read: specs, cheapest, list, show, stats, spend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from glows_nb.api.statuses import InstanceStatus
from glows_nb.commands.group import group
from glows_nb.commands.parameter_types import DAY, GPU, IMAGE, MACHINE, POSITIVE, REGION, SPEC_COLUMN, STATUS
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from glows_nb.api.models.instances import Instance
    from glows_nb.api.models.specs import Spec

F = TypeVar("F", bound=Callable[..., Any])


def status_words(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """One or more status words, in any case, as the contract spells them: the callback of a click option."""
    if isinstance(value, tuple):
        return tuple(_status_word(word) for word in value)
    return _status_word(value)


def _status_word(word: str) -> str:
    by_lower = {status.lower(): status.value for status in InstanceStatus}
    if word.lower() in by_lower:
        return by_lower[word.lower()]
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), by_lower, n=1)
    hint = f"did you mean {by_lower[near[0]]}?" if near else f"there are {', '.join(by_lower.values())}."
    raise click.BadParameter(f"{word!r} is no status; {hint}")


LIMITS: Final = (
    click.option("--gpu", type=GPU, metavar="TEXT", help="Only GPUs whose name holds this, such as 4090."),
    click.option("--region", type=REGION, multiple=True, metavar="NAME", help="Only this region; may be repeated."),
    click.option(
        "--min-vram", "min_vram_gb", type=POSITIVE, metavar="GB", help="Only GPUs with at least this memory each."
    ),
    click.option("--max-price", type=POSITIVE, metavar="CREDITS", help="Only offers up to this price per hour."),
    click.option(
        "--gpus", type=click.IntRange(min=0), metavar="N", help="Only offers with so many GPUs a unit; 0 is CPUs."
    ),
    click.option(
        "--image", "image_id", type=IMAGE, metavar="ID", help="The image that is to run; a base image without it."
    ),
)


def limits(function: F) -> F:
    """The options that say what an offer must be like."""
    for option in reversed(LIMITS):
        function = option(function)
    return function


@group.command(examples=["specs --gpu 4090 --sort price", "specs --available --where 'gpus >= 8'"])
@limits
@click.option("--available", is_flag=True, help="Only what is to be had now.")
@click.option(
    "--sort",
    type=SPEC_COLUMN,
    metavar="COLUMN",
    help="A column, or price, vram, ram; -price puts the dearest first.",
)
@click.option("--where", metavar="EXPR", help="A filter in pandas' query language, such as 'gpus >= 8'.")
def specs(
    gpu: str | None,
    region: tuple[str, ...],
    min_vram_gb: float | None,
    max_price: float | None,
    gpus: int | None,
    image_id: str | None,
    available: bool,
    sort: str | None,
    where: str | None,
) -> pd.DataFrame:
    """What can be rented, with prices in Credits per hour."""
    from glows_nb.commands.settings import settings
    from glows_nb.frames import queries

    return queries.specs(
        gpu=gpu,
        region=region or None,
        min_vram_gb=min_vram_gb,
        max_price=max_price,
        gpus=gpus,
        available=available,
        sort=sort,
        where=where,
        image_id=image_id or settings().image or None,
    )


@group.command(examples=["cheapest", "cheapest --min-vram 24 --region TW-03"])
@limits
def cheapest(
    gpu: str | None,
    region: tuple[str, ...],
    min_vram_gb: float | None,
    max_price: float | None,
    gpus: int | None,
    image_id: str | None,
) -> Spec:
    """The cheapest offer that is to be had now."""
    from glows_nb.commands.settings import settings
    from glows_nb.frames import queries

    return queries.cheapest(
        gpu=gpu,
        region=region or None,
        min_vram_gb=min_vram_gb,
        max_price=max_price,
        gpus=gpus,
        image_id=image_id or settings().image or None,
    )


@group.command(name="list", aliases=["ls"], examples=["list --status Running", "ls --limit 5"])
@click.option(
    "--status", "statuses", type=STATUS, multiple=True, callback=status_words, help="Only this; may be repeated."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many, the newest.")
def list_machines(statuses: tuple[str, ...], limit: int | None) -> pd.DataFrame:
    """Your machines, newest first, ended ones included."""
    from glows_nb.frames import queries

    return queries.instances(statuses=statuses, limit=limit)


@group.command(examples=["show train"])
@click.argument("machine", type=MACHINE)
def show(machine: str) -> Instance:
    """One machine, with what it costs and the way in.

    MACHINE is its id, its meta key or the name it was launched with.
    """
    return current_client().instances.find(machine)


@group.command(examples=["stats"])
def stats() -> dict[str, int]:
    """How many machines are in each status."""
    return current_client().instances.stats()


@group.command(examples=["spend", "spend --since 2026-01-31 --tz Asia/Taipei"])
@click.option("--since", type=DAY, metavar="DAY", help="Count from this day, such as 2026-01-31; all without it.")
@click.option("--tz", metavar="ZONE", help="Whose days, such as Asia/Taipei; this computer's without it.")
def spend(since: date | None, tz: str | None) -> pd.DataFrame:
    """What each machine cost on each day.

    By the ledger on this computer, since the service does not tell. Estimates are marked.
    """

    from glows_nb.frames.costs import spending

    return spending(since=since, tz=tz)
