"""Which offers a launch form shows, and which of them is chosen."""

from __future__ import annotations

from glows_nb.api.domains import DOMAIN_OF_REGION
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import has_left
from glows_nb.widgets import texts
from glows_nb.widgets.form.choices import ANYWHERE, Choices, OfferId, offer_id, offer_label
from glows_nb.widgets.form.fields import FormFields
from glows_nb.widgets.form.reading import FormReading


class OfferMenu:
    """The offers that were read, as the fields' menus have them.

    Args:
        fields: the form's fields.
        reading: what was read.
        wanted: the offer to begin with.

    Attributes:
        choices: what fits together.
        wanted: an offer that was asked for and is not in the menu (yet); None where the menu tells what is chosen.
    """

    def __init__(self, fields: FormFields, reading: FormReading, wanted: OfferId | None) -> None:
        self._fields = fields
        self._reading = reading
        self.choices = Choices((), "container")
        self.wanted = wanted

    @property
    def offer(self) -> Spec | None:
        """The offer that is chosen, None where nothing is left to choose."""
        chosen: OfferId | None = self._fields.gpu.value
        return next((spec for spec in self.choices.offers if offer_id(spec) == chosen), None)

    @property
    def label(self) -> str:
        """What the wanted offer is called."""
        spec = self._wanted_spec()
        return offer_label(spec, with_region=True) if spec else " ".join(self.wanted or ())

    def hold(self) -> None:
        """What is chosen is wanted, whatever is offered next."""
        self.wanted = self.wanted or self._fields.gpu.value

    def let_go(self) -> None:
        """Where something is chosen in the menu, nothing else is wanted any more."""
        if self._fields.gpu.value is not None:
            self.wanted = None

    def update(self) -> None:
        """Give every menu the choices that fit the others, keeping what was chosen where it still fits."""
        fields, specs = self._fields, self._reading.specs
        if not specs:
            # They can't be read: what is chosen is wanted again once they can.
            self.hold()
        category, region = fields.category.value or "container", fields.region.value or ANYWHERE
        spec = self._wanted_spec()
        if spec is not None and has_left(spec) and spec.categories:
            # An offer that was asked for comes before what other fields say.
            category = category if category in spec.categories else spec.categories[0]
            region = region if region == spec.region_name else ANYWHERE
        self.choices = Choices.among(specs, category, region, only=self._reading.category)
        chosen = self.wanted or fields.gpu.value
        is_there = fields.offer_choices(self.choices, chosen, keeps_gone=self.wanted is not None)
        if is_there and specs:
            self.wanted = None
        self._offer_networks()

    def unseen(self) -> dict[str, str]:
        """What could not be read of what is not needed, by the field that it is for."""
        region = self.offer.region_name if self.offer else ""
        unasked = texts.NETWORKS_NOT_ASKED.format(regions=region)
        notes = {"network": unasked, "public_ip": unasked} if region in self._reading.unasked else {}
        return {**notes, **self._reading.unread}

    def _offer_networks(self) -> None:
        """Those of the chosen offer's region, and those whose region nobody knows."""
        domain = DOMAIN_OF_REGION.get(self.offer.region_name) if self.offer else None
        options = {
            name: [(str(network), network.network_id) for network in networks if domain in (None, network.domain)]
            for name, networks in self._reading.networks.items()
        }
        self._fields.offer_networks(options)

    def _wanted_spec(self) -> Spec | None:
        return next((spec for spec in self._reading.specs if offer_id(spec) == self.wanted), None)
