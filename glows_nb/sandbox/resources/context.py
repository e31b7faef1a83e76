"""What an operation is given: who calls, with what, at what time, and the state to work on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from glows_nb.sandbox.catalogue import Catalogue
from glows_nb.sandbox.parameters import Body, Query
from glows_nb.sandbox.settings import Limits, Switches
from glows_nb.sandbox.store.store import OfferState, Store
from glows_nb.sandbox.tokens import User


@dataclass(frozen=True)
class Context:
    """One authenticated request. `now` is virtual time, and everything due by then has happened."""

    user: User
    query: Query
    body: Body
    now: float
    store: Store
    catalogue: Catalogue
    limits: Limits
    switches: Switches
    runs_commands: bool
    """Are machines real, so that their commands really run?"""
    offer_states: Callable[[], Mapping[str, OfferState]]
    """Look at the stock and the price of every offer, which faults may change; each look counts."""
