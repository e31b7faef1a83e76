"""Each of the 15 operations under each fault, sync and async: the right result or a GlowsError, never a lie."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.routes import ROUTES
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request, Reset, json_answer

HTML = b"<html><h1>Bad Gateway</h1></html>"
FIELDS = {
    "from_image_id": "img-87p9kq26",
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "custom_meta_key": "order.123456",
    "region_name": "Region-01",
}
CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "get instance": ("instance_get", lambda client: client.instances.get("ins-boyqp4g8")),
    "create instance": ("instance_create", lambda client: client.instances.create(**FIELDS)),
    "cancel instance": ("instance_cancel", lambda client: client.instances.cancel("ins-boyqp4g8")),
    "count instances": ("instance_stats", lambda client: client.instances.stats()),
    "list instances": ("instance_list", lambda client: client.instances.list()),
    "submit image": ("image_submit", lambda client: client.images.submit("registry.example.com/a/runtime:1")),
    "delete image": ("image_delete", lambda client: client.images.delete("img-87p9kq26")),
    "list images": ("image_list", lambda client: client.images.list()),
    "list specs": ("spec_list", lambda client: client.specs.list(0, "img-87p9kq26")),
    "create network": ("network_create", lambda client: client.networks.create("train-mesh", "Region-01")),
    "list networks": ("network_list", lambda client: client.networks.list()),
    "attach to network": (
        "network_attach",
        lambda client: client.networks.attach("net-od7pv75w", ["ins-boyqp4g8", "ins-qgv8a2zk"]),
    ),
    "list endpoints": ("network_endpoints", lambda client: client.networks.endpoints("net-od7pv75w")),
    "create snapshot": ("snapshot_create", lambda client: client.snapshots.create("ins-boyqp4g8", "checkpoint-001")),
    "list snapshots": ("snapshot_list", lambda client: client.snapshots.list()),
}
WRITES = {name for name, route in ROUTES.items() if route.method != "GET"} - {"cancel instance"}
EMPTY_LIST = {"total": 0, "numPages": 0, "page": 1, "perPage": 20}


def cut(answer: Answer) -> Answer:
    return Answer(answer.body, cut_at=len(answer.body) // 2)


def raises_reset(answer: Answer) -> Answer:
    raise Reset


FAULTS: dict[str, tuple[Callable[[Answer], Answer], type[Exception]]] = {
    "reset": (raises_reset, glows.TransportError),
    "cut": (cut, glows.TransportError),
    "drip": (lambda answer: Answer(answer.body, drip=0.6), glows.TransportError),
    "429": (lambda answer: Answer(b"slow down", status=429, content_type="text/plain"), glows.RateLimited),
    "429 with Retry-After": (
        lambda answer: Answer(b"", status=429, headers={"Retry-After": "0"}),
        glows.RateLimited,
    ),
    "500": (lambda answer: Answer(HTML, status=500, content_type="text/html"), glows.TransportError),
    "502": (lambda answer: Answer(HTML, status=502, content_type="text/html"), glows.TransportError),
    "no JSON": (lambda answer: Answer(HTML, content_type="text/html"), glows.BadResponse),
    "known code": (lambda answer: json_answer({"code": 198, "msg": "quota"}), glows.UserNodeQtyExceedQuota),
    "unknown code": (lambda answer: json_answer({"code": 4242, "msg": "?"}), glows.UnknownCodeError),
}


def service(operation: str, fault: str | None) -> Callable[[Request], Answer]:
    """A server that has nothing yet, and answers `operation` with its sample, bent by the fault."""
    truth = json_answer(sample(f"{CALLS[operation][0]}.response"))
    route = ROUTES[operation]

    def handler(request: Request) -> Answer:
        path = request.target.removeprefix("/sdk/v1").partition("?")[0]
        if (request.method, path) == (route.method, route.path):
            return truth if fault is None else FAULTS[fault][0](truth)
        if path == "/instance":
            return json_answer({"code": 6, "msg": "param illegal"})
        empty = {name: [] for name in ("instances", "images", "specs", "networks", "endpoints", "snapshots")}
        return json_answer({"code": 0, "msg": "", "pagination": EMPTY_LIST, **empty})

    return handler


def ask(
    operation: str,
    handler: Callable[[Request], Answer],
    *,
    is_async: bool,
    resets_unread: Callable[[bytes], bool] = lambda peeked: False,
    **options: Any,
) -> Any:
    """What the caller gets: a result or an error."""
    call = CALLS[operation][1]
    settings = {"backoff": 0, "max_retries": 1, "timeout": 0.4} | options

    async def awaited(base_url: str) -> Any:
        async with glows.AsyncClient("token", base_url, **settings) as client:
            return await call(client)

    with HostileServer(handler, resets_unread=resets_unread) as server:
        try:
            if is_async:
                return asyncio.run(awaited(server.base_url))
            with glows.Client("token", server.base_url, **settings) as client:
                return call(client)
        except glows.GlowsError as error:
            return error


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("operation", CALLS)
def test_every_operation_reads_its_sample(operation: str, is_async: bool) -> None:
    result = ask(operation, service(operation, None), is_async=is_async)
    assert not isinstance(result, Exception)
    assert (result is None) == (operation in ("cancel instance", "delete image"))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", CALLS)
def test_every_fault_of_every_operation_is_an_error(operation: str, fault: str, is_async: bool) -> None:
    result = ask(operation, service(operation, fault), is_async=is_async)
    expected = FAULTS[fault][1]
    outcome_unknown = expected in (glows.TransportError, glows.BadResponse, glows.UnknownCodeError)
    if operation in WRITES and outcome_unknown:
        assert type(result) is glows.AmbiguousResult
        assert operation in str(result)
    else:
        assert type(result) is expected


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("operation", CALLS)
def test_a_request_that_is_reset_before_it_is_read_is_an_error(operation: str, is_async: bool) -> None:
    route = ROUTES[operation]
    starts = tuple(f"{route.method} /sdk/v1{route.path}{end}".encode() for end in (" ", "?"))
    result = ask(
        operation,
        service(operation, None),
        is_async=is_async,
        resets_unread=lambda peeked: peeked.startswith(starts),
    )
    assert type(result) is (glows.AmbiguousResult if operation in WRITES else glows.TransportError)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("operation", CALLS)
def test_an_operation_on_a_closed_port_is_a_transport_error(operation: str, is_async: bool) -> None:
    with HostileServer(service(operation, None)) as server:
        closed = server.base_url

    async def awaited() -> Any:
        async with glows.AsyncClient("token", closed, backoff=0, max_retries=1) as client:
            return await CALLS[operation][1](client)

    def called() -> Any:
        with glows.Client("token", closed, backoff=0, max_retries=1) as client:
            return CALLS[operation][1](client)

    with pytest.raises(glows.TransportError, match=closed):
        asyncio.run(awaited()) if is_async else called()


@pytest.mark.parametrize("operation", sorted(set(ROUTES) - {name for name in ROUTES if ROUTES[name].is_confirmed}))
def test_a_guessed_path_that_is_not_there_names_the_others_and_takes_one(operation: str) -> None:
    def handler(request: Request) -> Answer:
        path = request.target.removeprefix("/sdk/v1").partition("?")[0]
        if path == ROUTES[operation].path and request.method == ROUTES[operation].method:
            return Answer(b"404 page not found", status=404, content_type="text/plain")
        if path == ROUTES[operation].alternatives[0]:
            return json_answer(sample(f"{CALLS[operation][0]}.response"))
        return service(operation, None)(request)

    if operation not in WRITES:
        missing = ask(operation, handler, is_async=False)
        assert isinstance(missing, glows.BadResponse)
        assert ROUTES[operation].alternatives[0] in str(missing)
        assert "routes=" in str(missing)
    found = ask(operation, handler, is_async=False, routes={operation: ROUTES[operation].alternatives[0]})
    assert not isinstance(found, Exception)


def test_a_storm_of_callers_sends_few_repetitions() -> None:
    def down(request: Request) -> Answer:
        return Answer(HTML, status=503, content_type="text/html")

    with HostileServer(down) as server:
        with (
            glows.Client("token", server.base_url, backoff=0.01, max_retries=5, timeout=20) as client,
            ThreadPoolExecutor(50) as pool,
        ):

            def call(_: int) -> bool:
                try:
                    client.instances.stats()
                except glows.TransportError:
                    return False
                return True

            assert not any(pool.map(call, range(200)))
        assert 200 <= len(server.requests) <= 220


def test_both_clients_have_the_same_surface() -> None:
    def surface(client: type) -> dict[str, list[str]]:
        members = inspect.getmembers(client, callable)
        return {
            name: [str(parameter) for parameter in inspect.signature(member).parameters.values()]
            for name, member in members
            if not name.startswith("_")
        }

    assert surface(glows.Client) == surface(glows.AsyncClient)
    with glows.Client("token", "http://127.0.0.1:9") as client:
        asynchronous = glows.AsyncClient("token", "http://127.0.0.1:9")
        for noun in ("instances", "images", "specs", "networks", "snapshots"):
            methods = surface(type(getattr(client, noun)))
            assert "list" in methods
            assert methods == surface(type(getattr(asynchronous, noun)))


def test_async_resources_are_made_from_the_sync_ones() -> None:
    from tools.make_async_resources import MADE, made_of, make, sources

    assert set(MADE.glob("[!_]*.py")) < {made_of(source) for source in sources()}
    for source in sources():
        assert make(source) == made_of(source).read_text(), source.name
