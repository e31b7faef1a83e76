"""What an interrupted or cancelled call leaves behind, noted on the interrupt itself.

Tracebacks show a note as their last line; that of a cancellation also where it became the cause of a TimeoutError.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noting_order(meta_key: str) -> Iterator[None]:
    """An interrupt of what is within says that a machine may be there, and how it is found."""
    with _noting(
        f"A machine may be ordered under the key {meta_key!r}, or a later one. "
        "The same call again takes it and rents no second one."
    ):
        yield


@contextmanager
def noting_wait(instance_id: str) -> Iterator[None]:
    """An interrupt of what is within says that the machine goes on, and how to wait again."""
    with _noting(f"Machine {instance_id} goes on as it was. To wait again: client.instances.wait({instance_id!r})"):
        yield


@contextmanager
def noting_write(what_may_be: str, how_to_look: str) -> Iterator[None]:
    """An interrupt of what is within says what may have been done all the same, and how that is seen."""
    with _noting(f"{what_may_be} all the same. To look: {how_to_look}"):
        yield


@contextmanager
def _noting(text: str) -> Iterator[None]:
    try:
        yield
    except BaseException as stop:
        if isinstance(stop, KeyboardInterrupt) or _is_cancellation(stop):
            stop.add_note(text)
        raise


def _is_cancellation(stop: BaseException) -> bool:
    """Was a task of asyncio cancelled? Who awaits nothing has not loaded it, and starts faster without."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(stop, asyncio.CancelledError)
