"""What an account's answers named lately: machines, offers, images, snapshots, networks. Completion offers these.

Each Tab in a shell is a process of its own that loads this, so nothing here loads pydantic or the network before an
answer has come.
"""

from glows_nb.known.account import FRESH_SECONDS, Known, known_account
from glows_nb.known.entries import ENTRY_OF, Kind, KnownMachine, KnownOffer, KnownThing

__all__ = ["ENTRY_OF", "FRESH_SECONDS", "Kind", "Known", "KnownMachine", "KnownOffer", "KnownThing", "known_account"]
