"""The one place that touches httpx: authorization, envelope, retries, redaction.

An exchange (one operation with its repetitions) is a generator that decides, and `HttpTransport` carries its
sends and pauses out.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx

from glows_nb.api.config import Connection, is_loopback
from glows_nb.api.errors import BadResponse, GlowsError, RateLimited, TransportError, api_error
from glows_nb.api.models import mark_sandbox
from glows_nb.api.operations import Operation, Pause
from glows_nb.api.tokens import is_sandbox

T = TypeVar("T")

EXCERPT_LENGTH: Final = 200
LONGEST_PAUSE: Final = 60.0
SECRET_FIELDS: Final = re.compile(r'("?(?:password|token|envs|authorization)"?\s*[:=]\s*"?)[^"&\s,}]+', re.I)

log = logging.getLogger("glows_nb")


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP, whatever it is."""

    status: int
    content_type: str
    retry_after: str
    body: bytes


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try again: `backoff` is the seconds before the first repetition."""

    max_retries: int = 3
    backoff: float = 0.5


class HttpTransport:
    """One pool of connections to one address, with one token."""

    def __init__(
        self,
        connection: Connection,
        *,
        timeout: float,
        retry_policy: RetryPolicy,
        max_connections: int,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = connection
        self._retry_policy = retry_policy
        self._is_sandbox = is_sandbox(connection.token.get_secret_value())
        host = urlsplit(connection.base_url).hostname or ""
        self._http = httpx.Client(
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            # A proxy from the environment can't reach a sandbox on this machine.
            trust_env=not is_loopback(host),
            limits=httpx.Limits(max_connections=max_connections),
        )

    def __repr__(self) -> str:
        return f"<HttpTransport {self._connection.base_url}>"

    def send(self, operation: Operation[T]) -> T:
        """The operation's result, after as many repetitions as its kind allows."""
        steps = exchange(operation, self._retry_policy, self._connection.token.get_secret_value())
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = steps.send(None)
                    continue
                try:
                    reply = self._send_once(step)
                except GlowsError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(reply)
        except StopIteration as stop:
            result: T = stop.value
            if self._is_sandbox:
                mark_sandbox(result)
            return result

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _send_once(self, operation: Operation[Any]) -> Reply:
        base_url = self._connection.base_url
        started = time.monotonic()
        try:
            response = self._http.request(
                operation.route.method,
                base_url + operation.route.path,
                params=operation.params,
                content=None if operation.body is None else json.dumps(operation.body),
                headers=_headers(self._connection, has_body=operation.body is not None),
            )
        except httpx.HTTPError as error:
            raise transport_error(operation, base_url, error) from None
        elapsed_ms = 1000 * (time.monotonic() - started)
        log.debug("%s: HTTP %d in %.0f ms", operation.name, response.status_code, elapsed_ms)
        headers = response.headers
        return Reply(
            response.status_code,
            headers.get("content-type", ""),
            headers.get("retry-after", ""),
            response.content,
        )


def exchange(operation: Operation[T], policy: RetryPolicy, secret: str) -> Generator[Operation[T] | Pause, Any, T]:
    """Send, read, and send again where that is safe: reads, and writes that are the same done twice."""
    for attempt in range(policy.max_retries + 1):
        try:
            reply: Reply = yield operation
            return read_reply(operation, reply, secret)
        except (TransportError, RateLimited) as error:
            if not operation.is_repeatable or attempt == policy.max_retries:
                raise
            wait = _pause_before_retry(policy, attempt, error)
            if wait is None:
                raise
            log.info("%s: attempt %d failed, next in %.1f s: %s", operation.name, attempt + 1, wait, error)
        yield Pause(wait)
    raise AssertionError("unreachable: the last attempt returns or raises")


def read_reply(operation: Operation[T], reply: Reply, secret: str) -> T:
    """The result in a reply, or the error that it stands for; `secret` never shows in either."""
    if reply.status == 429:
        retry_after = _seconds(reply.retry_after)
        hint = "" if retry_after is None else f" It asks to wait {retry_after:.0f} s."
        raise RateLimited(
            f"Could not {operation.name}: the service wants fewer requests (HTTP 429).{hint}",
            retry_after=retry_after,
        )
    if reply.status >= 500:
        raise TransportError(
            f"Could not {operation.name}: the service answered HTTP {reply.status}: {excerpt(reply.body, secret)}"
        )
    answer = _json_object(operation, reply, secret)
    code = answer.get("code")
    if type(code) is not int:
        raise BadResponse(f"The answer to {operation.name} has no number in the field 'code'.")
    if code != 0:
        msg = answer.get("msg")
        text = msg if isinstance(msg, str) else ""
        raise api_error(code, excerpt(text.encode(), secret), operation.name, reply.status)
    if reply.status != 200:
        raise BadResponse(
            f"The answer to {operation.name} came with HTTP {reply.status}: {excerpt(reply.body, secret)}"
        )
    return operation.read(answer)


def transport_error(operation: Operation[Any], base_url: str, error: httpx.HTTPError) -> TransportError:
    """What httpx met, in one line with the address."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    kind = "took too long" if isinstance(error, httpx.TimeoutException) else "could not be reached"
    detail = str(error) or type(error).__name__
    return TransportError(f"Could not {operation.name}: {base_url} {kind} ({detail}).", may_have_arrived=not never_sent)


def excerpt(body: bytes, secret: str) -> str:
    """The first 200 characters of a body on one line, with what looks like a secret masked."""
    text = " ".join(body[: 8 * EXCERPT_LENGTH].decode(errors="replace").split())
    if secret:
        text = text.replace(secret, "***")
    return SECRET_FIELDS.sub(r"\1***", text)[:EXCERPT_LENGTH]


def _headers(connection: Connection, *, has_body: bool) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {connection.token.get_secret_value()}", "Accept": "application/json"}
    if has_body:
        headers["Content-Type"] = "application/json"
    return headers


def _json_object(operation: Operation[Any], reply: Reply, secret: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        kind = reply.content_type or "no content type"
        raise BadResponse(
            f"The answer to {operation.name} is no JSON object (HTTP {reply.status}, {kind}): "
            f"{excerpt(reply.body, secret)}"
        )
    return answer


def _pause_before_retry(policy: RetryPolicy, attempt: int, error: TransportError | RateLimited) -> float | None:
    """Seconds with full jitter, at least what the service asked for; None when that is too long to sleep."""
    jittered = random.uniform(0, min(policy.backoff * 2**attempt, LONGEST_PAUSE))  # noqa: S311 - no secret
    asked = error.retry_after if isinstance(error, RateLimited) else None
    if asked is None:
        return jittered
    return max(jittered, asked) if asked <= LONGEST_PAUSE else None


def _seconds(retry_after: str) -> float | None:
    """A Retry-After in seconds; None for what is missing or no such number."""
    return float(retry_after) if retry_after.isdecimal() and len(retry_after) < 10 else None
