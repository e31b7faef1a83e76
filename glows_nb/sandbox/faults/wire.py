"""How a call that goes wrong looks on the wire, and the record of what went wrong when.

Whether one does is decided in `faults`; what the call itself does is in `resources`.
"""

import json
from collections import deque
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from glows_nb.sandbox.codes import Code
from glows_nb.sandbox.faults.connections import Connections
from glows_nb.sandbox.faults.registry import Fault
from glows_nb.sandbox.resources import answers

_NAMES_OF_STATUS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}
_UNFINISHED = b'{"code":0,"msg":"","instance":{"instanceID":"ins-'
"""What a cut answer has where no work was done: it tells nothing, like any cut one."""


async def answer_with_fault(
    request: Request, fault: Fault, connections: Connections, answer: dict[str, object] | None
) -> Response:
    """Answer a call as a fault has it; `answer` is what it would have been, None if it isn't known."""
    if fault.kind == "rate_limit":
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return PlainTextResponse("too many requests", status_code=429, headers=headers)
    if fault.kind == "http_error":
        title = f"{fault.status} {_NAMES_OF_STATUS.get(fault.status, 'Error')}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body></html>"
        return Response(page, status_code=fault.status, media_type="text/html")
    if fault.kind in ("code", "token_expired"):
        return JSONResponse(_with_code(fault))
    if fault.kind == "cut":
        whole = _UNFINISHED * 2 if answer is None else json.dumps(answer).encode()
        await connections.cut(request.scope, request.receive, whole)
    else:
        await connections.reset(request.scope, request.receive)
    return Unsent()


class Unsent(Response):
    """The answer of a call whose connection has ended: nothing more can be sent."""

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Send nothing."""


@dataclass(frozen=True)
class Entry:
    """One call as it was answered."""

    operation: str
    user: str
    faults: tuple[str, ...]
    answered: str
    """The code, or what was on the wire instead of one."""


class Transcript:
    """The latest calls, in the order in which they were answered."""

    def __init__(self, most: int = 10_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=most)

    def add(self, operation: str, user: str, faults: tuple[str, ...], response: Response) -> None:
        """Write down a call."""
        self._entries.append(Entry(operation, user, faults, _answered(response)))

    def entries(self) -> list[Entry]:
        """Return all, oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()


def _answered(response: Response) -> str:
    if isinstance(response, Unsent):
        return "broken off"
    if response.status_code != 200:
        return f"HTTP {response.status_code}"
    # Every answer begins with its code (`answers.envelope`); to read all of it would cost as much as to write it.
    return bytes(response.body[:32]).partition(b":")[2].partition(b",")[0].decode()


def _with_code(fault: Fault) -> dict[str, object]:
    number = int(Code.TOKEN_REJECTED) if fault.kind == "token_expired" else fault.code
    try:
        answer = answers.envelope(Code(number))
    except ValueError:
        answer = {"code": number, "msg": ""}
    return answer if fault.msg is None else answer | {"msg": fault.msg}
