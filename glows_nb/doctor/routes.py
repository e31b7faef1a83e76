"""One look at each route: what came back, by which path, and what the service's clock said.

For finding out what is wrong: nothing is repeated, nothing is recorded, and an expired token is sent all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final

from glows_nb.api.credentials.config import Connection
from glows_nb.api.errors import GlowsError
from glows_nb.api.http.exchange import read_reply
from glows_nb.api.http.reply import Reply
from glows_nb.api.http.session import Session
from glows_nb.api.http.transport import HttpTransport
from glows_nb.api.routes import Route
from glows_nb.api.steps import Operation

TIMEOUT: Final = 10.0
NOT_FOUND: Final = 404


@dataclass(frozen=True)
class Attempt:
    """What one try brought.

    Attributes:
        route: where it was sent.
        result: what the answer says, None where it says an error.
        error: what went wrong.
        status: the HTTP status; None where nothing answered.
        clock_ahead: how many seconds the service's clock is ahead of this computer's; None where it tells no time.
    """

    route: Route
    result: Any = None
    error: GlowsError | None = None
    status: int | None = None
    clock_ahead: float | None = None

    @property
    def is_missing(self) -> bool:
        """Is there nothing at this path?"""
        return self.status == NOT_FOUND


class RouteTester:
    """Looks at the routes of one connection; a context manager."""

    def __init__(self, connection: Connection, timeout: float = TIMEOUT) -> None:
        self._connection = connection
        self._timeout = timeout
        self._transport = HttpTransport(Session(connection), timeout, None)

    def attempt(self, operation: Operation[Any]) -> Attempt:
        """Send the operation once."""
        return _attempt(self._transport, operation)

    def attempt_elsewhere(self, operation: Operation[Any]) -> Attempt | None:
        """The first of the other known paths at which something is; None where all are missing too."""
        usual = operation.route
        tried = self._connection.route(usual).path
        for path in (usual.path, *usual.alternatives):
            if path == tried:
                continue
            routes = {**self._connection.routes, usual.name: usual._replace(path=path)}
            transport = HttpTransport(Session(replace(self._connection, routes=routes)), self._timeout, None)
            try:
                found = _attempt(transport, operation)
            finally:
                transport.close()
            if found.status is not None and not found.is_missing:
                return found
        return None

    def __enter__(self) -> RouteTester:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._transport.close()


def _attempt(transport: HttpTransport, operation: Operation[Any]) -> Attempt:
    connection = transport.session.connection
    route = connection.route(operation.route)
    started = datetime.now(UTC)
    reply = transport.send_once(operation)
    if isinstance(reply, GlowsError):
        return Attempt(route, error=reply)
    ahead = _clock_ahead(reply, started, datetime.now(UTC))
    try:
        result = read_reply(operation, reply, transport.session)
    except GlowsError as error:
        # Without its frames: the answer stood in them, with the passwords of machines.
        return Attempt(route, error=error.with_traceback(None), status=reply.status, clock_ahead=ahead)
    return Attempt(route, result, status=reply.status, clock_ahead=ahead)


def _clock_ahead(reply: Reply, started: datetime, ended: datetime) -> float | None:
    """Zero while the header, which has whole seconds, fits between the times of request and answer."""
    try:
        told = parsedate_to_datetime(reply.date)
    except ValueError:
        return None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    if (before := (started - told).total_seconds()) > 1:
        return 1 - before
    return max(0.0, (told - ended).total_seconds())
