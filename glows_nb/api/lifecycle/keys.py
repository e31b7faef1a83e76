"""Meta keys: how a name becomes one, its generations, and how a machine is found by it.

Keys are unique across all users of the service and may never be free again (FACTS 8), so a name's key carries the
account's mark, and each time a machine under it has ended the next generation is used: key, key.2, key.3, … A key that
the user gave has no generations: `llama3.2` is not the second `llama3`.

How long the service tells of a machine that has ended, and whether its key is free then, is unknown. So a key under
which nothing is to be read proves nothing: before it is used, or "no machine" is said, the living machines are listed,
and what was noted on this computer is asked.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final

from glows_nb.api.credentials.tokens import digest
from glows_nb.api.errors import BadResponse, InvalidRequest, ParamIllegal
from glows_nb.api.ids import INSTANCE_PREFIX
from glows_nb.api.models.instances import Instance
from glows_nb.api.operations.instances import all_instances, get_instance
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.api.steps import Steps, perform, recall

KEY_LIMIT: Final = 64
LONGEST_STEM: Final = 48
"""A name longer than this is shortened in the key, so that mark and generation fit behind it."""

LIVING: Final = tuple(status.value for status in InstanceStatus if status not in LEAVING)


def key_for_name(name: str, account_mark: str) -> str:
    """The first generation of a name's key: the name, or its start and a hash of it, and the account's mark."""
    stem = name if len(name) <= LONGEST_STEM else f"{name[: LONGEST_STEM - 9]}-{digest(name)[:8]}"
    return f"{stem}-{account_mark}"


def derived_name(asked: object) -> str:
    """A name for a launch without one: a hash of what was asked (as JSON), never of the clock or of chance.

    The order of what has none must not count, nor a secret: callers give sorted lists, and the names of variables.
    """
    return f"auto-{digest(json.dumps(asked, sort_keys=True))[:12]}"


def key_of_generation(key: str, generation: int) -> str:
    """The key itself, then key.2, key.3, …"""
    numbered = key if generation == 1 else f"{key}.{generation}"
    if len(numbered) > KEY_LIMIT:
        raise InvalidRequest(
            "meta_key", f"{numbered!r} of {len(numbered)} characters is refused: the limit is {KEY_LIMIT}."
        )
    return numbered


def generation_of(meta_key: str, key: str) -> int:
    """Which generation of `key`, the first one, another key is; 0 where it is none of it."""
    if meta_key == key:
        return 1
    number = meta_key.removeprefix(f"{key}.") if meta_key.startswith(f"{key}.") else ""
    # Written as we write it: no zero in front, no other script's digits, and never ".1".
    return int(number) if re.fullmatch(r"[2-9]|[1-9][0-9]{1,8}", number) else 0


def made_from_name(meta_key: str, account_mark: str) -> str | None:
    """The first generation of a key that `launch` made of a name for this account; None for every other key."""
    made = re.fullmatch(rf"(.+-{re.escape(account_mark)})(?:\.(?:[2-9]|[1-9][0-9]+))?", meta_key)
    return made[1] if made and account_mark else None


def look_up(meta_key: str) -> Steps[Instance | None]:
    """The account's machine under exactly this key, None when there is none that it can read."""
    try:
        return (yield from perform(get_instance(meta_key=meta_key)))
    except ParamIllegal:
        return None


def find_newest(key: str) -> Steps[tuple[Instance | None, int]]:
    """The newest machine under a name's key and the newest generation that was ever used, (None, 0) for none.

    What can be read has no gaps in most cases and only the newest can be alive, so the search doubles its step and then
    halves the rest: its look-ups grow like the logarithm of the generations. Where it ends at nothing that lives, the
    living machines and this computer's notes are asked too: an earlier generation may not be told of any more.
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
    if newest is not None and newest.status not in LEAVING:
        return newest, known
    living = yield from living_machines()
    alive = [machine for machine in living if generation_of(machine.meta_key, key)]
    if alive:
        newest = max(alive, key=lambda machine: generation_of(machine.meta_key, key))
        return (yield from whole(newest)), generation_of(newest.meta_key, key)
    noted = max(
        (note for note in (yield from recall(key)) if generation_of(note.meta_key, key) > known),
        key=lambda note: generation_of(note.meta_key, key),
        default=None,
    )
    if noted is None:
        return newest, known
    generation = generation_of(noted.meta_key, key)
    found = (yield from look_up(noted.meta_key)) or (yield from _by_id(noted.instance_id))
    if found is not None:
        return found, generation
    # One that was not seen to end may yet come to light: the same generation again can't make a second one of it.
    return newest, generation if noted.has_ended else generation - 1


def find_exact(meta_key: str) -> Steps[Instance | None]:
    """The machine under exactly this key: one that lives before one that has ended, None for neither."""
    found = yield from look_up(meta_key)
    if found is not None and found.status not in LEAVING:
        return found
    for living in (yield from living_machines()):
        if living.meta_key == meta_key:
            return (yield from whole(living))
    if found is None:
        for noted in (yield from recall(meta_key)):
            if noted.meta_key == meta_key:
                return (yield from _by_id(noted.instance_id))
    return found


def living_machines() -> Steps[list[Instance]]:
    """Every machine that has not ended.

    One that can't be read in the list hides no others. Where it may have any key, it is read by itself, since nobody
    could say what lives under one.

    Raises:
        BadResponse: the key of one can't be read.
    """
    machines = []
    for machine in (yield from all_instances(LIVING, strict=False)):
        is_nameless = machine.unread and not (machine.meta_key and machine.instance_id)
        machines.append((yield from whole(machine)) if is_nameless else machine)
    return [machine for machine in machines if machine.status not in LEAVING]


def whole(machine: Instance) -> Steps[Instance]:
    """A machine of a list, read by itself where the list's row can't be read.

    Raises:
        BadResponse: it can't be read by itself either, or its id can't.
    """
    if not machine.unread:
        return machine
    if not machine.instance_id:
        raise BadResponse(f"A machine without a readable id is listed, and its {', '.join(machine.unread)} is unknown.")
    return (yield from perform(get_instance(machine.instance_id)))


def find_machine(machine: str, account_mark: str) -> Steps[Instance]:
    """A machine by its id, its meta key, the name that it was launched with, or its legacy id.

    One that lives under exactly this key comes first, then one that lives under the name; of those that have ended, the
    youngest.

    Raises:
        ParamIllegal: there is none.
    """
    if not machine.startswith(INSTANCE_PREFIX):
        exact = yield from look_up(machine)
        if exact is not None and exact.status not in LEAVING:
            return exact
        found = [exact]
        is_made = made_from_name(machine, account_mark) == machine
        for key in (key_for_name(machine, account_mark), *([machine] if is_made else [])):
            newest, _ = yield from find_newest(key)
            if newest is not None and newest.status not in LEAVING:
                return newest
            found.append(newest)
        for living in (yield from living_machines()):
            if living.meta_key == machine:
                return (yield from whole(living))
        ended = [each for each in found if each is not None]
        if ended:
            return max(ended, key=age)
    try:
        return (yield from perform(get_instance(machine)))
    except ParamIllegal:
        missing = ParamIllegal.no_machine(machine)
    raise missing


def _by_id(instance_id: str) -> Steps[Instance | None]:
    try:
        return (yield from perform(get_instance(instance_id))) if instance_id else None
    except ParamIllegal:
        return None


def age(machine: Instance) -> datetime:
    """When a machine was made, to find the youngest; long ago where the service does not tell."""
    return machine.create_time or datetime.fromtimestamp(0, UTC)
