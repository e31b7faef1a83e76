"""What the client makes of a server that misbehaves, over real sockets; and what it logs."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.credentials.config import Connection
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.errors.codes import ERROR_BY_CODE
from glows_nb.api.http.exchange import read_reply
from glows_nb.api.http.reply import Reply
from glows_nb.api.http.session import Session
from glows_nb.api.operations.images import delete_image, list_images, submit_image
from glows_nb.api.operations.instances import cancel_instance, count_instances, get_instance, list_instances
from glows_nb.api.operations.networks import attach_instances, create_network, list_endpoints, list_networks
from glows_nb.api.operations.snapshots import create_snapshot, list_snapshots
from glows_nb.api.operations.specs import list_region_specs, list_specs
from glows_nb.api.steps import Operation
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request, Reset, json_answer

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
CONNECTION = Connection("http://127.0.0.1:9/sdk/v1", Token("secret"))
GOOD = sample("instance_stats.response")


def ask(handler: Callable[[Request], Answer], **options: Any) -> tuple[Any, int]:
    """The counts that a client gets from a server, and how many requests that took."""
    with HostileServer(handler) as server:
        settings = {"backoff": 0, "max_retries": 2, "timeout": 1} | options
        with glows.Client("token", server.base_url, **settings) as client:
            try:
                return client.instances.stats(), len(server.requests)
            except glows.GlowsError as error:
                return error, len(server.requests)


@pytest.mark.parametrize(
    ("answer", "error", "requests"),
    [
        (Answer(HTML, status=502, content_type="text/html"), glows.TransportError, 3),
        (Answer(b"", status=500), glows.TransportError, 3),
        (Answer(b"slow down", status=429, content_type="text/plain"), glows.RateLimited, 3),
        (Answer(json.dumps(GOOD).encode(), cut_at=20), glows.TransportError, 3),
        (Answer(HTML, content_type="text/html"), glows.BadResponse, 1),
        (Answer(b""), glows.BadResponse, 1),
        (Answer(b"[1, 2]"), glows.BadResponse, 1),
        (Answer(b'{"stats": {}}'), glows.BadResponse, 1),
        (Answer(b'{"code": "0", "stats": {}}'), glows.BadResponse, 1),
        (Answer(b'{"code": true, "stats": {}}'), glows.BadResponse, 1),
        (Answer(b'{"code": 0, "stats": [1]}'), glows.BadResponse, 1),
        (Answer(b'{"code": 0, "stats": {}}', status=404), glows.BadResponse, 1),
        (Answer(b"404 page not found", status=404, content_type="text/plain"), glows.BadResponse, 1),
        (Answer(b"", status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"}), glows.BadResponse, 1),
        (json_answer({"code": 176, "msg": "check jwt token failed"}), glows.AuthError, 1),
        (json_answer({"code": 7, "msg": ""}), glows.PermissionDenied, 1),
        (json_answer({"code": 6, "msg": "param illegal"}), glows.ParamIllegal, 1),
        (json_answer({"code": 4711, "msg": "strange"}), glows.UnknownCodeError, 1),
        (json_answer({"code": -1}), glows.UnknownCodeError, 1),
    ],
)
def test_a_bad_answer_is_the_right_error_and_never_an_empty_result(
    answer: Answer, error: type[Exception], requests: int
) -> None:
    result, sent = ask(lambda request: answer)
    assert type(result) is error
    assert sent == requests


@pytest.mark.parametrize("error", sorted(set(ERROR_BY_CODE.values()), key=lambda error: error.name))
def test_every_code_says_what_to_do_next(error: type[glows.APIError]) -> None:
    assert error.advice.endswith(".")
    assert str(error(1, "", "list instances")).endswith(f" {error.advice}")


def test_what_a_terminal_would_obey_is_in_no_error() -> None:
    result, _ = ask(lambda request: json_answer({"code": 4711, "msg": "\x1b[31mred\x07 \u202ebell\nline"}))
    assert isinstance(result, glows.UnknownCodeError)
    assert result.msg == "[31mred bell line"


def test_a_dripping_answer_ends_at_the_time_out() -> None:
    result, _ = ask(lambda request: Answer(json.dumps(GOOD).encode(), drip=0.5), timeout=0.2, max_retries=0)
    assert isinstance(result, glows.TransportError)
    assert "took too long" in str(result)


def test_a_read_survives_two_broken_connections() -> None:
    left = ["reset", "reset"]

    def handler(request: Request) -> Answer:
        if left:
            left.pop()
            raise Reset
        return json_answer(GOOD)

    assert ask(handler) == ({"Running": 1, "SchedQueued": 2}, 3)


def test_a_server_that_is_gone_is_one_line_with_its_address() -> None:
    with HostileServer(lambda request: json_answer(GOOD)) as server:
        base_url = server.base_url
    with glows.Client("token", base_url, backoff=0) as client, pytest.raises(glows.TransportError) as gone:
        client.instances.stats()
    assert base_url in str(gone.value)
    assert "\n" not in str(gone.value)
    assert not gone.value.may_have_arrived


def test_a_server_that_breaks_off_unread_is_a_transport_error() -> None:
    with (
        HostileServer(lambda request: json_answer(GOOD), resets_unread=lambda peeked: True) as server,
        glows.Client("token", server.base_url, backoff=0) as client,
        pytest.raises(glows.TransportError),
    ):
        client.instances.stats()


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("-1", 0.0),
        ("NaN", None),
        ("1e308", 1e308),
        ("inf", float("inf")),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_a_number_of_seconds_or_a_date(asked: str, slept: float | None) -> None:
    reply = Reply(429, "text/plain", asked, "", b"")
    with pytest.raises(glows.RateLimited) as limited:
        read_reply(count_instances(), reply, Session(CONNECTION))
    assert limited.value.retry_after == slept


def test_a_retry_after_of_a_day_is_said_and_not_slept() -> None:
    result, sent = ask(lambda request: Answer(b"", status=429, headers={"Retry-After": "86400"}))
    assert isinstance(result, glows.RateLimited)
    assert "86400" in str(result)
    assert sent == 1


def test_the_token_goes_in_the_header_and_lists_repeat_their_parameter() -> None:
    with HostileServer(lambda request: json_answer(sample("instance_list.response"))) as server:
        with glows.Client("the-token", server.base_url) as client:
            client.instances.list(statuses=["Running", "Paused"], ascending=True)
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer the-token"
    assert request.target == (
        "/sdk/v1/instance/list?page=1&per_page=20&ascending=true&statuses=Running&statuses=Paused"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        *("code", "msg", "instance", "instances", "specs", "regions", "images", "stats", "networks", "endpoints"),
        *("snapshots", "snapshot_ids", "network_id", "endpoint_ids", "image_id", "pagination", "total", "status"),
        *("instanceID", "netID", "createTime", "seconds", "hardware", "accesses", "url", "sshCred", "password"),
    ]
)


@given(
    operation=st.sampled_from(
        [
            get_instance("ins-1"),
            cancel_instance("ins-1"),
            count_instances(),
            list_instances(),
            list_images(),
            list_specs(0, "img-1"),
            list_region_specs(0, "img-1"),
            submit_image("a/b:1"),
            delete_image("img-1"),
            create_network("n", "TW-03"),
            list_networks(),
            attach_instances("net-1", ["ins-1"]),
            list_endpoints("net-1"),
            create_snapshot("ins-1"),
            list_snapshots(),
        ]
    ),
    answer=JSON | st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON)).map(lambda body: {"code": 0} | body),
    status=st.sampled_from([200, 200, 200, 404, 500]),
)
def test_any_json_gives_a_result_or_a_glows_error(operation: Operation[Any], answer: Any, status: int) -> None:
    reply = Reply(status, "application/json", "", "", json.dumps(answer).encode())
    try:
        read_reply(operation, reply, Session(CONNECTION))
    except glows.GlowsError as error:
        assert str(error)


def test_an_async_client_is_used_under_one_event_loop_after_another() -> None:
    usual = {"code": 0, "msg": "", "stats": {"Running": 1}}
    with HostileServer(lambda request: json_answer(usual)) as server:
        client = glows.AsyncClient("token", server.base_url)
        assert [asyncio.run(client.instances.stats()) for _ in range(3)] == [{"Running": 1}] * 3

        async def two_in_one_and_close() -> None:
            await asyncio.gather(client.instances.stats(), client.instances.stats())
            await client.close()

        asyncio.run(two_in_one_and_close())
        with pytest.raises(glows.GlowsError, match="This client is closed"):
            asyncio.run(client.instances.stats())


def test_a_transport_of_ones_own_is_of_one_event_loop() -> None:
    own = httpx.MockTransport(lambda request: httpx.Response(200, json={"code": 0, "msg": "", "stats": {}}))
    client = glows.AsyncClient("token", "http://127.0.0.1/", transport=own)
    assert asyncio.run(client.instances.stats()) == {}
    with pytest.raises(glows.GlowsError, match="another event loop"):
        asyncio.run(client.instances.stats())


def test_an_event_loop_that_ends_leaves_no_connection() -> None:
    """Neither sockets nor anything else of it: hundreds of loops can follow each other."""
    usual = {"code": 0, "msg": "", "stats": {}}
    script = (
        "import asyncio, logging, os, sys, glows_nb as glows\n"
        # That a callback took long says how busy the machine is.
        "logging.getLogger('asyncio').setLevel(logging.ERROR)\n"
        "client = glows.AsyncClient('token-of-a-test', sys.argv[1])\n"
        "opened = []\n"
        "for _ in range(60):\n"
        "    asyncio.run(client.instances.stats())\n"
        "    opened.append(len(os.listdir('/proc/self/fd')))\n"
        "asyncio.run(client.close())\n"
        "print(opened[-1] - opened[1], len(client._transport._by_loop))\n"
    )
    with HostileServer(lambda request: json_answer(usual)) as server:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, server.base_url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own code
    assert (done.stdout, done.stderr) == ("0 1\n", "")


@pytest.mark.parametrize("is_async", [False, True])
def test_an_answer_that_unpacks_to_more_than_any_has_is_refused_before_it_is_in_memory(is_async: bool) -> None:
    bomb = gzip.compress(b" " * 300_000_000)
    answer = Answer(bomb, headers={"Content-Encoding": "gzip"})
    with HostileServer(lambda request: answer) as server, glows.Client("token", server.base_url) as client:
        awaited = glows.AsyncClient("token", server.base_url)
        ask = (lambda: asyncio.run(awaited.instances.stats())) if is_async else client.instances.stats
        tracemalloc.start()
        try:
            with pytest.raises(glows.BadResponse, match="The answer to count instances is larger than 64 MB"):
                ask()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 250_000_000


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_each_request_is_logged_with_number_operation_status_and_time(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "glows_nb")

    async def ask_async(base_url: str) -> None:
        async with glows.AsyncClient("token", base_url) as client:
            await client.instances.stats()

    with HostileServer(lambda request: json_answer(GOOD)) as server:
        if is_async:
            asyncio.run(ask_async(server.base_url))
        else:
            with glows.Client("token", server.base_url) as client:
                client.instances.stats()
    assert [record.name for record in caplog.records if record.name.startswith("glows_nb")] == ["glows_nb"]
    assert re.search(r"#1 count instances: HTTP 200 in \d+ ms", caplog.text)


def test_a_redirect_is_not_followed() -> None:
    with (
        HostileServer(lambda request: json_answer(GOOD)) as other,
        HostileServer(
            lambda request: Answer(b"", status=307, headers={"Location": f"{other.base_url}/instance/stats"})
        ) as server,
        glows.Client("token", server.base_url) as client,
    ):
        with pytest.raises(glows.BadResponse, match="not followed"):
            client.instances.stats()
        assert other.requests == []
