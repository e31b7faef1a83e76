"""What the words of commands stand for: one click type for each kind of thing that can be named.

A command declares an option or argument with one of these, as in `type=MACHINE`; how such a word is completed is
told here once, for the notebook and the terminal alike. What is known of the account comes from `source`; where none is
set, only what needs no account is offered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final, Literal

import click
from click.shell_completion import CompletionItem

from glows_nb.api.credentials.config import profile_names
from glows_nb.api.errors import GlowsError
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.completion.cache import NameCache
from glows_nb.completion.entries import Kind, KnownMachine
from glows_nb.completion.refresh import source
from glows_nb.formatting import visible
from glows_nb.frames.columns import SORT_WORDS, SPEC_COLUMNS
from glows_nb.gpus import is_called

LONGEST_ABOUT: Final = 40
"""Characters of what is said about a word; JupyterLab's list is as wide as its longest."""

SANDBOX_PROFILE: Final = "sandbox"
"""What `use` takes in place of a profile."""

USUAL_STATUSES: Final = frozenset({InstanceStatus.RUNNING, InstanceStatus.PAUSED, InstanceStatus.FINISHED})
"""Of the many, those that one asks for; they are offered first."""

Told = tuple[str, str, str]
"""A word that can be typed, what is said about it, and further text by which it is found."""


class Named(click.ParamType[str]):
    """A word that names a thing: any text is taken, the service knows whether the thing exists.

    Args:
        name: what it is called in help and in the list that Tab shows.
        words: gives the words to offer, with what is known of the account, if that is anything.
        kind: what of the account it needs to know; None needs no account.
        is_signed: may it also stand behind a minus?
        means: may a text that was typed mean a word, though the word does not hold it?
    """

    def __init__(
        self,
        name: str,
        words: Callable[[NameCache | None], Iterator[Told]],
        kind: Kind | None = None,
        *,
        is_signed: bool = False,
        means: Callable[[str, str], bool] = lambda word, text: False,
    ) -> None:
        self._means = means
        self.name = name
        self.is_signed = is_signed
        self._words = words
        self._kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word as it was typed."""
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The words that begin with what was typed, then those that hold it, in any case."""
        asked = source.get()
        known = asked.known(self._kind) if asked is not None and self._kind is not None else None
        typed = incomplete.lower()
        # A shell, or a notebook, would take what does not print for something else.
        printable = (told for told in self._words(known) if visible(told[0]) == told[0])
        found = [told for told in printable if self._fits(told, typed)]
        found.sort(key=lambda told: not told[0].lower().startswith(typed))
        return [self._item(word, about) for word, about, _ in found]

    def _fits(self, told: Told, typed: str) -> bool:
        return typed in " ".join((told[0], told[2])).lower() or bool(typed and self._means(told[0], typed))

    def _item(self, word: str, about: str) -> CompletionItem[str]:
        about = visible(about)
        short = about if len(about) <= LONGEST_ABOUT else f"{about[: LONGEST_ABOUT - 1]}…"
        label = f"{self.name} · {short}" if short else self.name
        return CompletionItem(word, help=short or None, label=label, is_signed=self.is_signed)


def _machines(known: NameCache | None) -> Iterator[Told]:
    if known is None:
        return
    mark = known.account_mark
    machines = sorted(known.machines(), key=lambda machine: machine.status in LEAVING)
    told = set()
    for machine in machines:
        about = machine.status
        for word in (_given_name(machine, mark), machine.id, machine.meta_key):
            if word and word not in told:
                told.add(word)
                yield word, about, ""


def _given_name(machine: KnownMachine, mark: str) -> str:
    """The name that the machine was launched with; "" where its key was not made from one."""
    made = re.fullmatch(rf"(.+)-{re.escape(mark)}(?:\.\d+)?", machine.meta_key)
    return "" if made is None else made[1]


def _gpus(known: NameCache | None) -> Iterator[Told]:
    from glows_nb.money import Rate

    prices: dict[str, int] = {}
    for offer in known.offers() if known else ():
        if offer.gpu:
            prices[offer.gpu] = min(prices.get(offer.gpu, offer.millicents), offer.millicents)
    for gpu in sorted(prices):
        yield gpu, f"from {Rate(prices[gpu])}", ""


def _regions(known: NameCache | None) -> Iterator[Told]:
    for region in sorted({offer.region for offer in known.offers()} if known else ()):
        yield region, "", ""


def _is_region(word: str, typed: str) -> bool:
    return re.sub(r"\W+", "", word).lower().startswith(re.sub(r"\W+", "", typed).lower() or " ")


def _images(known: NameCache | None) -> Iterator[Told]:
    for image in known.things("image") if known else ():
        yield image.id, image.name, image.name


def _own_images(known: NameCache | None) -> Iterator[Told]:
    for image in known.things("image") if known else ():
        if image.is_owned:
            yield image.id, image.name, image.name


def _things(kind: Literal["snapshot", "network"]) -> Callable[[NameCache | None], Iterator[Told]]:
    def words(known: NameCache | None) -> Iterator[Told]:
        for thing in known.things(kind) if known else ():
            yield thing.id, thing.name or thing.about, f"{thing.name} {thing.about}"

    return words


def _jobs(known: NameCache | None) -> Iterator[Told]:
    if known is None:
        return
    from glows_nb.ledger.database import Ledger, LedgerError
    from glows_nb.ledger.jobs import names_of_jobs

    try:
        for name in names_of_jobs(Ledger(), known.account_mark):
            yield name, "", ""
    except LedgerError:
        return  # the command says what is wrong with it


def _profiles(known: NameCache | None) -> Iterator[Told]:
    try:
        for name in profile_names():
            yield name, "", ""
    except GlowsError:
        return  # the command that is going to read the file says what is wrong with it


def _statuses(known: NameCache | None) -> Iterator[Told]:
    for status in sorted(InstanceStatus, key=lambda status: status not in USUAL_STATUSES):
        yield status.value, "", ""


def _spec_columns(known: NameCache | None) -> Iterator[Told]:
    for word, column in SORT_WORDS.items():
        yield word, column, ""
    for column in SPEC_COLUMNS:
        yield column, "", ""


def _usable(known: NameCache | None) -> Iterator[Told]:
    yield SANDBOX_PROFILE, "no account, costs nothing", ""
    yield from _profiles(known)


class Place(click.ParamType[str]):
    """A file or folder: on a machine, as in `train:data`, or here."""

    name = "place"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word as it was typed."""
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Machines, until one is there, and the files here."""
        if ":" in incomplete:
            return []
        machines = MACHINE.shell_complete(ctx, param, incomplete)
        found = [CompletionItem(f"{item.value}:", help=item.help, label=item.label) for item in machines]
        return [*found, CompletionItem(incomplete, type="file")]


class Positive(click.ParamType[float]):
    """A number above 0: of Credits, seconds or GB."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; what is none, or is infinite, is refused."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            self.fail(f"{value!r} is not a number above 0.", param, ctx)
        return number


class Day(click.ParamType[date]):
    """A day, such as 2026-01-31."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-01-31.", param, ctx)


class CommandName(click.ParamType[str]):
    """The name of a command beside the one that asks for it, or of one in the group that was named before."""

    name = "command"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word as it was typed."""
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The commands that begin with what was typed."""
        if ctx.parent is None:
            return []
        found = ctx.parent.command
        for word in ctx.params.get(param.name or "") or ():
            inner = found.get_command(ctx.parent, word) if isinstance(found, click.Group) else None
            if inner is None:
                return []
            found = inner
        return found.shell_complete(ctx.parent, incomplete) if isinstance(found, click.Group) else []


COMMAND: Final = CommandName()
POSITIVE: Final = Positive()
DAY: Final = Day()
MACHINE: Final = Named("machine", _machines, "machine")
"""A machine's id, its meta key or the name it was launched with."""
JOB: Final = Named("job", _jobs, "machine")
"""A job's name; those that this computer knows of are offered."""
PLACE: Final = Place()
GPU: Final = Named("gpu", _gpus, "offer", means=is_called)
REGION: Final = Named("region", _regions, "offer", means=_is_region)
IMAGE: Final = Named("image", _images, "image")
OWN_IMAGE: Final = Named("image", _own_images, "image")
SNAPSHOT: Final = Named("snapshot", _things("snapshot"), "snapshot")
NETWORK: Final = Named("network", _things("network"), "network")
PROFILE: Final = Named("profile", _profiles)
USABLE: Final = Named("profile", _usable)
"""A profile, or the sandbox."""
STATUS: Final = Named("status", _statuses)
SPEC_COLUMN: Final = Named("column", _spec_columns, is_signed=True)
