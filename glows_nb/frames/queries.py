"""Ask the service and get a DataFrame: `glows.specs()`, `.instances()`, `.images()`, `.snapshots()`, `.networks()`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import pandas as pd

from glows_nb.api.client import AsyncClient, Client
from glows_nb.api.errors import InvalidRequest, NoResourceAvailable
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import is_region
from glows_nb.api.statuses import InstanceStatus
from glows_nb.connection import current_client
from glows_nb.formatting import counted
from glows_nb.frames import from_models, machine_rows
from glows_nb.frames.columns import SORT_WORDS
from glows_nb.frames.tables import Table, captioned
from glows_nb.gpus import filtered, nearest
from glows_nb.ledger.database import LedgerError
from glows_nb.ledger.recorder import recorder_of
from glows_nb.money import Rate, exact_amount

BETWEEN: Final = frozenset({"glows_nb", "click", "IPython", "decorator", "contextlib"})
"""Packages whose frames may stand between this one and whoever wrote an expression."""


class Limits(NamedTuple):
    """What an offer must be like; a limit that is None holds nothing out."""

    gpu: str | None = None
    region: str | Sequence[str] | None = None
    min_vram_gb: float | None = None
    max_price: float | Decimal | str | None = None
    gpus: int | None = None
    available: bool = False

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are let through, as they were written; none where all are."""
        return (self.region,) if isinstance(self.region, str) else tuple(self.region or ())

    def check(self) -> None:
        """Refuse limits that no offer can have.

        Raises:
            InvalidRequest: one is negative or no number.
        """
        for field, limit in (("min_vram_gb", self.min_vram_gb), ("gpus", self.gpus)):
            if limit is not None and not limit >= 0:
                raise InvalidRequest(field, f"{limit!r} is not a number of at least 0.")
        if self.max_price is not None:
            try:
                is_sound = exact_amount(self.max_price) >= 0
            except ValueError:
                is_sound = False
            if not is_sound:
                raise InvalidRequest("max_price", f"{self.max_price!r} is not a number of at least 0.")
        if self.gpus is not None and (isinstance(self.gpus, bool) or self.gpus != int(self.gpus)):
            raise InvalidRequest("gpus", f"{self.gpus!r} is no whole number of GPUs.")

    def among(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a frame of specs that keep all limits."""
        if self.gpu is not None:
            names = [str(name) for name in table["gpu"].dropna().unique()]
            table = table[table["gpu"].isin(filtered(names, self.gpu))]
        if self.region is not None:
            regions = [name for name in table["region"].dropna().unique() if self._has_region(str(name))]
            table = table[table["region"].isin(regions)]
        if self.min_vram_gb is not None:
            table = table[table["vram_gb"].ge(self.min_vram_gb).fillna(False)]
        if self.max_price is not None:
            table = table[table["price_per_hour"].le(float(exact_amount(self.max_price)))]
        if self.gpus is not None:
            table = table[table["gpus"].eq(self.gpus).fillna(False)]
        if self.available:
            table = table[table["available"].fillna(False) & table["max_units"].gt(0).fillna(True)]
        return table

    def _has_region(self, name: str) -> bool:
        return any(is_region(name, wanted) for wanted in self.regions)

    def given(self) -> list[str]:
        """The names of the limits that hold something out."""
        return [name for name, limit in self._asdict().items() if limit not in (None, False)]


def specs(
    *,
    gpu: str | None = None,
    region: str | Sequence[str] | None = None,
    min_vram_gb: float | None = None,
    max_price: float | Decimal | str | None = None,
    gpus: int | None = None,
    available: bool = False,
    sort: str | None = None,
    where: str | None = None,
    image_id: str | None = None,
    wide: bool = False,
    client: Client | None = None,
) -> Table:
    """What can be rented, one row an offer; see `glows_nb.frames.specs` for the columns.

    `attrs` holds the image that was asked about as "image_id".

    Args:
        gpu: only GPUs that may be meant by this, such as "4090", "a100 80gb" or "rtx".
        region: only this region, or these.
        min_vram_gb: only GPUs with at least this much memory each, GB.
        max_price: only offers up to this price for one unit, Credits per hour.
        gpus: only offers with exactly so many GPUs in one unit; 0 is plain CPUs.
        available: only what is to be had now.
        sort: a column, or price, gpu_price, vram, ram; with a leading minus the largest come first.
        where: an expression of pandas' query language over the columns; `@name` is a variable of the caller's.
        image_id: the image that is to run; without it a base image is chosen and named in the caption.
        wide: all fields of the offers, as further columns.
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: a limit is negative, a column is unknown, or the expression can't be read.
    """
    limits = Limits(gpu, region, min_vram_gb, max_price, gpus, available)
    limits.check()
    service = client or current_client()
    image_id, image_words = _image(service, image_id)
    everything = from_models.specs(service.specs.all(from_image_id=image_id), wide=wide)
    table = limits.among(everything)
    if where is not None:
        table = _where(table, where)
    if sort is not None:
        table = _sorted(table, sort)
    table = table.reset_index(drop=True)
    caption = f"{counted(len(table), 'offer')} for image {image_words}; prices in Credits per hour"
    if table.empty and not everything.empty:
        caption += f". {_why_none(everything, limits)}"
    table.attrs["image_id"] = image_id
    return captioned(table, caption, is_sandbox=service.is_sandbox)


def cheapest(
    *,
    gpu: str | None = None,
    region: str | Sequence[str] | None = None,
    min_vram_gb: float | None = None,
    max_price: float | Decimal | str | None = None,
    gpus: int | None = None,
    image_id: str | None = None,
    client: Client | None = None,
) -> Spec:
    """The cheapest offer that is to be had now, to launch with `CreateInstance.from_spec` or its `base_resource`.

    Of two at one price the one with more memory comes first. Only machines with GPUs count, unless `gpus=0` asks for
    plain CPUs.

    Args:
        gpu, region, min_vram_gb, max_price, gpus, image_id: as for `specs`.
        client: the client to ask; without it the current one.

    Raises:
        InvalidRequest: a limit is negative.
        NoResourceAvailable: nothing fits; the text says why, and what comes nearest.
    """
    limits = Limits(gpu, region, min_vram_gb, max_price, gpus, available=True)
    limits.check()
    service = client or current_client()
    image_id, _ = _image(service, image_id)
    from glows_nb.api.models.rows import readable

    models = readable(service.specs.all(from_image_id=image_id))
    everything = from_models.specs(models)
    if gpus is None:
        everything = everything[everything["gpus"].gt(0).fillna(False)]
    best = _cheapest(limits.among(everything))
    if best is None:
        raise NoResourceAvailable.in_offers(f"{_why_none(everything, limits)}.")
    return models[best]


def instances(
    *, statuses: Sequence[str] = (), limit: int | None = None, wide: bool = False, client: Client | None = None
) -> Table:
    """Machines, newest first, one row each; see `glows_nb.frames.instances` for the columns.

    Args:
        statuses: only machines in these; none means all, ended ones included.
        limit: at most so many.
        wide: all fields of the machines but secrets, as further columns.
        client: the client to ask; without it the current one.
    """
    from glows_nb.api.operations.instances import kept_instances  # with the models of machines: not for offers

    service = client or current_client()
    rows = service.run(kept_instances(machine_rows.row_of(wide=wide), statuses, limit=limit, strict=False))
    return _table_of_machines(rows, wide=wide, is_sandbox=service.is_sandbox)


async def instances_async(
    client: AsyncClient, *, statuses: Sequence[str] = (), limit: int | None = None, wide: bool = False
) -> Table:
    """The same as `instances`, awaited.

    Of each page only its rows are kept. `frames.instances(await client.instances.all())` gives the same columns, but
    holds all machines in memory at once, and going through so many objects holds the event loop up.

    Args:
        client: the client to ask.
        statuses: only machines in these; none means all, ended ones included.
        limit: at most so many.
        wide: all fields of the machines but secrets, as further columns.
    """
    from glows_nb.api.operations.instances import kept_instances

    rows = await client.run(kept_instances(machine_rows.row_of(wide=wide), statuses, limit=limit, strict=False))
    return _table_of_machines(rows, wide=wide, is_sandbox=client.is_sandbox)


def images(*, keywords: str = "", owned: bool = False, client: Client | None = None) -> Table:
    """Images to start from, one row each; see `glows_nb.frames.images` for the columns.

    Args:
        keywords: only images whose names hold this.
        owned: only one's own.
        client: the client to ask; without it the current one.
    """
    service = client or current_client()
    table = from_models.images(service.images.all(owned=owned, keywords=keywords))
    return captioned(table, counted(len(table), "image"), is_sandbox=service.is_sandbox)


def snapshots(*, wide: bool = False, client: Client | None = None) -> Table:
    """Snapshots, one row each, with names and base images from the ledger.

    See `glows_nb.frames.snapshots` for the columns. The service does not return the names that snapshots were given
    (FACTS 7); those taken elsewhere have none here.

    Args:
        wide: all fields, as further columns.
        client: the client to ask; without it the current one.
    """
    service = client or current_client()
    recorder = recorder_of(service)
    models = service.snapshots.all()
    try:
        known, machines = recorder.ledger.snapshots(recorder.account), recorder.ledger.images(recorder.account)
    except LedgerError as error:
        warnings.warn(f"{error} Names of snapshots are left out.", stacklevel=2)
        known, machines = {}, {}
    table = from_models.snapshots(models, known, machines, wide=wide)
    return captioned(table, counted(len(table), "snapshot"), is_sandbox=service.is_sandbox)


def networks(*, network_type: int = 0, wide: bool = False, client: Client | None = None) -> Table:
    """Networks in all regions whose number is known, one row each; see `glows_nb.frames.networks` for the columns.

    Args:
        network_type: 0 is a mesh, 6 an owned public IP.
        wide: all fields, as further columns.
        client: the client to ask; without it the current one.
    """
    from glows_nb.api.domains import networks_and_regions_not_asked  # with the models of machines: not for offers

    service = client or current_client()
    models, unasked = service.run(networks_and_regions_not_asked(network_type, strict=False))
    table = from_models.networks(models, wide=wide)
    caption = counted(len(table), "network")
    if unasked:
        caption += f"; not asked, since their numbers are not known: {' and '.join(unasked)}"
    return captioned(table, caption, is_sandbox=service.is_sandbox)


def endpoints(network_id: str, *, wide: bool = False, client: Client | None = None) -> Table:
    """The machines in a network, one row each; see `glows_nb.frames.endpoints` for the columns.

    Args:
        network_id: the network.
        wide: all fields, as further columns.
        client: the client to ask; without it the current one.
    """
    service = client or current_client()
    table = from_models.endpoints(service.networks.all_endpoints(network_id), wide=wide)
    return captioned(table, f"{counted(len(table), 'machine')} in {network_id}", is_sandbox=service.is_sandbox)


def _table_of_machines(rows: Sequence[machine_rows.Row], *, wide: bool, is_sandbox: bool) -> Table:
    table = from_models.instances_of_rows(rows, wide=wide)
    billed = table.loc[table["status"] == InstanceStatus.RUNNING, "price_per_hour"]
    now = f"{sum(map(Rate.from_credits, billed.dropna()), Rate(0)).per_hour:.3f} Credits per hour"
    unknown = f" and {billed.isna().sum()} of unknown price" if billed.hasnans else ""
    caption = f"{counted(len(table), 'machine')}, {len(billed)} running at {now}{unknown}"
    return captioned(table, caption, is_sandbox=is_sandbox)


def _where(table: pd.DataFrame, expression: str) -> pd.DataFrame:
    try:
        names: dict[str, Any] = _names_of_caller() if "@" in expression else {}
        fits = table.eval(expression, **names)
    except Exception as error:  # noqa: BLE001 - pandas raises whatever the expression meets
        raise InvalidRequest("where", f"{expression!r} can't be used: {error}.") from None
    if isinstance(fits, pd.Series):
        # pandas 2 gives words like `gpu.str.contains(…)` as objects: true, false and unknown.
        fits = fits.convert_dtypes()
    # `DataFrame.query` would take the numbers of "gpus" for labels of rows, and give some rows many times.
    if not isinstance(fits, pd.Series) or not pd.api.types.is_bool_dtype(fits):
        raise InvalidRequest(
            "where", f"{expression!r} is neither true nor false of an offer; compare, as in gpus >= 8."
        )
    return table[fits.fillna(False)]


def _names_of_caller() -> dict[str, Mapping[str, Any]]:
    """The variables where this package was called, which `@name` means as in `DataFrame.query`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in BETWEEN:
        frame = frame.f_back
    return {"local_dict": frame.f_locals, "global_dict": frame.f_globals}


def _sorted(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    word = sort.removeprefix("-")
    column = SORT_WORDS.get(word, word)
    if column not in table.columns:
        from difflib import get_close_matches

        near = get_close_matches(word, [*SORT_WORDS, *table.columns], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(table.columns)}."
        raise InvalidRequest("sort", f"{word!r} is no column; {hint}")
    return table.sort_values(column, ascending=not sort.startswith("-"), kind="stable")


def _image(service: Client, image_id: str | None) -> tuple[str, str]:
    """The image to ask about, and how to name it: the one given, else the default one."""
    if image_id is not None:
        return image_id, image_id
    image = service.images.default()
    return image.image_id, str(image)


def _cheapest(table: pd.DataFrame) -> int | None:
    """The label of the row with the lowest price, the most memory first among equals; None where none has a price."""
    priced = table[table["price_per_hour"].notna()]
    if priced.empty:
        return None
    ordered = priced.sort_values(["price_per_hour", "ram_gb"], ascending=[True, False], kind="stable")
    return int(ordered.index[0])


def _why_none(table: pd.DataFrame, limits: Limits) -> str:
    """Why no offer keeps all limits, and what comes nearest."""
    names = [str(name) for name in table["gpu"].dropna().unique()]
    if limits.gpu is not None and not filtered(names, limits.gpu):
        near = nearest(names, limits.gpu)
        return f"No GPU is called like {limits.gpu!r}" + (f"; the nearest is {near}" if near else "")
    regions = sorted(str(name) for name in table["region"].dropna().unique())
    unknown = [name for name in limits.regions if not any(is_region(region, name) for region in regions)]
    if unknown:
        return f"There is no region {' or '.join(map(repr, unknown))}; there are {', '.join(regions)}"
    otherwise = []
    # Where an expression holds out what the limits would let through, other limits are not to blame.
    for name in limits.given() if limits.among(table).empty else ():
        relaxed: dict[str, Any] = {name: False if name == "available" else None}
        label = _cheapest(limits._replace(**relaxed).among(table))
        if label is not None:
            row = table.loc[label]
            what = f"{row['gpus']} × {row['gpu']}" if pd.notna(row["gpu"]) else row["cpu"]
            otherwise.append(f"without {name} there is {what} in {row['region']} at {row['price_per_hour']:.3f}")
    return "Nothing fits all these limits at once" + (f"; {'; '.join(otherwise)}" if otherwise else "")
