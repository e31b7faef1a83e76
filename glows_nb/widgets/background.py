"""Work for the network, off the kernel's main thread: the form answers while a request is under way."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread, Timer
from typing import TypeVar

from glows_nb.api.client import Client
from glows_nb.api.steps import Pause, Steps

T = TypeVar("T")


class Background:
    """Runs one piece of work after the other asked for, each on a daemon thread that ends with it.

    Args:
        name: what the threads are called.
        failed: hears every error; in the background there is nobody to raise to.
    """

    def __init__(self, name: str, failed: Callable[[Exception], None]) -> None:
        self._name = name
        self._failed = failed
        self._lock = Lock()
        self._waiting: list[Callable[[], None]] = []
        self._settling: Timer | None = None
        self._is_working = False
        self._closed = Event()

    @property
    def is_closed(self) -> bool:
        """Will nothing more be started?"""
        return self._closed.is_set()

    def start(self, work: Callable[[], None]) -> None:
        """Do this when what was asked for before is done; after `close`, nothing is started any more."""
        with self._lock:
            if self.is_closed:
                return
            self._waiting.append(work)
            if not self._is_working:
                self._is_working = True
                Thread(target=self._work, name=self._name, daemon=True).start()

    def start_when_settled(self, work: Callable[[], None], seconds: float) -> None:
        """Do this once nothing was asked this way for so many seconds; what was asked this way before is dropped."""
        with self._lock:
            if self._settling is not None:
                self._settling.cancel()
            if self.is_closed:
                return
            self._settling = Timer(seconds, self.start, [work])
            self._settling.name = self._name
            self._settling.daemon = True
            self._settling.start()

    def run(self, client: Client, steps: Steps[T]) -> T:
        """Carry out steps with a client, such as waiting for a machine; to be called by work of this background.

        Raises:
            Closed: `close` was called meanwhile; at the latest in the next pause the steps end there.
        """
        return client.run(_until(self._closed, steps))

    def close(self) -> None:
        """Drop what has not begun; what waits for the network ends with its request, what pauses ends at once."""
        self._closed.set()
        with self._lock:
            self._waiting.clear()
            if self._settling is not None:
                self._settling.cancel()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_working = False
                    return
                work = self._waiting.pop(0)
            try:
                work()
            except Closed:
                continue
            except Exception as error:  # noqa: BLE001 - it is shown, not swallowed
                if not self.is_closed:
                    self._failed(error)


class Closed(Exception):
    """The background was closed while its work went on; nobody is there any more to hear of it."""


def _until(closed: Event, steps: Steps[T]) -> Steps[T]:
    """The same steps, which end by Closed where they would pause."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                if closed.wait(step.seconds):
                    raise Closed
                step = steps.send(None)
                continue
            try:
                answer = yield step
            except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
