"""The HTTP side: which path leads to which operation, who is calling, and how every answer is wrapped.

What an operation does is in the room named after it. Whatever happens in there, the answer is HTTP 200 with a
code and a msg, as the service has it; only what isn't a path of the API at all is a 404.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from glows_nb.sandbox import answers, tokens
from glows_nb.sandbox.call import Call
from glows_nb.sandbox.catalogue import CATALOGUE, Catalogue
from glows_nb.sandbox.clock import Clock
from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.operations import OPERATIONS, Operation
from glows_nb.sandbox.parameters import Body, Query
from glows_nb.sandbox.store import Store

BASE_PATH = "/sdk/v1"
MAX_BODY_BYTES = 64 * 1024
"""Far above what the contract's limits let a request need."""

_log = logging.getLogger("glows_nb.sandbox")


def create_app(
    store: Store,
    clock: Clock,
    catalogue: Catalogue = CATALOGUE,
    operations: Sequence[Operation] = OPERATIONS,
) -> Starlette:
    """Make the application over a store and a clock, which stay the caller's to close."""
    secret = store.users.secret()

    def endpoint_of(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(await _answer(request, operation, secret, store, clock, catalogue))

        return endpoint

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "speed": clock.speed, "now": clock.now()})

    routes = [
        Route(BASE_PATH + path, endpoint_of(operation), methods=[method])
        for operation in operations
        for method, path in (route.split() for route in operation.routes)
    ]
    routes.append(Route("/_sandbox/health", health, methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_found})
    # A path with a slash too many is unknown, not somewhere else.
    app.router.redirect_slashes = False
    return app


async def _answer(
    request: Request, operation: Operation, secret: str, store: Store, clock: Clock, catalogue: Catalogue
) -> dict[str, object]:
    try:
        query = Query(request.query_params.multi_items())
        raw_body = await _read_body(request) if operation.has_body else b""
        authorization = tokens.authorization_of(
            request.headers.get("Authorization", ""), request.query_params.get("Authorization", "")
        )
        user = tokens.verify(authorization, secret)
        limits = store.users.limits(user.uid)
        if operation.is_write and not limits.may_write:
            raise Refusal(Code.PERMISSION_DENIED, "this user may only look")
        now = clock.now()
        store.advance(now)
        is_left_out = not raw_body and not (operation.has_body and operation.needs_body)
        call = Call(
            user=user,
            query=query,
            body=Body({}) if is_left_out else Body.parse(raw_body),
            now=now,
            store=store,
            catalogue=catalogue,
            limits=limits,
            switches=store.users.switches(),
            offer_states=store.offer_states(),
        )
        return answers.envelope(Code.SUCCESS, **operation.run(call))
    except Refusal as refusal:
        _log.debug("%s %s: %s", request.method, request.url.path, refusal)
        return answers.envelope(refusal.code)
    except (ClientDisconnect, asyncio.CancelledError):
        # The rest of the body never came: the client has gone, or the server stops. Nobody reads this.
        return answers.envelope(Code.PARAM_ILLEGAL)
    except Exception:  # noqa: BLE001 - the client gets its code 1, the log the traceback
        _log.exception("%s %s failed", request.method, request.url.path)
        return answers.envelope(Code.INTERNAL_ERROR)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise illegal(f"the body is longer than {MAX_BODY_BYTES} bytes")
    return bytes(body)


async def _not_found(request: Request, error: Exception) -> Response:
    """Answer what is no operation, a known path with another method among it, in plain text."""
    return PlainTextResponse("404 page not found", status_code=404)
