"""Which choices fit together in the launch form; pure, nothing of widgets or of the service here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glows_nb.api.models import Spec
from glows_nb.api.offers import has_left
from glows_nb.money import Rate

ANYWHERE = ""
OfferId = tuple[str, str]
"""Region and resource id: what tells an offer from all others, also from one with the same GPU beside it."""


def offer_id(spec: Spec) -> OfferId:
    """The offer's id, stable while its price and stock change."""
    return spec.region_name, spec.resource_id


@dataclass(frozen=True)
class Choices:
    """What can be chosen, given what was: only offers with something left, only places that have one."""

    specs: tuple[Spec, ...]
    category: str
    region: str = ANYWHERE

    @classmethod
    def among(cls, specs: Sequence[Spec], category: str, region: str = ANYWHERE) -> Choices:
        """The choices among these offers; a category or region that none of them has is let go."""
        left = tuple(spec for spec in specs if has_left(spec))
        categories = _categories(left)
        if category not in categories and categories:
            category = categories[0]
        fitting = tuple(spec for spec in left if category in spec.categories)
        if region not in {spec.region_name for spec in fitting}:
            region = ANYWHERE
        return cls(left, category, region)

    @property
    def categories(self) -> list[str]:
        """Container, VM, or both."""
        return _categories(self.specs)

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
        return sorted(fitting, key=lambda spec: (not spec.unit.gpus, spec.rate, spec.hardware_name, offer_id(spec)))

    def is_ambiguous(self, offer: Spec) -> bool:
        """Does the offer's GPU name mean another offer in its region too, so that it has to be pinned?"""
        same = [spec for spec in self.specs if _place(spec) == _place(offer)]
        return len(same) > 1


def offer_label(spec: Spec, *, with_region: bool) -> str:
    """An offer on one line, as it stands in a menu."""
    unit = spec.unit
    name = f"{unit.gpus} × {unit.gpu_name}" if unit.gpus > 1 else spec.hardware_name
    memory = f", {unit.ram_mb / 1024:g} GB RAM" if unit.ram_mb else ""
    region = f" · {spec.region_name}" if with_region else ""
    return f"{name} · {unit.cpus or '?'} CPUs{memory}{region} · {spec.rate.per_hour:.3f}/h"


def price_words(rate: Rate) -> str:
    """A price as the form shows it: per hour and per day."""
    return f"{rate.per_hour:.3f} Credits per hour, {rate.per_day:.2f} per day"


def _categories(specs: Sequence[Spec]) -> list[str]:
    return sorted({category for spec in specs for category in spec.categories})


def _place(spec: Spec) -> tuple[str, str]:
    return spec.region_name, spec.hardware_name
