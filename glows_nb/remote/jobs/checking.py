"""What can be a job: refused before anything is asked where it can't be."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from glows_nb.api.errors import InvalidRequest
from glows_nb.formatting import visible
from glows_nb.remote.execution.checking import checked
from glows_nb.remote.jobs.told import LONGEST_NAME, LONGEST_PATH, LONGEST_TITLE

NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
AFTERWARDS: Final = ("release", "park")
CARRIED_OUT: Final[tuple[str, ...]] = ()
"""Of these, what somebody does when a job is over: whoever keeps leases will, and nobody does yet."""
LONGEST_SCRIPT: Final = 1_000_000
MOST_SLOTS: Final = 64
MOST_BEFORE: Final = 100


@dataclass(frozen=True)
class Wanted:
    """A job that can be sent.

    Attributes:
        name: by what it is found; of a job without a name this is made of its text.
        text: what the machine's shell is to run; "" only looks for the job of this name.
        script: what that reads; None is nothing.
        folder: where it runs, below the home; "" is the home.
        env: variables for it, their values masked.
        then: what is to become of the machine after it; "" is nothing.
        after: names of jobs that have to be over before it begins.
        after_on: the machines of those that were given as jobs.
        slots: with how many others of the queue it may run; None is not to queue.
        again: start another run, where one of this name is over.
    """

    name: str
    text: str
    script: str | None
    folder: str
    env: Mapping[str, SecretStr]
    then: str
    after: tuple[str, ...]
    after_on: frozenset[str]
    slots: int | None
    again: bool

    @property
    def title(self) -> str:
        """The beginning of what is run, for people."""
        script = (self.script or "").strip()
        return visible(f"{self.text}: {script}" if script else self.text)[:LONGEST_TITLE]

    @property
    def hash(self) -> str:
        """Of its text, without the values of variables."""
        return _hash(self.text, self.script, self.folder, list(self.env))


def wanted(
    command: str | Sequence[str] | None,
    *,
    name: str | None,
    then: str | None,
    after: object,
    slots: int | None,
    script: str | None,
    env: Mapping[str, Any] | None,
    folder: str,
    again: bool,
) -> Wanted:
    """A job as it is sent.

    Raises:
        InvalidRequest: something of it can't be.
    """
    if command is None and name is None:
        raise InvalidRequest("command", "is missing; give a line for the shell, or the name of a job that is there.")
    if command is None and (again or script is not None or env or after or slots is not None or then):
        raise InvalidRequest("command", "is missing: a name alone finds the job that is there.")
    text = "" if command is None else checked(command, env, given=script)
    variables: Mapping[str, SecretStr] = env or {}
    if script is not None and (not isinstance(script, str) or len(script) > LONGEST_SCRIPT):
        raise InvalidRequest("input", f"is no text of at most {LONGEST_SCRIPT:,} signs; send it as a file.")
    _refuse_then(then)
    where = _folder(folder)
    made = f"job-{_hash(text, script, where, list(variables))[:10]}"
    return Wanted(
        name=made if name is None else checked_name("name", name),
        text=text,
        script=script,
        folder=where,
        env=variables,
        then=then or "",
        after=_after(after),
        after_on=frozenset(each.machine for each in _listed(after) if hasattr(each, "machine")),
        slots=_slots(slots),
        again=again,
    )


def checked_name(field: str, name: object) -> str:
    """A job's name.

    Raises:
        InvalidRequest: it can't be one.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidRequest(
            field,
            f"{name!r} is no name of a job: 1 to {LONGEST_NAME} letters, digits and . _ -, a letter or digit first.",
        )
    return name


def checked_lines(tail: object) -> int | None:
    """A number of lines of a log.

    Raises:
        InvalidRequest: it is none.
    """
    if tail is not None and (isinstance(tail, bool) or not isinstance(tail, int) or not 0 <= tail <= 1 << 30):
        raise InvalidRequest("tail", f"{tail!r} is no number of lines of at least 0.")
    return tail


def _refuse_then(then: object) -> None:
    if then is None or then in CARRIED_OUT:
        return
    if then not in AFTERWARDS:
        raise InvalidRequest("then", f"{then!r} is neither {' nor '.join(map(repr, AFTERWARDS))}.")
    raise InvalidRequest(
        "then",
        f"{then!r} is not carried out yet, and the machine would go on and cost; leave it out, and {then} the machine "
        "yourself when the job is over.",
    )


def _folder(folder: object) -> str:
    if not isinstance(folder, str) or "\0" in folder or len(folder) > LONGEST_PATH:
        raise InvalidRequest("folder", f"{folder!r} is no path of a folder on the machine.")
    if folder.startswith("~/"):
        folder = folder[2:]
    # What is absolute stays it, there as here.
    return "" if folder in ("", "~") else posixpath.normpath(folder)


def _after(after: object) -> tuple[str, ...]:
    names = _listed(after)
    if len(names) > MOST_BEFORE:
        raise InvalidRequest("after", f"is a list of {len(names)} jobs; {MOST_BEFORE} is the limit.")
    return tuple(checked_name("after", getattr(name, "name", name)) for name in names)


def _listed(after: object) -> Sequence[Any]:
    return after if isinstance(after, list | tuple) else () if after is None else (after,)


def _slots(slots: object) -> int | None:
    if slots is None:
        return None
    if isinstance(slots, bool) or not isinstance(slots, int) or not 1 <= slots <= MOST_SLOTS:
        raise InvalidRequest("slots", f"{slots!r} is no number from 1 to {MOST_SLOTS}.")
    return slots


def _hash(text: str, script: str | None, folder: str, names: list[str]) -> str:
    return hashlib.sha256(json.dumps([text, script, folder, sorted(names)]).encode()).hexdigest()
