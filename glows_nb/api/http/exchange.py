"""One operation with its repetitions: a generator that decides what is sent again, and what an answer says.

Pure but for the clock of its session; `HttpTransport` and `AsyncHttpTransport` carry its sends and pauses out.
"""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Generator, Mapping
from typing import Any, Final, TypeVar

import httpx

from glows_nb.api.credentials.tokens import revealed
from glows_nb.api.errors import AuthError, BadResponse, GlowsError, RateLimited, TransportError
from glows_nb.api.errors.codes import api_error
from glows_nb.api.http.reply import Reply
from glows_nb.api.http.retrying import pause_before_retry, read_retry_after
from glows_nb.api.http.session import Session
from glows_nb.api.models.rows import readable
from glows_nb.api.observing import Answered, Sending
from glows_nb.api.steps import Operation, Pause

log: Final = logging.getLogger("glows_nb")

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

EXCERPT_LENGTH: Final = 200
TELLS_PASSWORDS: Final = frozenset({"get instance", "list instances", "create instance"})
CHECK_THE_WAY: Final = " Check the network, the proxy and the address; glows.doctor() looks at each."
SANDBOX_STOPPED: Final = " That sandbox has stopped; %glows sandbox starts another."


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


def disorder(operation: Operation[Any], session: Session, error: Exception) -> TransportError:
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
    return session.masker.masked_line(body, EXCERPT_LENGTH, _envs(operation))


def _envs(operation: Operation[Any]) -> str:
    envs = (operation.body or {}).get("envs")
    return "" if envs is None else revealed(envs)


def masked_error(error: GlowsError, session: Session, operation: Operation[Any]) -> GlowsError:
    """The error, whose sentence may quote the answer."""
    envs = _envs(operation)
    error.args = tuple(session.masker.mask(part, envs) if isinstance(part, str) else part for part in error.args)
    return error


def without_frames(error: E) -> E:
    """The error without the frames it came through: the answer stood in them, with the passwords of machines."""
    error.__context__ = None
    return error.with_traceback(None)


def begin(operation: Operation[Any], session: Session) -> None:
    """Before a write is sent, whoever listens is told."""
    if not operation.is_repeatable:
        session.observers.tell(Sending(operation))


def result_of(operation: Operation[Any], stop: StopIteration, session: Session) -> Any:
    """What an exchange that has ended gives: a sandbox's is marked, passwords are kept in mind, who listens is told."""
    if session.is_sandbox:
        # Loaded here: the models of machines take time, and a process that only looks at offers has no use for them.
        from glows_nb.api.models.instances import mark_sandbox

        mark_sandbox(stop.value)
    if operation.name in TELLS_PASSWORDS:
        for machine in getattr(stop.value, "items", (stop.value,)):
            if machine.ssh_credentials is not None:
                session.masker.see(machine.ssh_credentials.password.get_secret_value())
    told = stop.value
    if getattr(told, "problems", None):
        told = told.model_copy(update={"items": tuple(readable(told.items))})
    session.observers.tell(Answered(operation, told))
    return stop.value


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
