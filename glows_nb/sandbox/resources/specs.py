"""The operation that shows what can be rented: hardware at a price in a region."""

from collections.abc import Sequence
from typing import TypeVar

from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.parameters import ID_LENGTH, Page
from glows_nb.sandbox.resources import answers
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.resources.images import find_image

_Entry = TypeVar("_Entry")


def list_specs(context: Context) -> dict[str, object]:
    """Answer the hardware on which an image can run, flat or grouped by region."""
    machine_category = context.query.number("machine_category", low=0, high=3)
    if machine_category is None:
        raise illegal("machine_category is required")
    image = find_image(context, context.query.text("from_image_id", ID_LENGTH, required=True))
    wanted = context.query.number("instance_category", low=0, high=1)
    region = context.query.text("region_name", 128)
    if region and region not in context.catalogue.regions:
        raise Refusal(Code.INVALID_DOMAIN_INFO, "unknown region")
    page = context.query.page()
    by_region = context.query.flag("by_region")
    categories = image.instance_categories if wanted is None else image.instance_categories & {wanted}
    states = context.offer_states()
    specs = [
        answers.spec(offer, states[offer.resource_id], sorted(offer.instance_categories & image.instance_categories))
        for offer in context.catalogue.offers
        if offer.machine_category == machine_category
        and region in ("", offer.region)
        and offer.instance_categories & categories
    ]
    if not by_region:
        return {"pagination": answers.pagination(len(specs), page), "specs": _part(specs, page), "regions": []}
    names = list(dict.fromkeys(spec["region_name"] for spec in specs))
    # The fields of RegionSpecs are not shown in the contract; these are inferred from its name and SpecInfo.
    regions = [
        {"region_name": name, "specs": [spec for spec in specs if spec["region_name"] == name]}
        for name in _part(names, page)
    ]
    return {"pagination": answers.pagination(len(names), page), "specs": [], "regions": regions}


def _part(entries: Sequence[_Entry], page: Page) -> Sequence[_Entry]:
    return entries[page.offset : page.offset + page.size]
