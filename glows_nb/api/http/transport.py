"""The one place that touches httpx: authorization, envelope, retries, redaction.

An exchange (one operation with its repetitions) is a generator that decides; `HttpTransport` and
`AsyncHttpTransport` carry its sends and pauses out.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx

from glows_nb.api.credentials.config import Connection, is_loopback
from glows_nb.api.credentials.tokens import Token, expiry, is_sandbox, revealed
from glows_nb.api.errors import AuthError, BadResponse, GlowsError, RateLimited, TransportError, api_error
from glows_nb.api.http.masking import Held
from glows_nb.api.http.retrying import CoolDown, RetryPolicy, RetryQuota, pause_before_retry, read_retry_after
from glows_nb.api.models.rows import readable
from glows_nb.api.observing import Answered, Failed, Observers, Sending
from glows_nb.api.steps import Operation, Pause

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)
H = TypeVar("H")

EXCERPT_LENGTH: Final = 200
TELLS_PASSWORDS: Final = frozenset({"get instance", "list instances", "create instance"})
MOST_BYTES: Final = 64 << 20
"""Of one answer; a page of twenty machines has some thousands."""
KEPT_FOR: Final = 5.0
"""Seconds that an idle connection is kept, as httpx does."""
CHECK_THE_WAY: Final = " Check the network, the proxy and the address; glows.doctor() looks at each."
SANDBOX_STOPPED: Final = " That sandbox has stopped; %glows sandbox starts another."

log = logging.getLogger("glows_nb")


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP, whatever it is."""

    status: int
    content_type: str
    retry_after: str
    # Neither is in the repr: a redirect and an answer can hold secrets.
    location: str = field(repr=False)
    body: bytes = field(repr=False)
    date: str = ""


@dataclass(repr=False)
class Session:
    """What all calls of one client share: where to, with which token, how often again, and when not at all."""

    connection: Connection
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Callable[[], float] = time.monotonic
    quota: RetryQuota = field(default_factory=RetryQuota)
    cool_down: CoolDown = field(default_factory=CoolDown)
    observers: Observers = field(default_factory=Observers)

    def __post_init__(self) -> None:
        # The token stands in no variable, since tracebacks show those.
        self.is_sandbox = is_sandbox(self.connection.token.get_secret_value())
        self.expiry = expiry(self.connection.token.get_secret_value())
        self.held = Held(self.connection.token.get_secret_value())
        self._numbers = itertools.count(1)

    def request(self, operation: Operation[Any]) -> dict[str, Any]:
        """What httpx is to send for an operation, but for the header that carries the token."""
        route = self.connection.route(operation.route)
        # An address that ends in "?" takes in its query what others take in the body (FACTS 1, image delete).
        is_in_query = operation.body is not None and route.path.endswith("?")
        params = tuple(operation.body.items()) if operation.body and is_in_query else operation.params
        # Written here, since httpx would take the whole address apart twice to add the query.
        query = f"?{urlencode(params)}" if params else ""
        return {
            "method": route.method,
            "url": f"{self.connection.base_url}{route.path.rstrip('?')}{query}",
            "content": None if operation.body is None or is_in_query else json.dumps(operation.body, default=revealed),
        }

    def next_number(self) -> int:
        """A number for a request, to find its lines in the log."""
        return next(self._numbers)

    def settings(self, timeout: float) -> dict[str, Any]:
        """How httpx is to talk to this address."""
        return {
            "timeout": timeout,
            "follow_redirects": False,
            # A proxy from the environment can't reach a sandbox on this machine.
            "trust_env": not is_loopback(urlsplit(self.connection.base_url).hostname or ""),
            # How many requests run at once is the callers' matter; a pool with a limit would let them time out.
            "limits": httpx.Limits(max_connections=None, keepalive_expiry=KEPT_FOR),
            "auth": _BearerToken(self.connection.token),
            # Reading the certificates takes longer than a request; where no TLS is spoken, none are needed.
            "verify": _certificates() if self.connection.base_url.startswith("https:") else False,
        }


@functools.cache
def _certificates() -> ssl.SSLContext:
    """The certificates that are trusted, read once for all clients of the process."""
    return httpx.create_ssl_context()


class _BearerToken(httpx.Auth):
    """Puts the token into the request at the last moment, so that it stands in no variable on the way."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


CLOSED: Final = "This client is closed; connect again."


class _Clients(Generic[H]):
    """Clients of httpx that wait for a request, the last used on top.

    Each carries one request at a time: what an interrupt leaves of one, such as a held lock, no other request meets.
    Where they are shared, all requests have the same; after an interrupt it is left behind for another, but for a
    transport of the caller's own, which can't be made anew.
    """

    def __init__(self, make: Callable[[], H], is_shared: bool) -> None:
        self._make = make
        self._is_shared = is_shared
        self._is_closed = False
        self._left: list[H] = []
        self._lock = Lock()
        # Made at once, so that a proxy in the environment that can't be used is met where the client is made.
        self._waiting = deque([(time.monotonic(), make())])

    def take(self) -> H:
        """One for a request.

        Raises:
            GlowsError: all were closed.
        """
        with self._lock:
            if self._is_closed:
                raise GlowsError(CLOSED)
            if self._is_shared:
                return self._waiting[-1][1]
            if self._waiting:
                return self._waiting.pop()[1]
        return self._make()

    def give_back(self, http: H) -> bool:
        """After an answer; False where all were closed meanwhile, and this one is to be."""
        with self._lock:
            if not self._is_closed and not self._is_shared:
                self._waiting.append((time.monotonic(), http))
            return self._is_shared or not self._is_closed

    def leave(self, http: H) -> None:
        """Let a client that is shared be used for no further request; those that it carries go on."""
        with self._lock:
            if self._waiting and self._waiting[-1][1] is http:
                self._left.append(http)
                self._waiting[-1] = (time.monotonic(), self._make())

    def expired(self) -> list[H]:
        """Those whose connections have been idle for too long; they are to be closed."""
        expired: list[H] = []
        oldest = time.monotonic() - KEPT_FOR
        with self._lock:
            while not self._is_shared and self._waiting and self._waiting[0][0] < oldest:
                expired.append(self._waiting.popleft()[1])
        return expired

    def close(self) -> list[H]:
        """Hand none out any more; those that waited are to be closed."""
        with self._lock:
            self._is_closed = True
            closed = [*self._left, *(http for _, http in self._waiting)]
            self._left.clear()
            self._waiting.clear()
        return closed


class HttpTransport:
    """Connections for threads."""

    def __init__(self, session: Session, timeout: float, transport: httpx.BaseTransport | None) -> None:
        self.session = session
        self._given = transport
        settings = session.settings(timeout)
        if transport is None:
            self._clients = _Clients(lambda: unlocked(httpx.Client(**settings)), is_shared=False)
        else:
            self._clients = _Clients(lambda: httpx.Client(transport=transport, **settings), is_shared=True)

    def send(self, operation: Operation[T]) -> T:
        """The operation's result, after as many repetitions as its kind allows."""
        _begin(operation, self.session)
        steps = exchange(operation, self.session)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                reply = self.send_once(step)
                step = steps.throw(reply) if isinstance(reply, GlowsError) else steps.send(reply)
        except StopIteration as stop:
            result: T = _result(operation, stop, self.session)
            return result
        except GlowsError as error:
            failure = _masked(error, self.session, operation)
        self.session.observers.tell(Failed(operation, failure))
        raise _without_frames(failure)

    def close(self) -> None:
        """Give the connections back."""
        for http in self._clients.close():
            http.close()

    def send_once(self, operation: Operation[Any]) -> Reply | GlowsError:
        """What comes back from one try, or the error that httpx met."""
        started = self.session.clock()
        for expired in self._clients.expired():
            expired.close()
        http = self._clients.take()
        # An error is returned, and an interrupt raised only after `except`: within, they would carry httpx's frames
        # along, and those hold the token.
        stopped: GlowsError | BaseException
        try:
            body = _Body(operation)
            with http.stream(**self.session.request(operation)) as response:
                for part in response.iter_bytes():
                    body.add(part)
            reply = _reply(operation, response, body, self.session, started)
        except (httpx.HTTPError, BadResponse) as error:
            stopped = transport_error(operation, self.session, error) if isinstance(error, httpx.HTTPError) else error
        except Exception as error:
            if self._given is not None:
                raise  # a transport of the caller's own, and so its error
            stopped = _disorder(operation, self.session, error)
        except BaseException as stop:  # noqa: BLE001 - raised below
            stopped = stop
        else:
            if not self._clients.give_back(http):
                http.close()
            return reply
        if self._given is None:
            close_aside(http)
        if isinstance(stopped, GlowsError):
            return stopped
        raise _without_frames(stopped)


def unlocked(http: httpx.Client) -> httpx.Client:
    """The client without the locks of its pools, which a client that carries one request at a time has no use for.

    A signal right after such a lock was taken leaves it held, and httpcore's own tidying up would wait for it for good.
    """
    # No part of httpx's interface; where a version has it no more, nothing is changed.
    for transport in (getattr(http, "_transport", None), *getattr(http, "_mounts", {}).values()):
        pool: Any = getattr(transport, "_pool", None)
        if hasattr(pool, "_optional_thread_lock"):
            pool._optional_thread_lock = nullcontext()
    return http


def close_aside(http: httpx.Client) -> None:
    """Close it without waiting: a signal within a request may have left its pool locked for good."""
    Thread(target=http.close, daemon=True).start()


class _OfLoop(NamedTuple):
    """The clients of one event loop, and what closes them when it ends."""

    clients: _Clients[httpx.AsyncClient]
    closing: AsyncGenerator[None, None]


async def _closing(clients: _Clients[httpx.AsyncClient], *, is_ours: bool) -> AsyncGenerator[None, None]:
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
        def make() -> _Clients[httpx.AsyncClient]:
            return _Clients(lambda: httpx.AsyncClient(transport=transport, **settings), is_shared=True)

        self._make = make
        self._unused: _Clients[httpx.AsyncClient] | None = make()
        self._by_loop: dict[AbstractEventLoop, _OfLoop] = {}
        self._is_closed = False

    async def send(self, operation: Operation[T]) -> T:
        """The operation's result, after as many repetitions as its kind allows."""
        _begin(operation, self.session)
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
            result: T = _result(operation, stop, self.session)
            return result
        except GlowsError as error:
            failure = _masked(error, self.session, operation)
        self.session.observers.tell(Failed(operation, failure))
        raise _without_frames(failure)

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

    async def _of_this_loop(self) -> _Clients[httpx.AsyncClient]:
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
            body = _Body(operation)
            async with http.stream(**self.session.request(operation)) as response:
                async for part in response.aiter_bytes():
                    body.add(part)
            reply = _reply(operation, response, body, self.session, started)
        except (httpx.HTTPError, BadResponse) as error:
            stopped = transport_error(operation, self.session, error) if isinstance(error, httpx.HTTPError) else error
        except Exception as error:
            if self._given is not None:
                raise  # a transport of the caller's own, and so its error
            stopped, is_in_disorder = _disorder(operation, self.session, error), True
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
        raise _without_frames(stopped)


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


def exchange(operation: Operation[T], session: Session) -> Generator[Operation[T] | Pause, Any, T]:
    """Send, read, and send again where that is safe: reads, and writes that are the same done twice."""
    _refuse_expired_token(operation, session)
    policy, deadline = session.policy, session.clock() + session.policy.time_budget
    for attempt in itertools.count():
        if remaining := session.cool_down.remaining:
            yield Pause(remaining)
        try:
            reply: Reply = yield operation
            result = read_reply(operation, reply, session)
        except (TransportError, RateLimited) as error:
            if isinstance(error, RateLimited) and error.retry_after is not None:
                session.cool_down.start(error.retry_after)
            wait = pause_before_retry(policy, attempt, error)
            if not operation.is_repeatable or attempt >= policy.max_retries or wait is None:
                raise
            if session.clock() + wait > deadline or not session.quota.take():
                raise
            log.info("%s: attempt %d failed, next in %.1f s: %s", operation.name, attempt + 1, wait, error)
        else:
            session.quota.succeed()
            return result
        yield Pause(wait)
    raise AssertionError("unreachable: the loop ends by a return or a raise")


def read_reply(operation: Operation[T], reply: Reply, session: Session) -> T:
    """The result in a reply, or the error that it stands for; what the client holds never shows in either."""
    connection = session.connection
    if reply.status == 429:
        retry_after = read_retry_after(reply.retry_after)
        hint = "" if retry_after is None else f" Come back in {retry_after:.0f} s."
        raise RateLimited(
            f"Could not {operation.name}: the service wants fewer requests (HTTP 429).{hint}",
            retry_after=retry_after,
        )
    if reply.status == 200 and operation.read_bytes is not None:
        result = operation.read_bytes(reply.body)
        if result is not None:
            return result
    said = excerpt(reply.body, session, operation)
    if reply.status >= 500:
        raise TransportError(f"Could not {operation.name}: the service answered HTTP {reply.status}: {said}")
    if reply.status == 404:
        raise BadResponse(f"Could not {operation.name}: {connection.not_found(operation.route)}")
    if 300 <= reply.status < 400:
        raise BadResponse(
            f"Could not {operation.name}: the service points elsewhere (HTTP {reply.status}), to "
            f"{excerpt(reply.location.encode(), session, operation) or 'nowhere'}; that is not followed, since the "
            "token would go along. Set base_url if the service has moved."
        )
    answer = _json_object(operation, reply, said)
    code = answer.get("code")
    if type(code) is not int:
        raise BadResponse(f"The answer to {operation.name} has no number in the field 'code'.")
    if code != 0:
        msg = answer.get("msg")
        text = msg if isinstance(msg, str) else ""
        raise api_error(code, excerpt(text.encode(errors="replace"), session, operation), operation.name, reply.status)
    if reply.status != 200:
        raise BadResponse(f"The answer to {operation.name} came with HTTP {reply.status}: {said}")
    return operation.read(answer)


def transport_error(operation: Operation[Any], session: Session, error: httpx.HTTPError) -> TransportError:
    """What httpx met, in one line with the address."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    kind = "took too long" if isinstance(error, httpx.TimeoutException) else "could not be reached"
    detail = excerpt((str(error) or type(error).__name__).encode(errors="replace"), session, operation)
    log.info("#%d %s: %s", session.next_number(), operation.name, detail)
    advice = "" if not never_sent else SANDBOX_STOPPED if session.is_sandbox else CHECK_THE_WAY
    return TransportError(
        f"Could not {operation.name}: {session.connection.base_url} {kind} ({detail}).{advice}",
        may_have_arrived=not never_sent,
    )


def _disorder(operation: Operation[Any], session: Session, error: Exception) -> TransportError:
    """What came out of the libraries below, whose connections were in disorder: nothing is known of the request."""
    log.info("#%d %s: %s", session.next_number(), operation.name, type(error).__name__)
    return TransportError(
        f"Could not {operation.name}: the connection to {session.connection.base_url} broke ({type(error).__name__}); "
        "a new one is made for the next call."
    )


def excerpt(body: bytes, session: Session, operation: Operation[Any]) -> str:
    """The first 200 characters of a body on one line, with what is or looks like a secret masked.

    Signs that don't print are left out: a terminal would obey them.
    """
    return session.held.line(body, EXCERPT_LENGTH, _envs(operation))


def _envs(operation: Operation[Any]) -> str:
    envs = (operation.body or {}).get("envs")
    return "" if envs is None else revealed(envs)


def _masked(error: GlowsError, session: Session, operation: Operation[Any]) -> GlowsError:
    """The error, whose sentence may quote the answer."""
    envs = _envs(operation)
    error.args = tuple(session.held.mask(part, envs) if isinstance(part, str) else part for part in error.args)
    return error


def _without_frames(error: E) -> E:
    """The error without the frames it came through: the answer stood in them, with the passwords of machines."""
    error.__context__ = None
    return error.with_traceback(None)


def _begin(operation: Operation[Any], session: Session) -> None:
    if not operation.is_repeatable:
        session.observers.tell(Sending(operation))


def _result(operation: Operation[Any], stop: StopIteration, session: Session) -> Any:
    if session.is_sandbox:
        # Loaded here: the models of machines take time, and a process that only looks at offers has no use for them.
        from glows_nb.api.models.instances import mark_sandbox

        mark_sandbox(stop.value)
    if operation.name in TELLS_PASSWORDS:
        for machine in getattr(stop.value, "items", (stop.value,)):
            if machine.ssh_credentials is not None:
                session.held.see(machine.ssh_credentials.password.get_secret_value())
    told = stop.value
    if getattr(told, "problems", None):
        told = told.model_copy(update={"items": tuple(readable(told.items))})
    session.observers.tell(Answered(operation, told))
    return stop.value


class _Body:
    """An answer's body as it comes: how large it becomes, also unpacked, is bounded here and not by the service."""

    def __init__(self, operation: Operation[Any]) -> None:
        self._operation = operation
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Keep a part.

        Raises:
            BadResponse: there are more bytes than any answer of the contract has.
        """
        self._size += len(part)
        if self._size > MOST_BYTES:
            raise BadResponse(f"The answer to {self._operation.name} is larger than {MOST_BYTES >> 20} MB.")
        self._parts.append(part)

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


def _reply(operation: Operation[Any], response: httpx.Response, body: _Body, session: Session, started: float) -> Reply:
    elapsed_ms = 1000 * (session.clock() - started)
    log.debug("#%d %s: HTTP %d in %.0f ms", session.next_number(), operation.name, response.status_code, elapsed_ms)
    headers = response.headers
    return Reply(
        response.status_code,
        headers.get("content-type", ""),
        headers.get("retry-after", ""),
        headers.get("location", ""),
        body.whole(),
        headers.get("date", ""),
    )


def _refuse_expired_token(operation: Operation[Any], session: Session) -> None:
    if session.expiry is not None and session.expiry.timestamp() <= time.time():
        raise AuthError.expired(f"{session.expiry:%Y-%m-%d %H:%M} UTC", operation.name)


def _json_object(operation: Operation[Any], reply: Reply, said: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        kind = reply.content_type or "no content type"
        raise BadResponse(f"The answer to {operation.name} is no JSON object (HTTP {reply.status}, {kind}): {said}")
    return answer
