"""Which offer a create gets, and when stock is out: what is left of offers is counted in the store."""

from collections.abc import Mapping, Sequence

from glows_nb.sandbox.catalogue import Offer
from glows_nb.sandbox.codes import Code, Refusal
from glows_nb.sandbox.resources.create_request import CATEGORY_NUMBERS, CreateRequest
from glows_nb.sandbox.store.store import OfferState


def choose_offer(request: CreateRequest, offers: Sequence[Offer], states: Mapping[str, OfferState]) -> Offer:
    """Return the offer that a create gets: the cheapest of those it fits that has enough left; where none has, 215."""
    fitting = [
        offer
        for offer in offers
        if offer.region == request.region
        and CATEGORY_NUMBERS[request.category] in offer.instance_categories
        and _is_asked_for(offer, request)
        and offer.price_of_extras(request.extra_cpus) is not None
        and states[offer.resource_id].stock >= request.units
    ]
    if not fitting:
        raise Refusal(Code.NO_RESOURCE_AVAILABLE, "not sold in this region, or not enough left")
    return min(fitting, key=lambda offer: states[offer.resource_id].millicent_per_hour)


def _is_asked_for(offer: Offer, request: CreateRequest) -> bool:
    if request.resource:
        return offer.has(request.resource)
    if request.gpu_name:
        return offer.gpu_name == request.gpu_name
    # Machines with GPUs have a CPU of that name, too, but aren't what is meant.
    return offer.cpu_name == request.cpu_name and offer.gpus == 0
