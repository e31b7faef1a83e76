"""What is asked of offers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_serializer

from glows_nb.api.models.specs import SPEC_CATEGORIES
from glows_nb.api.requests.limits import Identifier, PageOf, RegionName


class ListSpecs(PageOf):
    """A page of offers for an image."""

    machine_category: Annotated[int, Field(ge=0, le=3)]
    from_image_id: Identifier
    region_name: RegionName | None = None
    instance_category: Literal["container", "vm"] | None = None
    by_region: bool = False

    @field_serializer("instance_category")
    def _as_number(self, category: str | None) -> int | None:
        return next((number for number, word in SPEC_CATEGORIES.items() if word == category), None)
