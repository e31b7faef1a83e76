"""Which choices fit together in the launch form; pure, nothing of widgets or of the service here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import has_left
from glows_nb.formatting import visible
from glows_nb.money import Rate
from glows_nb.widgets import texts

ANYWHERE = ""
OfferId = tuple[str, str]
"""Region and resource id: what tells an offer from all others, also from one with the same GPU beside it."""


def offer_id(spec: Spec) -> OfferId:
    """The offer's id, stable while its price and stock change."""
    return spec.region_name, spec.resource_id


def offer_id_of(spec: Any) -> OfferId:
    """The id of an offer that is given as a Spec or as a row of a frame of specs.

    Raises:
        InvalidRequest: it is neither.
    """
    if isinstance(spec, Spec):
        return offer_id(spec)
    try:
        return str(spec["region"]), str(spec["resource_id"])
    except (KeyError, TypeError, IndexError) as error:
        raise InvalidRequest("spec", f"is neither a Spec nor a row of glows.specs(): {error}.") from None


@dataclass(frozen=True)
class Choices:
    """What can be chosen, given what was: only offers with a price and something left, only places that have one."""

    specs: tuple[Spec, ...]
    category: str
    region: str = ANYWHERE
    only: str = ""
    """The one category there is to choose, "" where the offers decide."""

    @classmethod
    def among(cls, specs: Sequence[Spec], category: str, region: str = ANYWHERE, *, only: str = "") -> Choices:
        """The choices among these offers; a category or region that none of them has is let go."""
        # What a machine costs has to be shown before it is rented.
        priced = [spec for spec in specs if has_left(spec) and spec.rate is not None]
        left = tuple(spec for spec in priced if not only or only in spec.categories)
        categories = [only] if only and left else _categories(left)
        if category not in categories and categories:
            category = categories[0]
        fitting = tuple(spec for spec in left if category in spec.categories)
        if region not in {spec.region_name for spec in fitting}:
            region = ANYWHERE
        return cls(left, category, region, only)

    @property
    def categories(self) -> list[str]:
        """Container, VM, or both."""
        return [self.only] if self.only and self.specs else _categories(self.specs)

    @property
    def regions(self) -> list[str]:
        """Where the category can be started, in alphabetical order."""
        return sorted({spec.region_name for spec in self.specs if self.category in spec.categories})

    @property
    def offers(self) -> list[Spec]:
        """What can be rented in the region: GPUs before plain CPUs, the cheapest first."""
        fitting = [
            spec
            for spec in self.specs
            if self.category in spec.categories and self.region in (ANYWHERE, spec.region_name)
        ]
        fitting.sort(key=lambda spec: (spec.price_order, spec.hardware_name, offer_id(spec)))
        return sorted(fitting, key=lambda spec: not spec.unit.gpus)

    def is_ambiguous(self, offer: Spec) -> bool:
        """Does the offer's GPU name mean another offer in its region too, which would be taken, or might be?"""
        others = [spec for spec in self.specs if _place(spec) == _place(offer) and offer_id(spec) != offer_id(offer)]
        return any(other.price_order <= offer.price_order for other in others)

    def elsewhere(self, offer: Spec) -> dict[str, Spec]:
        """The cheapest offer of the same name in each other region, the cheapest region first."""
        found: dict[str, Spec] = {}
        for spec in sorted(self.specs, key=lambda spec: (spec.price_order, offer_id(spec))):
            is_like = spec.hardware_name == offer.hardware_name and bool(spec.unit.gpus) == bool(offer.unit.gpus)
            if is_like and self.category in spec.categories and spec.region_name != offer.region_name:
                found.setdefault(spec.region_name, spec)
        return found


def offer_label(spec: Spec, *, with_region: bool) -> str:
    """An offer on one line, as it stands in a menu."""
    unit = spec.unit
    name = f"{unit.gpus} × {unit.gpu_name}" if unit.gpus > 1 else spec.hardware_name
    memory = texts.OFFER_MEMORY.format(gigabytes=unit.ram_mb / 1024) if unit.ram_mb else ""
    region = f" · {spec.region_name}" if with_region else ""
    hour = Decimal("NaN") if spec.rate is None else spec.rate.per_hour
    return visible(texts.OFFER.format(name=name, cpus=unit.cpus or "?", memory=memory, region=region, hour=hour))


def price_words(rate: Rate) -> str:
    """A price as the form shows it: per hour, day and month."""
    return texts.FORM_PRICE.format(hour=rate.per_hour, day=rate.per_day, month=rate.per_month)


def _categories(specs: Sequence[Spec]) -> list[str]:
    return sorted({category for spec in specs for category in spec.categories})


def _place(spec: Spec) -> tuple[str, str]:
    return spec.region_name, spec.hardware_name
