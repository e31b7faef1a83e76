"""The commands that move files: send, fetch, copy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from glows_nb.api.errors import ParamIllegal
from glows_nb.commands.group import CommandError, group, saying_notes_of_interrupt
from glows_nb.commands.parameter_types import MACHINE, PLACE
from glows_nb.commands.prompts import ask
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.remote.files.transfer import Transfer
    from glows_nb.remote.machine import Machine

F = TypeVar("F", bound=Callable[..., Any])

ON_MACHINE: Final = re.compile(r"(?P<machine>[^/\\:]+):(?P<path>.*)", re.DOTALL)
DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]")


def _options(command: F) -> F:
    for option in (
        click.option("--yes", is_flag=True, help="Ask nothing."),
        click.option("--dry-run", is_flag=True, help="Only say what would be done, and with which files."),
        click.option("--delete", is_flag=True, help="Delete in the target what is not in the source; asks first."),
        click.option("--all", "is_all", is_flag=True, help="Take what .gitignore and .glowsignore leave out, too."),
    ):
        command = option(command)
    return command


@group.command(examples=("send train data", "send train train.py code/", "send train data --dry-run"))
@click.argument("machine", type=MACHINE)
@click.argument("path", type=click.Path())
@click.argument("remote", default="")
@_options
def send(machine: str, path: str, remote: str, is_all: bool, delete: bool, dry_run: bool, yes: bool) -> Transfer:
    """Send a file or folder to MACHINE: only what changed.

    PATH is it; REMOTE is what it is to be there, below the home; with / at its end the folder that it goes into.
    What .gitignore and .glowsignore name stays here, and .git. Interrupted, the same line goes on where it was.
    """
    with saying_notes_of_interrupt():
        return _machine(machine).send(path, remote, **_chosen(is_all, delete, dry_run, yes))


@group.command(examples=("fetch train data/results.csv", "fetch train data back --dry-run"))
@click.argument("machine", type=MACHINE)
@click.argument("remote")
@click.argument("path", type=click.Path(), default=".")
@_options
def fetch(machine: str, remote: str, path: str, is_all: bool, delete: bool, dry_run: bool, yes: bool) -> Transfer:
    """Fetch a file or folder from MACHINE: only what changed.

    REMOTE is below the home there. PATH is what it is to be here; with / at its end, or as ".", the folder that it goes
    into. Nothing outside of that is written. Interrupted, the same line goes on where it was.
    """
    with saying_notes_of_interrupt():
        return _machine(machine).fetch(remote, path, **_chosen(is_all, delete, dry_run, yes))


@group.command(examples=("copy data train:copied", "copy train:copied/results.csv copied/"))
@click.argument("source", metavar="A:PATH", type=PLACE)
@click.argument("target", metavar="B:PATH", type=PLACE)
@_options
def copy(source: str, target: str, is_all: bool, delete: bool, dry_run: bool, yes: bool) -> Transfer:
    """Copy a file or folder from machine to machine.

    Each is written as MACHINE:PATH. A path without a machine is here: that is what send and fetch do. From machine
    to machine it goes over a network that both are in, else through here; no password is given to either.
    """
    from_, to = _place(source), _place(target)
    chosen = _chosen(is_all, delete, dry_run, yes)
    for place in (from_, to):
        _refuse_forgotten_colon(place)
    with saying_notes_of_interrupt():
        if from_.machine and to.machine:
            if is_all or delete or dry_run:
                raise CommandError("--all, --delete and --dry-run are for copies of which one side is here.")
            return _machine(from_.machine).send_to(to.machine, from_.path, to.path)
        if to.machine:
            return _machine(to.machine).send(from_.path, to.path, **chosen)
        if from_.machine:
            return _machine(from_.machine).fetch(from_.path, to.path, **chosen)
    raise CommandError("Neither of the two is on a machine; write MACHINE:PATH for the one that is.")


class _Place(NamedTuple):
    machine: str
    path: str


def _place(word: str) -> _Place:
    """A machine and a path on it; no machine where the path is here, such as ./a:b, or C:\\data on Windows."""
    found = ON_MACHINE.fullmatch(word)
    if found is None or (os.name == "nt" and DRIVE.match(word)):
        return _Place("", word)
    return _Place(found["machine"], found["path"])


def _refuse_forgotten_colon(place: _Place) -> None:
    """A path that is not there, and a machine that is called so: the colon was forgotten.

    Raises:
        CommandError: that is so.
    """
    word = place.path
    if place.machine or not word or "/" in word or os.path.lexists(word):
        return
    with suppress(ParamIllegal):
        current_client().instances.find(word)
        raise CommandError(f"{word} is a machine, and no file here; did you mean {word}: (or ./{word})?")


def _machine(word: str) -> Machine:
    from glows_nb.remote.machine import Machine

    return Machine(word, client=current_client())


def _chosen(is_all: bool, delete: bool, dry_run: bool, yes: bool) -> dict[str, Any]:
    return {"include_ignored": is_all, "delete": delete, "dry_run": dry_run, "yes": yes, "ask": _agreed}


def _agreed(question: str) -> bool:
    ask(question)
    return True
