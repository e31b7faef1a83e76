"""What all calls of one client share, and how an operation becomes a request."""

from __future__ import annotations

import functools
import itertools
import json
import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx

from glows_nb.api.credentials.config import Connection, is_loopback
from glows_nb.api.credentials.tokens import Token, expiry, is_sandbox, revealed
from glows_nb.api.http.masking import SecretMasker
from glows_nb.api.http.retrying import CoolDown, RetryPolicy, RetryQuota
from glows_nb.api.observing import Observers
from glows_nb.api.steps import Operation

KEPT_FOR: Final = 5.0
"""Seconds that an idle connection is kept, as httpx does."""


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
        self.masker = SecretMasker(self.connection.token.get_secret_value())
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
