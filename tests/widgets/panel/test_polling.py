"""The refresher's thread: when it reads, when it rests, and that it ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from glows_nb.widgets.panel import polling, polling_interval
from glows_nb.widgets.panel.polling import Refresher
from glows_nb.widgets.panel.polling_interval import Outcome

NAME = "glows test refresher"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_interval, "SHORTEST", 0.01)
    monkeypatch.setattr(polling_interval, "LONGEST", 0.02)


class Reader:
    """Counts readings, all of which come to one outcome."""

    def __init__(self, outcome: Outcome = Outcome.SAME) -> None:
        self.outcome = outcome
        self.count = 0
        self.refresher = Refresher(self.read, NAME)

    def read(self) -> Outcome:
        self.count += 1
        return self.outcome


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.refresher.close()
    eventually(lambda: not threads())


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def stands_still(reader: Reader) -> bool:
    """Is nothing read for many pauses?"""
    before = reader.count
    time.sleep(0.2)
    return reader.count == before


def test_reads_at_once_and_again_and_again_until_closed(reader: Reader) -> None:
    reader.refresher.start()
    eventually(lambda: reader.count > 5)
    reader.refresher.close()
    eventually(lambda: not threads())
    assert stands_still(reader)


def test_rests_while_nobody_looks_and_catches_up_at_the_first_look(reader: Reader) -> None:
    reader.refresher.start()
    eventually(lambda: reader.count > 1)
    reader.refresher.set_seen(0)
    time.sleep(0.05)
    assert stands_still(reader)
    before = reader.count
    reader.refresher.set_seen(60)
    eventually(lambda: reader.count > before)


def test_rests_when_the_page_has_fallen_silent(reader: Reader) -> None:
    reader.refresher.start()
    reader.refresher.set_seen(0.3)
    eventually(lambda: reader.count > 1)
    time.sleep(0.3)
    assert stands_still(reader)


def test_action_is_read_even_while_nobody_looks(reader: Reader) -> None:
    reader.refresher.set_seen(0)
    reader.refresher.start()
    eventually(lambda: reader.count == 1)
    reader.refresher.hasten()
    eventually(lambda: reader.count == 2)
    assert stands_still(reader)


def test_refused_token_is_read_once_until_asked_for(reader: Reader) -> None:
    reader.outcome = Outcome.REFUSED
    reader.refresher.start()
    eventually(lambda: reader.count == 1)
    assert stands_still(reader)
    reader.refresher.hasten()
    eventually(lambda: reader.count == 2)
    assert stands_still(reader)


def test_reading_by_hand_gives_the_pause_and_is_never_at_once_with_another(reader: Reader) -> None:
    together, most = 0, 0

    def read() -> Outcome:
        nonlocal together, most
        together += 1
        most = max(most, together)
        time.sleep(0.005)
        together -= 1
        return Outcome.SAME

    reader.refresher._read = read
    reader.refresher.start()
    assert all(reader.refresher.read_now() for _ in range(20))
    assert most == 1


def test_rests_while_the_kernel_is_busy_for_long_and_goes_on_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "BUSY_SECONDS", 0.6)

    async def kernel(reader: Reader) -> None:
        # All this keeps the main thread to itself, as a cell does that runs for long.
        reader.refresher = Refresher(reader.read, NAME)
        reader.refresher.start()
        eventually(lambda: reader.count > 2)  # a cell that runs for a moment stops nothing
        eventually(lambda: stands_still(reader))
        before = reader.count
        deadline = time.monotonic() + 15
        while reader.count == before and time.monotonic() < deadline:
            await asyncio.sleep(0.01)  # the main thread answers again
        reader.refresher.close()
        assert reader.count > before

    asyncio.run(kernel(Reader()))
    eventually(lambda: not threads())
