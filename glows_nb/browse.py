"""Ask the service and get a DataFrame: `glows.specs()`, `glows.instances()`, `glows.images()`."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import pandas as pd

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.offers import nearest_gpu
from glows_nb.connection import current_client
from glows_nb.tables import Table, captioned, counted

SORT_WORDS: Final = {"price": "price_per_hour", "gpu_price": "price_per_gpu_hour", "vram": "vram_gb", "ram": "ram_gb"}


def specs(
    *,
    gpu: str | None = None,
    region: str | None = None,
    min_vram_gb: float | None = None,
    max_price: float | None = None,
    available: bool = False,
    sort: str | None = None,
    where: str | None = None,
    image_id: str | None = None,
    client: Client | None = None,
) -> Table:
    """What can be rented, one row an offer; see `frames.specs` for the columns.

    Args:
        gpu: only GPUs whose name holds this, in any case.
        region: only this region.
        min_vram_gb: only GPUs with at least this much memory each, GB.
        max_price: only offers up to this price for one unit, Credits per hour.
        available: only what is to be had now.
        sort: a column, or price, gpu_price, vram, ram; with a leading minus the largest come first.
        where: an expression of pandas' query language over the columns.
        image_id: the image that is to run; without it a base image is chosen and named in the caption.
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: a limit is negative, a column is unknown, or the expression can't be read.
    """
    for field, limit in (("min_vram_gb", min_vram_gb), ("max_price", max_price)):
        if limit is not None and not limit >= 0:
            raise InvalidRequest(field, f"{limit!r} is not a number of at least 0.")
    service = client or current_client()
    if image_id is None:
        image = service.images.default()
        image_id, image_words = image.image_id, str(image)
    else:
        image_words = image_id
    table = frames.specs(service.specs.all(from_image_id=image_id))
    everything = table
    if gpu is not None:
        table = table[table["gpu"].astype("string").str.contains(gpu, case=False, regex=False, na=False)]
    if region is not None:
        table = table[table["region"].astype("string").str.lower() == region.lower()]
    if min_vram_gb is not None:
        table = table[table["vram_gb"].ge(min_vram_gb).fillna(False)]
    if max_price is not None:
        table = table[table["price_per_hour"].le(max_price)]
    if available:
        table = table[table["available"].fillna(False)]
    if where is not None:
        table = _where(table, where)
    if sort is not None:
        table = _sorted(table, sort)
    table = table.reset_index(drop=True)
    caption = f"{counted(len(table), 'offer')} for image {image_words}; prices in Credits per hour"
    if table.empty and not everything.empty:
        caption += _nearest(everything, gpu, region)
    table.attrs["image_id"] = image_id
    return captioned(table, caption, is_sandbox=service.is_sandbox)


def instances(*, statuses: Sequence[str] = (), limit: int | None = None, client: Client | None = None) -> Table:
    """Machines, newest first, one row each; see `frames.instances` for the columns.

    Args:
        statuses: only machines in these; none means all, ended ones included.
        limit: at most so many.
        client: the client to ask; without it the current one.
    """
    service = client or current_client()
    models = service.instances.all(statuses, limit=limit)
    billed = [model.rate for model in models if model.is_billed]
    known = [rate for rate in billed if rate is not None]
    now = f"{sum(rate.millicents_per_hour for rate in known) / 100_000:.3f} Credits per hour"
    unknown = f" and {len(billed) - len(known)} of unknown price" if len(billed) > len(known) else ""
    caption = f"{counted(len(models), 'machine')}, {len(billed)} running at {now}{unknown}"
    return captioned(frames.instances(models), caption, is_sandbox=service.is_sandbox)


def images(*, keywords: str = "", owned: bool = False, client: Client | None = None) -> Table:
    """Images to start from, one row each; see `frames.images` for the columns.

    Args:
        keywords: only images whose names hold this.
        owned: only one's own.
        client: the client to ask; without it the current one.
    """
    service = client or current_client()
    table = frames.images(service.images.all(owned=owned, keywords=keywords))
    return captioned(table, counted(len(table), "image"), is_sandbox=service.is_sandbox)


def _where(table: pd.DataFrame, expression: str) -> pd.DataFrame:
    try:
        fits = table.eval(expression)
    except Exception as error:  # noqa: BLE001 - pandas raises whatever the expression meets
        raise InvalidRequest("where", f"{expression!r} can't be used: {error}.") from None
    # `DataFrame.query` would take the numbers of "gpus" for labels of rows, and give some rows many times.
    if not isinstance(fits, pd.Series) or not pd.api.types.is_bool_dtype(fits):
        raise InvalidRequest(
            "where", f"{expression!r} is neither true nor false of an offer; compare, as in gpus >= 8."
        )
    return table[fits.fillna(False)]


def _sorted(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    word = sort.removeprefix("-")
    column = SORT_WORDS.get(word, word)
    if column not in table.columns:
        near = get_close_matches(word, [*SORT_WORDS, *table.columns], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(table.columns)}."
        raise InvalidRequest("sort", f"{word!r} is no column; {hint}")
    return table.sort_values(column, ascending=not sort.startswith("-"), kind="stable")


def _nearest(table: pd.DataFrame, gpu: str | None, region: str | None) -> str:
    """What there is instead, for a caption over nothing."""
    names = [str(name) for name in table["gpu"].dropna().unique()]
    if gpu is not None and not any(gpu.lower() in name.lower() for name in names):
        near = nearest_gpu(gpu, names)
        return f". No GPU is called like {gpu!r}; the nearest is {near}" if near else ""
    regions = sorted(str(name) for name in table["region"].dropna().unique())
    if region is not None and region.lower() not in (name.lower() for name in regions):
        return f". There is no region {region!r}; there are {', '.join(regions)}"
    return ". Nothing fits all these limits at once"
