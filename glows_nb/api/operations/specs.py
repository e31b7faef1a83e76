"""The operations on offers."""

from __future__ import annotations

from typing import Any

from glows_nb.api.models.specs import RegionSpecs, Spec
from glows_nb.api.models.wire import Page
from glows_nb.api.operations.lists import page_of
from glows_nb.api.requests.specs import ListSpecs
from glows_nb.api.steps import Operation


def list_specs(
    machine_category: int,
    from_image_id: str,
    page: int = 1,
    per_page: int = 20,
    region_name: str | None = None,
    instance_category: str | int | None = None,
    *,
    strict: bool = True,
) -> Operation[Page[Spec]]:
    """A page of the offers that an image can run on."""
    request = ListSpecs(
        machine_category=machine_category,
        from_image_id=from_image_id,
        page=page,
        per_page=per_page,
        region_name=region_name,
        instance_category=instance_category,
    )
    return page_of("list specs", "specs", Spec, request, strict=strict)


def list_region_specs(
    machine_category: int, from_image_id: str, page: int = 1, *, strict: bool = True, **filters: Any
) -> Operation[Page[RegionSpecs]]:
    """A page of regions, each with all its offers; `filters` are those of `list_specs`."""
    request = ListSpecs(
        machine_category=machine_category, from_image_id=from_image_id, page=page, by_region=True, **filters
    )
    return page_of("list specs", "regions", RegionSpecs, request, strict=strict)
