"""What a launch form says below its fields: what is read, the price, the plan, and what became of a launch."""

from __future__ import annotations

import ipywidgets

from glows_nb.api.lifecycle.planning import Plan
from glows_nb.widgets import texts
from glows_nb.widgets.form.choices import Choices, price_words
from glows_nb.widgets.form.model import Filled
from glows_nb.widgets.markup import escaped


class FormMessages:
    """The lines, each a live region for those who can't see the page."""

    def __init__(self) -> None:
        self.loading, self.price, self.plan, self.message = (
            ipywidgets.HTML().add_class(f"glows-{name}").add_class("glows-message")
            for name in ("loading", "price", "plan", "result")
        )

    def show_price(self, filled: Filled, choices: Choices, *, is_known: bool) -> None:
        """What the chosen units cost, and the dearest of the other regions to try.

        Args:
            filled: what stands in the form.
            choices: what fits together.
            is_known: is everything read, so that no offer means that nothing is left?
        """
        offer, rate, dearest = filled.offer, filled.rate, filled.dearest(choices)
        if offer is None or rate is None:
            self.price.value = escaped(texts.FORM_NOTHING_LEFT) if is_known else ""
            return
        more = ""
        most = None if dearest is None else filled.rate_of(dearest)
        if dearest is not None and most is not None and most > rate:
            more = texts.FORM_PRICE_UP_TO.format(region=dearest.region_name, hour=most.per_hour)
        self.price.value = texts.FORM_PRICE_IN.format(
            price=f"<b>{price_words(rate)}</b>", region=escaped(offer.region_name), more=escaped(more)
        )

    def show_plan(self, planned: Plan) -> None:
        """What launching would do."""
        self.plan.value = escaped(texts.FORM_PLAN.format(plan=planned))

    def clear(self, *, is_launching: bool) -> None:
        """What was said of an earlier state holds no more; only a launch may be under way."""
        self.message.value = escaped(texts.FORM_LAUNCHING) if is_launching else ""
        self.plan.value = ""

    def plain(self) -> list[str]:
        """The lines as HTML."""
        return [self.price.value, self.plan.value, self.loading.value, self.message.value]
