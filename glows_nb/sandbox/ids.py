"""Ids: a prefix, and eight characters. That none is given out twice is seen to in the store."""

import random

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
