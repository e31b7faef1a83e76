"""Meta keys: how a name becomes one, its generations, and how a machine is found by it.

Keys are unique across all users of the service and may never be free again (FACTS 8), so a key carries the
account's mark, and each time a machine under it has ended the next generation is used: key, key.2, key.3, …
"""

from __future__ import annotations

import json
from typing import Final

from glows_nb.api.errors import InvalidRequest, ParamIllegal
from glows_nb.api.ids import INSTANCE_PREFIX
from glows_nb.api.models.instances import Instance
from glows_nb.api.operations.instances import get_instance
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps, perform
from glows_nb.api.tokens import digest

KEY_LIMIT: Final = 64
LONGEST_STEM: Final = 48
"""A name longer than this is shortened in the key, so that mark and generation fit behind it."""


def key_for_name(name: str, account_mark: str) -> str:
    """The first generation of a name's key: the name, or its start and a hash of it, and the account's mark."""
    stem = name if len(name) <= LONGEST_STEM else f"{name[: LONGEST_STEM - 9]}-{digest(name)[:8]}"
    return f"{stem}-{account_mark}"


def derived_name(asked: object) -> str:
    """A name for a launch without one: a hash of what was asked (as JSON), never of the clock or of chance."""
    return f"auto-{digest(json.dumps(asked, sort_keys=True))[:12]}"


def key_of_generation(key: str, generation: int) -> str:
    """The key itself, then key.2, key.3, …"""
    numbered = key if generation == 1 else f"{key}.{generation}"
    if len(numbered) > KEY_LIMIT:
        raise InvalidRequest(
            "meta_key", f"{numbered!r} of {len(numbered)} characters is refused: the limit is {KEY_LIMIT}."
        )
    return numbered


def look_up(meta_key: str) -> Steps[Instance | None]:
    """The account's machine under exactly this key, None when there is none that it can read."""
    try:
        return (yield from perform(get_instance(meta_key=meta_key)))
    except ParamIllegal:
        return None


def find_newest(key: str) -> Steps[tuple[Instance | None, int]]:
    """The newest machine under a key and its generation, (None, 0) when there is none.

    Generations have no gaps and only the newest can be alive, so the search doubles its step and then halves
    the rest: its look-ups grow like the logarithm of the generations.
    """
    newest: Instance | None = None
    known, unknown = 0, 1
    while (found := (yield from look_up(key_of_generation(key, unknown)))) is not None:
        newest, known = found, unknown
        if found.status not in LEAVING:
            return newest, known
        unknown *= 2
    while unknown - known > 1:
        middle = (known + unknown) // 2
        found = yield from look_up(key_of_generation(key, middle))
        if found is None:
            unknown = middle
        else:
            newest, known = found, middle
    return newest, known


def find_machine(machine: str, account_mark: str) -> Steps[Instance]:
    """A machine by its id, the name that it was launched with, its meta key or its legacy id.

    Raises:
        ParamIllegal: there is none.
    """
    if not machine.startswith(INSTANCE_PREFIX):
        for key in (key_for_name(machine, account_mark), machine):
            newest, _ = yield from find_newest(key)
            if newest is not None:
                return newest
    try:
        return (yield from perform(get_instance(machine)))
    except ParamIllegal:
        missing = ParamIllegal.no_machine(machine)
    raise missing
