"""`Client` and `AsyncClient`: connect, carry steps out, close. Their methods are in `resources`.

The module of a resource is loaded when the resource is first used: who looks at offers needs no models of machines.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import httpx

from glows_nb.api.credentials.config import Connection, masked, resolve
from glows_nb.api.credentials.tokens import Token, account_mark
from glows_nb.api.http.async_transport import AsyncHttpTransport, pause_async
from glows_nb.api.http.retrying import RetryPolicy
from glows_nb.api.http.session import Session
from glows_nb.api.http.transport import HttpTransport
from glows_nb.api.observing import Observers
from glows_nb.api.probing import probe, probe_async
from glows_nb.api.steps import Adopted, AskBudget, Batch, Pause, Probe, Recall, Step, Steps, drive

if TYPE_CHECKING:
    from pydantic import SecretStr

    from glows_nb.api.async_resources.images import AsyncImages
    from glows_nb.api.async_resources.instances import AsyncInstances
    from glows_nb.api.async_resources.networks import AsyncNetworks
    from glows_nb.api.async_resources.snapshots import AsyncSnapshots
    from glows_nb.api.async_resources.specs import AsyncSpecs
    from glows_nb.api.resources.images import Images
    from glows_nb.api.resources.instances import Instances
    from glows_nb.api.resources.networks import Networks
    from glows_nb.api.resources.snapshots import Snapshots
    from glows_nb.api.resources.specs import Specs

T = TypeVar("T")

DEFAULT_TIMEOUT: Final = 30.0


class _Connected:
    """What both clients know of their connection."""

    def __init__(
        self,
        token: Token | None,
        base_url: str | None,
        profile: str | None,
        routes: Mapping[str, str] | None,
        allow_http: bool,
        policy: RetryPolicy,
    ) -> None:
        self._session = Session(resolve(token, base_url, profile, routes, allow_http=allow_http), policy)

    @property
    def base_url(self) -> str:
        """The address that requests go to."""
        return self._session.connection.base_url

    @property
    def connection(self) -> Connection:
        """The address, the token (masked) and the routes that are others there."""
        return self._session.connection

    @property
    def is_sandbox(self) -> bool:
        """Does the client talk to an embedded sandbox? Read from the token, without a request."""
        return self._session.is_sandbox

    @property
    def account_mark(self) -> str:
        """Eight digits that stand for the account in the keys of named machines."""
        return account_mark(self._session.connection.token.get_secret_value())

    @property
    def observers(self) -> Observers:
        """Who is told what this client does."""
        return self._session.observers

    @property
    def backoff(self) -> float:
        """Seconds before the first repetition."""
        return self._session.policy.backoff

    def __repr__(self) -> str:
        if not hasattr(self, "_session"):
            return f"<{type(self).__name__}, not connected>"  # its making failed
        return f"<{type(self).__name__} {self.base_url}{' SANDBOX' if self.is_sandbox else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds a token and open connections, so it can't be pickled; connect again instead")


class Client(_Connected):
    """A connection to GLOWS, or to a sandbox; threads may share it.

    Reads are tried again after lost connections, HTTP 429 and 5xx: at most `max_retries` times, with pauses that
    start at `backoff` seconds and double, within two minutes, and while the client's purse of repetitions lasts. A
    write is sent again only when it is certain, or was looked up, that nothing happened; otherwise AmbiguousResult
    says how to check. A release may always be sent again; a snapshot is never taken again blindly.

    Args:
        token: the SDK token; without it the profile's or GLOWS_SDK_TOKEN's is used (see `config.resolve`).
        base_url: the service's address; the live service where nothing else is said.
        profile: the name of a profile in the profile file.
        timeout: seconds for one HTTP request.
        max_retries: how often a read is repeated.
        backoff: seconds before the first repetition.
        max_concurrency: how many requests run at once where several are needed.
        transport: an httpx transport, for tests; it is kept after an interrupt, as it can't be made anew.
        routes: other paths for operations, such as {"count instances": "/instance/stat"}.
        allow_http: send the token without encryption to another machine too.

    Raises:
        ConfigError: no token was found, or the address or a route is refused.
    """

    def __init__(
        self,
        token: str | SecretStr | Token | None = None,
        base_url: str | None = None,
        *,
        profile: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = 3,
        backoff: float = 0.5,
        max_concurrency: int = 8,
        transport: httpx.BaseTransport | None = None,
        routes: Mapping[str, str] | None = None,
        allow_http: bool = False,
    ) -> None:
        token = masked(token)
        super().__init__(token, base_url, profile, routes, allow_http, RetryPolicy(max_retries, backoff))
        self._max_concurrency = max_concurrency
        self._transport = HttpTransport(self._session, timeout, transport)

    @cached_property
    def instances(self) -> Instances:
        """Machines: start, find, watch and release them."""
        from glows_nb.api.resources.instances import Instances

        return Instances(self)

    @cached_property
    def images(self) -> Images:
        """Images to start machines from."""
        from glows_nb.api.resources.images import Images

        return Images(self)

    @cached_property
    def specs(self) -> Specs:
        """What can be rented, at which price."""
        from glows_nb.api.resources.specs import Specs

        return Specs(self)

    @cached_property
    def networks(self) -> Networks:
        """Private networks between machines."""
        from glows_nb.api.resources.networks import Networks

        return Networks(self)

    @cached_property
    def snapshots(self) -> Snapshots:
        """Snapshots of machines."""
        from glows_nb.api.resources.snapshots import Snapshots

        return Snapshots(self)

    def close(self) -> None:
        """Give the connections back; the client can't be used after."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, steps: Steps[T]) -> T:
        """Carry out work of several steps: operations, batches at once, pauses, probes."""
        return drive(steps, self._carry_out)

    def _carry_out(self, step: Step) -> Any:
        match step:
            case Pause(seconds):
                return time.sleep(seconds)
            case Probe():
                return probe(step)
            case Recall(meta_key):
                return self.observers.recall(meta_key)
            case Adopted():
                return self.observers.tell(step)
            case AskBudget():
                return self.observers.ask_budget()
            case Batch():
                return self._send_all(step)
            case _:
                return self._transport.send(step)

    def _send_all(self, batch: Batch[Any]) -> list[Any]:
        pool = ThreadPoolExecutor(min(self._max_concurrency, len(batch.operations)))
        is_awaited = True
        try:
            return list(pool.map(lambda operation: batch.keep(self._transport.send(operation)), batch.operations))
        except KeyboardInterrupt:
            # Whoever pressed stop does not wait for answers that nobody reads any more.
            is_awaited = False
            raise
        finally:
            pool.shutdown(wait=is_awaited, cancel_futures=True)


class AsyncClient(_Connected):
    """The same as `Client`, every method awaited; tasks of one event loop may share it.

    Args, errors and rules for repetitions are those of `Client`; `transport` is an httpx async transport.
    """

    def __init__(
        self,
        token: str | SecretStr | Token | None = None,
        base_url: str | None = None,
        *,
        profile: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = 3,
        backoff: float = 0.5,
        max_concurrency: int = 8,
        transport: httpx.AsyncBaseTransport | None = None,
        routes: Mapping[str, str] | None = None,
        allow_http: bool = False,
    ) -> None:
        token = masked(token)
        super().__init__(token, base_url, profile, routes, allow_http, RetryPolicy(max_retries, backoff))
        self._max_concurrency = max_concurrency
        self._transport = AsyncHttpTransport(self._session, timeout, transport)

    @cached_property
    def instances(self) -> AsyncInstances:
        """Machines: start, find, watch and release them."""
        from glows_nb.api.async_resources.instances import AsyncInstances

        return AsyncInstances(self)

    @cached_property
    def images(self) -> AsyncImages:
        """Images to start machines from."""
        from glows_nb.api.async_resources.images import AsyncImages

        return AsyncImages(self)

    @cached_property
    def specs(self) -> AsyncSpecs:
        """What can be rented, at which price."""
        from glows_nb.api.async_resources.specs import AsyncSpecs

        return AsyncSpecs(self)

    @cached_property
    def networks(self) -> AsyncNetworks:
        """Private networks between machines."""
        from glows_nb.api.async_resources.networks import AsyncNetworks

        return AsyncNetworks(self)

    @cached_property
    def snapshots(self) -> AsyncSnapshots:
        """Snapshots of machines."""
        from glows_nb.api.async_resources.snapshots import AsyncSnapshots

        return AsyncSnapshots(self)

    async def close(self) -> None:
        """Give the connections back; the client can't be used after."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def run(self, steps: Steps[T]) -> T:
        """Carry out work of several steps: operations, batches at once, pauses, probes."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._carry_out(step)
                except Exception as error:  # noqa: BLE001 - the steps decide what to do about it
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _carry_out(self, step: Step) -> Any:
        match step:
            case Pause(seconds):
                return await pause_async(seconds)
            case Probe():
                return await probe_async(step)
            case Recall(meta_key):
                return self.observers.recall(meta_key)
            case Adopted():
                return self.observers.tell(step)
            case AskBudget():
                return self.observers.ask_budget()
            case Batch():
                return await self._send_all(step)
            case _:
                return await self._transport.send(step)

    async def _send_all(self, batch: Batch[Any]) -> list[Any]:
        import asyncio

        results: list[Any] = [None] * len(batch.operations)
        left = iter(enumerate(batch.operations))

        async def work() -> None:
            # Whoever has an answer asks for the next page at once, before the others have read theirs.
            for place, operation in left:
                results[place] = batch.keep(await self._transport.send(operation))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._max_concurrency, len(batch.operations))):
                    group.create_task(work())
        except ExceptionGroup as failed:
            first = failed.exceptions[0]
        else:
            return results
        raise first
