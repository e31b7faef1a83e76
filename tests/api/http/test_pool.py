"""A signal in the middle of a request, wherever it comes, leaves a client that works.

GLOWS_NB_SEEDS says how many places in httpx, httpcore and h11 are tried.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread
from types import FrameType
from typing import Any

import httpcore
import httpx
import pytest

import glows_nb as glows
from glows_nb.api.probing import probe
from glows_nb.api.steps import Probe


@pytest.fixture(autouse=True)
def nothing_is_left_for_others() -> Iterator[None]:
    """What an interrupt leaves is collected while its warnings are ignored, and not within another test."""
    yield
    gc.collect()


SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "60"))
PATIENCE = 20.0
BELOW = tuple(os.sep + name + os.sep for name in ("httpx", "httpcore", "h11", "anyio"))


@pytest.fixture
def connected(client: glows.Client) -> Iterator[glows.Client]:
    with glows.Client(client.connection.token, client.base_url, backoff=0, max_retries=0) as own:
        yield own


def answers(client: glows.Client) -> bool:
    """Does it answer in good time? In a thread, since one that hangs can't be waited for."""
    results: list[Any] = []
    thread = Thread(target=lambda: results.append(client.instances.stats()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return bool(results)


def leave_its_lock_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next lock of a connection is taken, and interrupted before it can be given back."""
    from httpcore._synchronization import Lock

    enter = Lock.__enter__

    def interrupted(self: Any) -> Any:
        monkeypatch.setattr(Lock, "__enter__", enter)
        enter(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Lock, "__enter__", interrupted)


def test_a_pool_whose_lock_was_left_held_is_left_behind(
    connected: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers(connected)
    leave_its_lock_held(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        connected.instances.stats()
    assert answers(connected)


def test_the_pool_takes_no_lock_that_an_interrupt_could_leave_held(
    connected: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from httpcore._synchronization import ThreadLock

    taken: list[object] = []
    monkeypatch.setattr(ThreadLock, "__enter__", taken.append)
    assert connected.instances.stats() == {}
    assert not taken


def test_a_request_of_another_thread_gets_its_answer_all_the_same(
    connected: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, begun, go_on = httpx.HTTPTransport.handle_request, Event(), Event()

    def waits(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = handle(self, request)
        begun.set()
        assert go_on.wait(PATIENCE)
        return response

    results: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", waits)
        other = Thread(target=lambda: results.append(connected.instances.stats()), daemon=True)
        other.start()
        assert begun.wait(PATIENCE)
    leave_its_lock_held(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        connected.instances.stats()
    go_on.set()
    other.join(PATIENCE)
    assert results == [{}]
    assert answers(connected)


def test_an_interrupted_probe_does_not_hang(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[BaseException] = []

    def look() -> None:
        try:
            probe(Probe(client.base_url))
        except KeyboardInterrupt as stop:
            met.append(stop)

    leave_its_lock_held(monkeypatch)
    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert met


def test_an_interrupt_carries_no_frames_that_hold_the_token(
    connected: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_its_lock_held(monkeypatch)
    with pytest.raises(KeyboardInterrupt) as stopped:
        connected.instances.stats()
    assert stopped.value.__context__ is None
    assert not [entry for entry in stopped.traceback if any(part in str(entry.path) for part in BELOW)]


def test_a_closed_client_says_so(client: glows.Client) -> None:
    own = glows.Client(client.connection.token, client.base_url)
    own.close()
    with pytest.raises(glows.GlowsError, match="is closed; connect again"):
        own.instances.stats()


@pytest.mark.parametrize(
    "error", [AssertionError("state"), RuntimeError("generator"), httpcore.LocalProtocolError("h11")]
)
def test_what_the_libraries_below_raise_is_a_transport_error_that_may_have_arrived(
    connected: glows.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def breaks(*args: Any, **kwargs: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", breaks)
        with pytest.raises(glows.TransportError, match=f"broke .{type(error).__name__}.") as met:
            connected.instances.stats()
    assert met.value.may_have_arrived
    assert answers(connected)


def test_the_same_of_an_async_client(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("state")

    async def look() -> dict[str, int]:
        async with glows.AsyncClient(client.connection.token, client.base_url, max_retries=0) as own:
            with monkeypatch.context() as patch:
                patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", breaks)
                with pytest.raises(glows.TransportError, match="AssertionError"):
                    await own.instances.stats()
            return await own.instances.stats()

    assert asyncio.run(look()) == {}


def test_a_transport_of_the_caller_s_own_is_kept_after_an_interrupt(client: glows.Client) -> None:
    class Once(httpx.HTTPTransport):
        stops = True

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if self.stops:
                self.stops = False
                raise KeyboardInterrupt
            return super().handle_request(request)

    with glows.Client(client.connection.token, client.base_url, transport=Once()) as own:
        with pytest.raises(KeyboardInterrupt):
            own.instances.stats()
        assert own.instances.stats() == {}


class Stop:
    """Stops at the Nth line that is run in the libraries below."""

    def __init__(self, at: float, stop: Callable[[], Any]) -> None:
        self.at = at
        self.stop = stop
        self.lines = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if any(part in frame.f_code.co_filename for part in BELOW) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.stop()
        return self._line

    def __enter__(self) -> Stop:
        self._before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)


def interrupt() -> None:
    raise KeyboardInterrupt


def ends(client: glows.Client, stop: Stop) -> BaseException | None:
    """What a request that is stopped on its way raises; in a thread, as it may hang in its own tidying up."""
    ended: list[BaseException | None] = []

    def look() -> None:
        try:
            with stop:
                client.instances.stats()
        except BaseException as error:  # noqa: BLE001 - the test judges it
            ended.append(error)
        else:
            ended.append(None)

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert ended, f"the request hangs, stopped at line {stop.at}"
    return ended[0]


# A socket that was opened in the very line that was interrupted belongs to nobody.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_client_works_after_an_interrupt_at_any_line_below(client: glows.Client) -> None:
    with glows.Client(client.connection.token, client.base_url) as own, Stop(math.inf, interrupt) as count:
        own.instances.stats()
    assert count.lines > 100
    chance = random.Random(18)  # noqa: S311 - no secret
    met = 0
    for seed in range(SEEDS):
        with glows.Client(client.connection.token, client.base_url, max_retries=0, backoff=0) as own:
            if seed % 2:
                own.instances.stats()
            ended = ends(own, Stop(chance.randint(1, count.lines), interrupt))
            assert ended is None or isinstance(ended, KeyboardInterrupt | glows.GlowsError), seed
            met += isinstance(ended, KeyboardInterrupt)
            assert answers(own)
    assert met > SEEDS / 3


def test_an_async_client_works_after_an_interrupt_at_any_line_below(client: glows.Client) -> None:
    # In a thread of its own: where a trace function stops a line that handles an exception, Python leaves that as the
    # one handled for good, and it would be the context of whatever this thread raises next.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(interrupt_an_async_client, client).result()


def interrupt_an_async_client(client: glows.Client) -> None:
    async def stats() -> dict[str, int]:
        return await asyncio.wait_for(own.instances.stats(), PATIENCE)

    chance = random.Random(18)  # noqa: S311 - no secret
    met = lines = 0
    # A loop that goes on after an interrupt, as a notebook's does.
    loop = asyncio.new_event_loop()
    for seed in range(SEEDS):
        own = glows.AsyncClient(client.connection.token, client.base_url, max_retries=0, backoff=0)
        with Stop(chance.randint(1, lines) if lines else math.inf, interrupt) as stop:
            try:
                loop.run_until_complete(own.instances.stats())
            except KeyboardInterrupt:
                met += 1
            except glows.GlowsError:
                pass
        lines = lines or stop.lines
        # asyncio raises an interrupt of a task below at once, and once more when those above it end by it.
        for _ in range(4):
            with suppress(KeyboardInterrupt):
                loop.run_until_complete(asyncio.sleep(0.01))
        assert loop.run_until_complete(stats()) == {}, seed
        loop.run_until_complete(own.close())
    loop.close()
    assert met > SEEDS / 3


def test_tasks_go_on_and_the_client_works_after_a_cancellation_at_any_line_below(client: glows.Client) -> None:
    async def run() -> int:
        chance = random.Random(18)  # noqa: S311 - no secret
        met = lines = 0
        for seed in range(SEEDS):
            async with glows.AsyncClient(client.connection.token, client.base_url, max_retries=0, backoff=0) as own:
                if seed % 2:
                    await own.instances.stats()
                others = [asyncio.create_task(own.instances.stats()) for _ in range(seed % 3)]
                task = asyncio.create_task(own.instances.stats())
                with Stop(chance.randint(1, lines) if lines else math.inf, task.cancel) as stop:
                    try:
                        await task
                    except asyncio.CancelledError:
                        met += 1
                lines = lines or stop.lines
                async with asyncio.timeout(PATIENCE):
                    assert await asyncio.gather(*others, own.instances.stats()) == [{}] * (len(others) + 1), seed
        return met

    assert asyncio.run(run()) > SEEDS / 3
