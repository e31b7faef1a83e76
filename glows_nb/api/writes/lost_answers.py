"""A write whose answer may be lost: sent again only when it is certain, or was looked up, that nothing happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from glows_nb.api.errors import (
    AmbiguousResult,
    APIError,
    BadResponse,
    GlowsError,
    InternalError,
    RateLimited,
    TransportError,
    UnknownCodeError,
)
from glows_nb.api.steps import Operation, Steps, pause, perform

T = TypeVar("T")

ATTEMPTS: Final = 3
OUTCOME_UNKNOWN: Final = (TransportError, BadResponse, InternalError, UnknownCodeError)
"""After these the write may have happened; code 1 and codes that nobody knows say nothing about that."""


def may_have_happened(error: GlowsError) -> bool:
    """After this error, may the write have been done all the same?"""
    if isinstance(error, TransportError):
        return error.may_have_arrived
    return isinstance(error, OUTCOME_UNKNOWN)


def write(
    operation: Operation[T],
    look_up: Callable[[], Steps[T | None]],
    how_to_check: str,
    *,
    done_already: tuple[type[APIError], ...] = (),
    may_send_again: bool = True,
    backoff: float = 0.5,
) -> Steps[T]:
    """Send a write; when its answer is lost, look for what it would have made, and only then send it again.

    Args:
        operation: the write.
        look_up: finds what the write made, None where there is nothing of it.
        how_to_check: the sentence of AmbiguousResult on how the user can find out.
        done_already: refusals that, after a lost answer, mean that the lost one was done.
        may_send_again: False where a second write that follows a late first would do harm.
        backoff: seconds before the first repetition.

    Raises:
        AmbiguousResult: it can't be known whether it was done.
    """
    lost: GlowsError | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            yield from pause(backoff * 2 ** (attempt - 1))
        try:
            return (yield from perform(operation))
        except RateLimited as error:
            # A 429 says that nothing was done. Looking costs little, and a gateway may know less than it says.
            failure: GlowsError = error
            with suppress(GlowsError):
                found = yield from look_up()
                if found is not None:
                    return found
        except OUTCOME_UNKNOWN as error:
            failure = error
        except APIError as error:
            # A refusal settles nothing about an earlier write that got no answer: that one may still come.
            if lost is None:
                raise
            if not isinstance(error, done_already):
                raise _ambiguous(operation, lost, how_to_check) from None
            failure = error
        if may_have_happened(failure):
            lost = failure
        if lost is not None:
            found = yield from _found(look_up, operation, lost, how_to_check)
            if found is not None:
                return found
            if not may_send_again:
                break
    raise (failure if lost is None else _ambiguous(operation, lost, how_to_check))


def _found(
    look_up: Callable[[], Steps[T | None]], operation: Operation[T], lost: GlowsError, how: str
) -> Steps[T | None]:
    try:
        return (yield from look_up())
    except GlowsError:
        failed = _ambiguous(operation, lost, how)
    raise failed


def _ambiguous(operation: Operation[T], lost: GlowsError, how_to_check: str) -> AmbiguousResult:
    return AmbiguousResult(f"It can't be known whether {operation.name} was done: {lost} {how_to_check}")
