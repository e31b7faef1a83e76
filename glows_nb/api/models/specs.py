"""Offers: what can be rented where, at which price."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from glows_nb.api.models.wire import ElseUnknown, Integer, ListOf, Text, WireModel
from glows_nb.money import HIGHEST, Rate


class MachineCategory(IntEnum):
    """`machine_category`: 0 is GPU; the contract gives no meaning for 1 to 3, CPU is inferred (FACTS 8)."""

    GPU = 0
    CPU = 1
    CATEGORY_2 = 2
    CATEGORY_3 = 3


class UnitSpec(WireModel):
    """The hardware of one unit."""

    gpu_name: Text = ""
    gpus: Integer = 0
    cpu_name: Text = ""
    cpus: Integer = 0
    ram_mb: Integer = 0
    disk_gb: Integer = 0


class BaseResource(WireModel):
    """What is to be rented: by the id that pins it where a GPU's name alone is ambiguous (FACTS 0.1, fact 5), by what a
    unit has, or by both.
    """

    resource_id: str = ""
    unit_qty: Annotated[Integer, Field(ge=0)] = 1
    unit_spec: UnitSpec = UnitSpec()


class OfferedResource(BaseResource):
    """What can be rented, as an offer tells it."""

    resource_id: str
    unit_spec: UnitSpec


class Price(WireModel):
    """A price per hour and unit; None where what came is no whole number above 0, so that nobody knows it."""

    millicent_per_hour: Annotated[int, Field(strict=True, gt=0, lt=HIGHEST), ElseUnknown()] | None


class ExtraResource(WireModel):
    """Something that can be added to a unit, and what that costs."""

    resource: dict[str, Any] = Field(default_factory=dict)
    price: Price | None = None


class Spec(WireModel):
    """An offer: hardware in a region, at a price, with what is left of it (contract: SpecInfo)."""

    id_path: ClassVar[tuple[str, ...]] = ("base_resource", "resource_id")
    unknown: ClassVar[Mapping[str, Any]] = {
        "region_name": "",
        "base_resource": {"resource_id": "", "unit_spec": {}},
        "price": {"millicent_per_hour": None},
        "machine_category": None,
    }
    price_path: ClassVar[tuple[str, ...]] = ("price", "millicent_per_hour")

    region_name: str
    base_resource: OfferedResource
    price: Price
    machine_category: Integer | None = MachineCategory.GPU
    instance_categories: ListOf[Integer] = ()
    extra_resources: ListOf[ExtraResource] = ()
    avail: bool | None = None
    max_available_units: Integer | None = None

    @property
    def resource_id(self) -> str:
        """The id that tells this offer from others with the same GPU in the same region."""
        return self.base_resource.resource_id

    @property
    def unit(self) -> UnitSpec:
        """The hardware of one unit."""
        return self.base_resource.unit_spec

    @property
    def rate(self) -> Rate | None:
        """What one unit costs per hour; None where the service told no price that can be one."""
        price = self.price.millicent_per_hour
        return None if price is None else Rate(price)

    @property
    def has_price(self) -> bool:
        """Was a price told that can be one?"""
        return self.price.millicent_per_hour is not None

    @property
    def is_told(self) -> bool:
        """Were an id and a price told that can be one?"""
        return bool(self.resource_id) and self.has_price

    @classmethod
    def in_place_of(cls, field: str, row: Mapping[str, Any]) -> Any:
        """Of hardware that can't be read its id, where that is one.

        Args:
            field: the wire's name of the field.
            row: what came, as JSON.
        """
        resource = row.get(field)
        if field != "base_resource" or not isinstance(resource, dict):
            return super().in_place_of(field, row)
        id_ = resource.get("resource_id")
        return cls.unknown[field] | {"resource_id": id_ if isinstance(id_, str) else ""}

    @property
    def price_order(self) -> int:
        """A number to sort by price, in which an offer without one comes last."""
        price = self.price.millicent_per_hour
        return 2**63 if price is None else price

    @property
    def hardware_name(self) -> str:
        """The GPU's name, or the CPU's where there is no GPU."""
        return self.unit.gpu_name or self.unit.cpu_name

    @property
    def categories(self) -> tuple[str, ...]:
        """What can be started on it, in the words that a create takes: "container", "vm"."""
        return tuple(SPEC_CATEGORIES.get(number, str(number)) for number in self.instance_categories)


SPEC_CATEGORIES: Final = {0: "container", 1: "vm"}
"""SpecInstanceCategory numbers against InstanceCategory words; inferred from the enums' order (FACTS 8)."""


class RegionSpecs(WireModel):
    """The offers of one region, as a list by region groups them; the contract names only the type (FACTS 8)."""

    id_path: ClassVar[tuple[str, ...]] = ("region_name",)
    unknown: ClassVar[Mapping[str, Any]] = {"region_name": ""}
    rows: ClassVar[Mapping[str, type[WireModel]]] = {"specs": Spec}

    region_name: str
    specs: ListOf[Spec] = ()

    @property
    def is_told(self) -> bool:
        """Were a region, and of each offer an id and a price, told that can be one?"""
        return bool(self.region_name) and all(spec.is_told for spec in self.specs)
