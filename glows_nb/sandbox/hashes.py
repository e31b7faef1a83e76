"""The eight characters that make an id, of whatever kind: never the same twice."""

import random
from collections import deque
from collections.abc import Iterable

from glows_nb.sandbox.database import Database

_ALPHABET = "123456789bdegjklmnopqrvwxyz"
"""The characters that 72 real ids have (FACTS 5.3)."""


def bare(resource_id: str, *prefixes: str) -> str:
    """Return an id without its prefix; one without any is the legacy form and accepted, too (contract)."""
    for prefix in prefixes:
        if resource_id.startswith(prefix):
            return resource_id.removeprefix(prefix)
    return resource_id


def random_hash(chance: random.Random) -> str:
    """Make eight characters from those that real ids have."""
    return "".join(chance.choices(_ALPHABET, k=8))


class Hashes:
    """Gives out hashes. Ones that are reserved come first, so that a test can have the ids of a sample."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self._database = database
        self._chance = chance
        self._reserved: deque[str] = deque()

    def reserve(self, hashes: Iterable[str]) -> None:
        """Give these out next, in this order."""
        self._reserved.extend(hashes)

    def new(self) -> str:
        """Return a hash that nothing has."""
        while True:
            candidate = self._reserved.popleft() if self._reserved else random_hash(self._chance)
            if self._database.write("INSERT OR IGNORE INTO hashes VALUES (?)", (candidate,)):
                return candidate
