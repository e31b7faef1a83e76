"""The HTTP side of the API: which path leads to which operation, who is calling, and how every answer is wrapped.

What an operation does is in the room named after it. Whatever happens in there, the answer is HTTP 200 with a
code and a msg, as the service has it; only what isn't a path of the API at all is a 404, and only a fault that was
ordered makes anything else.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from glows_nb.sandbox import tokens
from glows_nb.sandbox.backend import Backend
from glows_nb.sandbox.codes import Code, Refusal, illegal
from glows_nb.sandbox.faults.connections import Connections
from glows_nb.sandbox.faults.wire import Transcript, answer_with_fault
from glows_nb.sandbox.http.openapi import document
from glows_nb.sandbox.parameters import Body, Query
from glows_nb.sandbox.resources import answers
from glows_nb.sandbox.resources.context import Context
from glows_nb.sandbox.resources.routes import OPERATIONS, Operation
from glows_nb.sandbox.tokens import User

BASE_PATH = "/sdk/v1"
MAX_BODY_BYTES = 64 * 1024
"""Far above what the contract's limits let a request need."""

_log = logging.getLogger("glows_nb.sandbox")


@dataclass(frozen=True)
class _Received:
    """A request with its body read, so that it can be carried out when the caller has gone."""

    caller: User | Refusal
    query: Query
    raw_body: bytes | Refusal


class Api:
    """The 15 operations over a backend, as routes."""

    def __init__(self, backend: Backend, connections: Connections, transcript: Transcript) -> None:
        self._backend = backend
        self._connections = connections
        self._transcript = transcript
        self._secret = backend.store.users.secret()
        self._late: set[asyncio.Task[None]] = set()

    def routes(self, operations: Sequence[Operation] = OPERATIONS) -> list[BaseRoute]:
        """Return the routes of all operations, alternative paths among them, and of the document about them."""
        routes: list[BaseRoute] = [
            Route(BASE_PATH + path, self._endpoint(operation), methods=[method])
            for operation in operations
            for method, path in (route.split() for route in operation.routes)
        ]
        return [*routes, Route(f"{BASE_PATH}/openapi.json", _describe, methods=["GET"])]

    def _endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return await self._answer(request, operation)
            except (ClientDisconnect, asyncio.CancelledError):
                # The rest of the body never came, or the server stops. Nobody reads this.
                return JSONResponse(answers.envelope(Code.PARAM_ILLEGAL))

        return endpoint

    async def _answer(self, request: Request, operation: Operation) -> Response:
        received = await _receive(request, operation, self._secret)
        user = received.caller.name if isinstance(received.caller, User) else ""
        faults = self._backend.faults.hit_call(operation.name, user)
        fault = faults.spoiled_by
        if faults.seconds_before:
            await asyncio.sleep(faults.seconds_before)
        answer = None
        if fault is None or fault.when == "after":
            answer = self._carry_out(received, operation)
        elif fault.when == "late":
            task = asyncio.create_task(self._carry_out_late(received, operation, fault.delay))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        if faults.seconds_after:
            await asyncio.sleep(faults.seconds_after)
        response: Response
        if fault is None:
            response = JSONResponse(answer)
        else:
            response = await answer_with_fault(request, fault, self._connections, answer)
        self._transcript.add(operation.name, user, faults.faults, response)
        return response

    async def _carry_out_late(self, received: _Received, operation: Operation, delay: float) -> None:
        await asyncio.sleep(delay)
        self._carry_out(received, operation)

    def _carry_out(self, received: _Received, operation: Operation) -> dict[str, object]:
        try:
            context = self._call(received, operation)
            answer = answers.envelope(Code.SUCCESS, **operation.run(context))
            if operation.is_write:
                # What follows from it at once, such as that a released machine no longer accepts, comes first.
                self._backend.catch_up()
            return answer
        except Refusal as refusal:
            _log.debug("%s: %s", operation.name, refusal)
            return answers.envelope(refusal.code)
        except Exception:  # noqa: BLE001 - the client gets its code 1, the log the traceback
            _log.exception("%s failed", operation.name)
            return answers.envelope(Code.INTERNAL_ERROR)

    def _call(self, received: _Received, operation: Operation) -> Context:
        if isinstance(received.raw_body, Refusal):
            raise received.raw_body
        if isinstance(received.caller, Refusal):
            raise received.caller
        store = self._backend.store
        limits = store.users.limits(received.caller.uid)
        if operation.is_write and not limits.may_write:
            raise Refusal(Code.PERMISSION_DENIED, "this user may only look")
        is_left_out = not received.raw_body and not (operation.has_body and operation.needs_body)
        return Context(
            user=received.caller,
            query=received.query,
            body=Body({}) if is_left_out else Body.parse(received.raw_body),
            now=self._backend.catch_up(),
            store=store,
            catalogue=self._backend.catalogue,
            limits=limits,
            switches=store.users.switches(),
            runs_commands=self._backend.real_machines is not None,
            offer_states=self._backend.offer_states,
        )


def create_app(routes: Sequence[BaseRoute]) -> Starlette:
    """Make the application of all its routes."""
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_found})
    # A path with a slash too many is unknown, not somewhere else.
    app.router.redirect_slashes = False
    return app


async def _describe(request: Request) -> Response:
    return JSONResponse(document(str(request.base_url).rstrip("/") + BASE_PATH))


async def _receive(request: Request, operation: Operation, secret: str) -> _Received:
    raw_body: bytes | Refusal = b""
    if operation.has_body:
        try:
            raw_body = await _read_body(request)
        except Refusal as refusal:
            raw_body = refusal
    authorization = tokens.authorization_of(
        request.headers.get("Authorization", ""), request.query_params.get("Authorization", "")
    )
    caller: User | Refusal
    try:
        caller = tokens.verify(authorization, secret)
    except Refusal as refusal:
        caller = refusal
    return _Received(caller, Query(request.query_params.multi_items()), raw_body)


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
