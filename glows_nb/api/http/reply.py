"""What came back over HTTP, read as it comes: how large it may become is bounded here."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from glows_nb.api.errors import BadResponse
from glows_nb.api.http.session import Session
from glows_nb.api.steps import Operation

MOST_BYTES: Final = 64 << 20
"""Of one answer; a page of twenty machines has some thousands."""

log: Final = logging.getLogger("glows_nb")


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


class Body:
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


def reply_of(
    operation: Operation[Any], response: httpx.Response, body: Body, session: Session, started: float
) -> Reply:
    """An answer that has come in whole; a line in the log says how long that took."""
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
