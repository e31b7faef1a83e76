"""What work is made of: operations, batches of them, pauses and probes, and generators that yield these.

Work of several steps is a generator (`Steps`) that yields what it needs and gets the answers sent in. `drive`
carries it out; `AsyncClient` has the same loop with an `await` in it. So decisions are pure, and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from glows_nb.api.routes import Route
from glows_nb.money import Rate

T = TypeVar("T")
Kept = TypeVar("Kept")
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One call: `read` turns the answer's JSON object (its code was 0) into the result.

    `read_bytes` does so in one pass over the bytes of a success, and gives None for everything else, of which `read`
    and what stands before it then say what is wrong. Long lists have it.
    """

    route: Route
    read: Callable[[Answer], T]
    params: tuple[tuple[str, str | int], ...] = ()
    # Not in the repr: environment variables stand in it.
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    is_repeatable: bool = True
    promised: Rate | None = None
    """Of a create: what the machine costs per hour by the plan that was shown."""
    read_bytes: Callable[[bytes], T | None] | None = None

    @property
    def name(self) -> str:
        """The operation in words, as errors use it."""
        return self.route.name


class Batch(NamedTuple, Generic[T]):
    """Operations that may run at the same time; the answers come in the same order.

    What `keep` makes of an answer is what is left of it, from when it comes: thousands of pages of machines need not
    stand in memory together.
    """

    operations: tuple[Operation[T], ...]
    keep: Callable[[T], Any]


class Pause(NamedTuple):
    """Do nothing for so many seconds."""

    seconds: float


class Probe(NamedTuple):
    """Does something answer at this address of a machine? The result is True or False; no token is sent."""

    url: str
    is_ssh: bool = False


class Recall(NamedTuple):
    """What was noted on this computer of machines under a key and its generations? The result is `Noted`s."""

    meta_key: str


class AskBudget(NamedTuple):
    """Is there a budget? The result tells how it stands, of the machines that are there; None is no budget."""


class Noted(NamedTuple):
    """A machine that was started or seen from here: `has_ended` where it was seen to end."""

    meta_key: str
    instance_id: str
    has_ended: bool


class Adopted(NamedTuple):
    """A machine that was there already stands for the one that was asked for, under a cap; who observes is told."""

    meta_key: str
    machine: Any
    limit: Rate


Step = Operation[Any] | Batch[Any] | Pause | Probe | Recall | Adopted | AskBudget
Steps = Generator[Step, Any, T]


def perform(operation: Operation[T]) -> Steps[T]:
    """A step: the operation's result."""
    result: T = yield operation
    return result


def perform_all(operations: Sequence[Operation[T]], keep: Callable[[T], Kept]) -> Steps[list[Kept]]:
    """A step: what `keep` makes of the results of operations that may run at the same time, in order."""
    if not operations:
        return []
    results: list[Kept] = yield Batch(tuple(operations), keep)
    return results


def probe(url: str, *, is_ssh: bool = False) -> Steps[bool]:
    """A step: does something answer at this address of a machine, and greet as SSH where that is asked?"""
    answers: bool = yield Probe(url, is_ssh)
    return answers


def recall(meta_key: str) -> Steps[Sequence[Noted]]:
    """A step: what was noted on this computer of machines under a key and its generations."""
    noted: Sequence[Noted] = yield Recall(meta_key)
    return noted


def hold_to(meta_key: str, machine: Any, limit: Rate | None) -> Steps[None]:
    """A step: a machine that was found is held to a cap, from when its price is known; None is no cap."""
    if limit is not None:
        yield Adopted(meta_key, machine, limit)


def pause(seconds: float) -> Steps[None]:
    """A step: nothing for so many seconds."""
    yield Pause(seconds)


def drive(steps: Steps[T], answer: Callable[[Step], Any]) -> T:
    """Carry steps out: each is answered by `answer`, whose errors are raised inside the steps, which decide."""
    try:
        step = next(steps)
        while True:
            try:
                result = answer(step)
            except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
