"""What a panel does on somebody's click: one thing at a time to each machine, in the background."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Lock
from typing import Protocol

from glows_nb.widgets.background import Background

Say = Callable[[str], None]


class Listener(Protocol):
    """Who hears how the work goes, on the thread that does it."""

    def on_work(self, subject: str, text: str, error: Exception | None, *, is_done: bool) -> None:
        """The work on something has got so far, or failed."""


class Work:
    """All work under way of a panel; a panel that takes another's place takes its work over and hears the rest."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._lock = Lock()
        self._under_way: dict[str, str] = {}
        self._unseen: set[str] = set()
        """What work was done on that no reading has shown yet."""

    def is_under_way(self, subject: str) -> bool:
        """Is something being done to this, or was it, and what is shown of it is still from before?"""
        with self._lock:
            return subject in self._under_way or subject in self._unseen

    def unseen(self) -> frozenset[str]:
        """What work was done on since it was read; to be asked before a reading."""
        with self._lock:
            return frozenset(self._unseen)

    def was_read(self, subjects: Collection[str]) -> None:
        """A reading has ended that began after the work on these."""
        with self._lock:
            self._unseen.difference_update(subjects)

    def is_idle(self) -> bool:
        """Is nothing under way?"""
        with self._lock:
            return not self._under_way

    def start(self, subject: str, doing: str, job: Callable[[Say], str]) -> bool:
        """Do a job, unless something is being done to its subject already.

        Args:
            subject: the id of the machine or whatever the job is about.
            doing: what is said while it goes on.
            job: does it; is given a function to say how far it has got, and gives what to say at the end.
        """
        with self._lock:
            if subject in self._under_way:
                return False
            self._unseen.discard(subject)
            self._under_way[subject] = doing

        def say(text: str) -> None:
            self.listener.on_work(subject, text, None, is_done=False)

        def end(text: str, error: Exception | None) -> None:
            with self._lock:
                self._under_way.pop(subject, None)
                self._unseen.add(subject)
            self.listener.on_work(subject, text, error, is_done=True)

        def run() -> None:
            say(doing)
            end(job(say), None)

        Background("glows panel work", lambda error: end(doing, error)).start(run)
        return True
