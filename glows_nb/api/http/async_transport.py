"""Connections for tasks, for each event loop its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from glows_nb.api.errors import BadResponse, GlowsError
from glows_nb.api.http.exchange import (
    T,
    begin,
    disorder,
    exchange,
    masked_error,
    result_of,
    transport_error,
    without_frames,
)
from glows_nb.api.http.pool import CLOSED, Clients
from glows_nb.api.http.reply import Body, Reply, reply_of
from glows_nb.api.http.session import Session
from glows_nb.api.observing import Failed
from glows_nb.api.steps import Operation, Pause

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class _OfLoop(NamedTuple):
    """The clients of one event loop, and what closes them when it ends."""

    clients: Clients[httpx.AsyncClient]
    closing: AsyncGenerator[None, None]


async def _closing(clients: Clients[httpx.AsyncClient], *, is_ours: bool) -> AsyncGenerator[None, None]:
    """Once it was begun, a loop that ends closes it (`shutdown_asyncgens`), and with it the loop's connections."""
    try:
        yield
    finally:
        if is_ours:
            for http in clients.close():
                await http.aclose()


class AsyncHttpTransport:
    """Connections for tasks."""

    def __init__(self, session: Session, timeout: float, transport: httpx.AsyncBaseTransport | None) -> None:
        self.session = session
        self._given = transport
        settings = session.settings(timeout)

        # Tasks share one: their locks are let go when they are cancelled, and one alone serves many of them faster.
        def make() -> Clients[httpx.AsyncClient]:
            return Clients(lambda: httpx.AsyncClient(transport=transport, **settings), is_shared=True)

        self._make = make
        self._unused: Clients[httpx.AsyncClient] | None = make()
        self._by_loop: dict[AbstractEventLoop, _OfLoop] = {}
        self._is_closed = False

    async def send(self, operation: Operation[T]) -> T:
        """The operation's result, after as many repetitions as its kind allows."""
        begin(operation, self.session)
        steps = exchange(operation, self.session)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await pause_async(step.seconds)
                    step = steps.send(None)
                    continue
                reply = await self._send_once(step)
                step = steps.throw(reply) if isinstance(reply, GlowsError) else steps.send(reply)
        except StopIteration as stop:
            result: T = result_of(operation, stop, self.session)
            return result
        except GlowsError as error:
            failure = masked_error(error, self.session, operation)
        self.session.observers.tell(Failed(operation, failure))
        raise without_frames(failure)

    async def close(self) -> None:
        """Give the connections back."""
        import asyncio

        self._is_closed = True
        of_all = [self._unused, *(of_loop.clients for of_loop in self._by_loop.values())]
        mine = self._by_loop.get(asyncio.get_running_loop())
        for clients in of_all:
            for http in clients.close() if clients is not None else ():
                # Under another loop, which closes them itself when it ends, nothing could be awaited.
                if clients is self._unused or (mine is not None and clients is mine.clients):
                    await http.aclose()

    async def _of_this_loop(self) -> Clients[httpx.AsyncClient]:
        """The clients for the event loop that runs: connections that were made under another one are of no use here.

        Raises:
            GlowsError: all were closed, or a transport of the caller's own was used under another loop.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        if loop in self._by_loop:
            return self._by_loop[loop].clients
        if self._is_closed:
            raise GlowsError(CLOSED)
        if self._unused is None and self._given is not None:
            raise GlowsError("This client's own transport is another event loop's; make a client for this one.")
        for ended in [each for each in list(self._by_loop) if each.is_closed()]:
            self._by_loop.pop(ended, None)
        clients, self._unused = self._unused or self._make(), None
        closing = _closing(clients, is_ours=self._given is None)
        self._by_loop[loop] = _OfLoop(clients, closing)
        await anext(closing)
        return clients

    async def _send_once(self, operation: Operation[Any]) -> Reply | GlowsError:
        started = self.session.clock()
        clients = await self._of_this_loop()
        for expired in clients.expired():
            await expired.aclose()
        http = clients.take()
        stopped: GlowsError | BaseException
        is_in_disorder = False
        try:
            body = Body(operation)
            async with http.stream(**self.session.request(operation)) as response:
                async for part in response.aiter_bytes():
                    body.add(part)
            reply = reply_of(operation, response, body, self.session, started)
        except (httpx.HTTPError, BadResponse) as error:
            stopped = transport_error(operation, self.session, error) if isinstance(error, httpx.HTTPError) else error
        except Exception as error:
            if self._given is not None:
                raise  # a transport of the caller's own, and so its error
            stopped, is_in_disorder = disorder(operation, self.session, error), True
        except BaseException as stop:  # noqa: BLE001 - raised below
            stopped = _innermost(stop)
        else:
            if not clients.give_back(http):
                await http.aclose()
            return reply
        # An interrupt may have come between taking a lock and being able to let it go.
        if self._given is None and (is_in_disorder or isinstance(stopped, KeyboardInterrupt | SystemExit)):
            clients.leave(http)
        if isinstance(stopped, GlowsError):
            return stopped
        raise without_frames(stopped)


def _innermost(stop: BaseException) -> BaseException:
    """The interrupt itself, where the tasks below wrapped it into a group."""
    while isinstance(stop, BaseExceptionGroup):
        stop = (stop.subgroup(KeyboardInterrupt) or stop).exceptions[0]
    return stop


async def pause_async(seconds: float) -> None:
    """Do nothing for so many seconds, while other tasks go on."""
    # Loaded here and not above: who awaits this has it already, and who awaits nothing starts faster without it.
    import asyncio

    await asyncio.sleep(seconds)
