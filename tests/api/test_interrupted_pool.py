"""A signal in the middle of a request, wherever it comes, leaves a client that works.

GLOWS_NB_SEEDS says how many places in httpx, httpcore and h11 are tried.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from threading import Thread
from types import FrameType
from typing import Any

import httpcore
import httpx
import pytest

import glows_nb as glows

SEEDS = int(os.environ.get("GLOWS_NB_SEEDS", "60"))
PATIENCE = 20.0
BELOW = tuple(os.sep + name + os.sep for name in ("httpx", "httpcore", "h11"))


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


def test_a_pool_whose_lock_was_left_held_is_left_behind(
    connected: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from httpcore._synchronization import ThreadLock

    assert answers(connected)
    enter = ThreadLock.__enter__

    def interrupted(self: Any) -> Any:
        enter(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ThreadLock, "__enter__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            connected.instances.stats()
    assert answers(connected)


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


class Interrupt:
    """Raises KeyboardInterrupt at the Nth line that is run in the libraries below."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.lines = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if any(part in frame.f_code.co_filename for part in BELOW) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                raise KeyboardInterrupt
        return self._line


def traced(client: glows.Client, interrupt: Interrupt) -> None:
    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        client.instances.stats()
    finally:
        sys.settrace(before)


# A socket that was opened in the very line that was interrupted belongs to nobody.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_works_after_an_interrupt_at_any_line_below(client: glows.Client) -> None:
    count = Interrupt(float("inf"))
    with glows.Client(client.connection.token, client.base_url, max_retries=0) as own:
        traced(own, count)
    assert count.lines > 100
    chance = random.Random(18)  # noqa: S311 - no secret
    met = 0
    for _ in range(SEEDS):
        with glows.Client(client.connection.token, client.base_url, max_retries=0, backoff=0) as own:
            try:
                traced(own, Interrupt(chance.randint(1, count.lines)))
            except KeyboardInterrupt:
                met += 1
            except glows.GlowsError:
                pass
            assert answers(own)
    assert met > SEEDS / 2
