"""Work for the network, off the kernel's main thread: the form answers while a request is under way."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread


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
        self._is_working = False
        self._is_closed = False

    def start(self, work: Callable[[], None]) -> None:
        """Do this when what was asked for before is done; after `close`, nothing is started any more."""
        with self._lock:
            if self._is_closed:
                return
            self._waiting.append(work)
            if not self._is_working:
                self._is_working = True
                Thread(target=self._work, name=self._name, daemon=True).start()

    def close(self) -> None:
        """Drop what has not begun; what is under way ends by itself."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_working = False
                    return
                work = self._waiting.pop(0)
            try:
                work()
            except Exception as error:  # noqa: BLE001 - it is shown, not swallowed
                self._failed(error)
