"""What is asked of offers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_serializer

from glows_nb.api.models.specs import SPEC_CATEGORIES
from glows_nb.api.requests.limits import Identifier, PageOf, RegionName


def _word(category: object) -> object:
    """The contract's numbers for these categories mean the words of a create."""
    return SPEC_CATEGORIES.get(category, category) if type(category) is int else category


class ListSpecs(PageOf):
    """A page of offers for an image."""

    machine_category: Annotated[int, Field(ge=0, le=3)]
    from_image_id: Identifier
    region_name: RegionName | None = None
    instance_category: Annotated[Literal["container", "vm"] | None, BeforeValidator(_word)] = None
    by_region: bool = False

    @field_serializer("instance_category")
    def _as_number(self, category: str | None) -> int | None:
        return next((number for number, word in SPEC_CATEGORIES.items() if word == category), None)
