"""What is remembered of each thing that an answer named."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["machine", "offer", "image", "snapshot", "network"]


class KnownMachine(NamedTuple):
    """A machine as it was last seen; `created` is in seconds since 1970."""

    id: str
    meta_key: str
    status: str
    hardware: str
    created: int = 0


class KnownOffer(NamedTuple):
    """An offer; the price is in millicents per hour."""

    id: str
    region: str
    gpu: str
    millicents: int


class KnownThing(NamedTuple):
    """An image, a snapshot or a network; `about` is its status or place, in a word."""

    id: str
    name: str
    about: str = ""
    is_owned: bool = False


Entry = KnownMachine | KnownOffer | KnownThing

ENTRY_OF: Final[dict[Kind, type[Entry]]] = {
    "machine": KnownMachine,
    "offer": KnownOffer,
    "image": KnownThing,
    "snapshot": KnownThing,
    "network": KnownThing,
}
