"""What an interrupted call leaves behind, noted on the interrupt itself: tracebacks show it as their last line."""

from __future__ import annotations

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
    except KeyboardInterrupt as stop:
        stop.add_note(text)
        raise
