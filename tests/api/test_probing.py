"""What surrounds the calls: cool-down and retry bounds, logging, routes, keyring, specs as requests, reachability."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import profiles_path, resolve
from glows_nb.api.credentials.tokens import Token
from glows_nb.api.http.retrying import CoolDown, RetryPolicy, RetryQuota
from glows_nb.api.http.transport import Reply, Session, exchange
from glows_nb.api.models.specs import Spec
from glows_nb.api.requests.create import CreateInstance
from glows_nb.api.steps import Pause, Probe
from tests.api.fake_service import sample, spec_row
from tests.hostile_server import Answer, HostileServer, Request, json_answer

GOOD = sample("instance_stats.response")


def session(clock: Any = lambda: 0.0, **policy: Any) -> Session:
    connection = resolve(Token("token"), "http://127.0.0.1:9")
    return Session(connection, RetryPolicy(**policy), clock, RetryQuota(clock), CoolDown(clock))


def limited(retry_after: str = "") -> Reply:
    return Reply(429, "text/plain", retry_after, "", b"")


def test_a_429_keeps_all_calls_of_a_client_away_for_as_long_as_it_asked() -> None:
    from glows_nb.api.operations.instances import count_instances

    now = {"is": 100.0}
    shared = session(lambda: now["is"], backoff=0)
    first, second = exchange(count_instances(), shared), exchange(count_instances(), shared)
    next(first)
    assert first.send(limited("7")) == Pause(7.0)
    assert next(second) == Pause(7.0)
    now["is"] += 7
    assert not isinstance(second.send(None), Pause)


def test_a_call_ends_within_its_time_budget_whatever_its_count_of_retries() -> None:
    from glows_nb.api.operations.instances import count_instances

    now = {"is": 0.0}
    steps = exchange(count_instances(), session(lambda: now["is"], max_retries=1000, backoff=0, time_budget=30))
    with pytest.raises(glows.RateLimited):
        _play_limited(steps, now)
    assert now["is"] <= 30


def _play_limited(steps: Any, now: dict[str, float]) -> None:
    step = next(steps)
    while True:
        if isinstance(step, Pause):
            now["is"] += step.seconds
            step = steps.send(None)
        else:
            step = steps.send(limited("4"))


def test_the_purse_of_repetitions_fills_again_with_time_and_success() -> None:
    now = {"is": 0.0}
    quota = RetryQuota(lambda: now["is"])
    spent = sum(quota.take() for _ in range(100))
    assert spent == RetryQuota.CAPACITY
    now["is"] += 10
    assert quota.take()
    assert not quota.take()
    for _ in range(21):
        quota.succeed()
    assert quota.take()


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


def test_routes_come_from_the_profile_and_over_it_from_the_argument() -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text(
        '[default]\ntoken = "abc"\n[default.routes]\n"count instances" = "/instance/count"\n"list images" = "/images"\n'
    )
    profiles_path().chmod(0o600)
    routes = resolve(routes={"count instances": "POST /stats"}).routes
    assert {name: (route.method, route.path) for name, route in routes.items()} == {
        "count instances": ("POST", "/stats"),
        "list images": ("GET", "/images"),
    }


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ({"count instance": "/x"}, "did you mean 'count instances'"),
        ({"count instances": "x"}, "is no path"),
        ({"count instances": "BREW /x"}, "is no path"),
    ],
)
def test_a_route_that_is_none_is_refused(routes: dict[str, str], words: str) -> None:
    with pytest.raises(glows.ConfigError, match=words):
        glows.Client("token", "http://127.0.0.1:9", routes=routes)


def test_an_image_can_be_deleted_by_query_where_the_route_says_so() -> None:
    empty = {"code": 0, "msg": "", "pagination": {"total": 0}, "images": []}
    with HostileServer(lambda request: json_answer(empty)) as server:
        with glows.Client("token", server.base_url, routes={"delete image": "/image?"}) as client:
            client.images.delete("img-1")
        request = server.requests[-1]
    assert (request.method, request.target, request.body) == ("DELETE", "/sdk/v1/image?image_id=img-1", b"")


def test_a_profile_may_keep_its_token_in_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text("[default]\nkeyring = true\n[empty]\nkeyring = true\n")
    profiles_path().chmod(0o600)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(glows.ConfigError, match=r"glows-nb\[keyring\]"):
        resolve()
    # The real keyring needs a desktop; what is tested is what we ask of it.
    stored = {("glows-nb", "default"): "from-keyring"}
    keyring = types.SimpleNamespace(get_password=lambda service, profile: stored.get((service, profile)))
    errors = types.SimpleNamespace(KeyringError=type("KeyringError", (Exception,), {}))
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    assert resolve().token.get_secret_value() == "from-keyring"
    with pytest.raises(glows.ConfigError, match="keyring set glows-nb empty"):
        resolve(profile="empty")

    def locked(service: str, profile: str) -> str:
        raise errors.KeyringError("locked")

    keyring.get_password = locked
    with pytest.raises(glows.ConfigError, match=r"can't be used: KeyringError; .* GLOWS_SDK_TOKEN"):
        resolve()


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


def test_a_request_from_a_spec_pins_its_offer() -> None:
    spec = Spec.model_validate(spec_row("TW-03", resource_id="abc"))
    request = CreateInstance.from_spec(spec, from_image_id="img-1", custom_meta_key="k", unit_qty=2)
    assert (request.region_name, request.instance_category, request.unit_qty) == ("TW-03", "container", 2)
    assert request.wire()["base_resource"]["resource_id"] == "abc"
    assert request.wire()["base_resource"]["unit_spec"] == spec_row("TW-03")["base_resource"]["unit_spec"]


def test_a_request_from_a_row_of_the_frame_is_the_one_from_its_spec() -> None:
    spec = Spec.model_validate(spec_row("TW-03", resource_id="abc"))
    row = glows.frames.specs([spec]).iloc[0]
    fields = {"from_image_id": "img-1", "custom_meta_key": "k"}
    assert CreateInstance.from_spec(row, **fields) == CreateInstance.from_spec(spec, **fields)


def test_a_request_from_a_row_with_unknown_numbers_has_zeros_there() -> None:
    row = spec_row("TW-03", resource_id="abc")
    row["base_resource"]["unit_spec"] |= {"gpu_name": "", "gpus": 0, "ram_mb": 0, "disk_gb": 0}
    frame = glows.frames.specs([Spec.model_validate(row)])
    request = CreateInstance.from_spec(frame.iloc[0], from_image_id="img-1", custom_meta_key="k")
    assert request.base_resource is not None
    unit = request.base_resource.unit_spec
    assert (unit.gpu_name, unit.gpus, unit.ram_mb, unit.disk_gb, unit.cpus) == ("", 0, 0, 0, 10)


@pytest.mark.parametrize("row", [{}, None, 5, "abc", {"gpu": "x"}])
def test_what_is_no_spec_is_refused(row: Any) -> None:
    with pytest.raises(glows.InvalidRequest, match="spec"):
        CreateInstance.from_spec(row, from_image_id="img-1", custom_meta_key="k")


@contextmanager
def greeting(greeting: bytes) -> Iterator[int]:
    """A port that says something to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(greeting)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_machine_is_reachable_when_its_port_greets_as_ssh(is_async: bool) -> None:
    async def ask_async(base_url: str) -> glows.Instance:
        async with glows.AsyncClient("token", base_url) as client:
            return await client.instances.wait_reachable("ins-boyqp4g8", timeout=5)

    def machine_at(port: int) -> Any:
        answer = sample("instance_get.response")
        answer["instance"]["accesses"][0]["url"] = f"ssh://127.0.0.1:{port}"
        return lambda request: json_answer(answer)

    with greeting(b"SSH-2.0-OpenSSH_9.6\r\n") as port, HostileServer(machine_at(port)) as server:
        if is_async:
            found = asyncio.run(ask_async(server.base_url))
        else:
            with glows.Client("token", server.base_url) as client:
                found = client.instances.wait_reachable("ins-boyqp4g8", timeout=5)
    assert found.ssh_command == f"ssh -p {port} root@127.0.0.1"


def test_a_port_that_is_closed_or_no_sshd_is_not_reachable() -> None:
    from glows_nb.api.probing import probe, probe_async

    with greeting(b"HTTP/1.1") as port:
        wanted = Probe(f"ssh://127.0.0.1:{port}", is_ssh=True)
        assert (probe(wanted), asyncio.run(probe_async(wanted))) == (False, False)
        wanted = Probe(f"ssh://127.0.0.1:{port}")
        assert (probe(wanted), asyncio.run(probe_async(wanted))) == (True, True)
    for url in (f"ssh://127.0.0.1:{port}", "ssh://", "http://127.0.0.1:1/", "https://[", "nonsense"):
        wanted = Probe(url, is_ssh=True)
        assert (probe(wanted), asyncio.run(probe_async(wanted))) == (False, False)


def test_a_web_port_is_reachable_when_it_answers_without_a_server_error() -> None:
    from glows_nb.api.probing import probe, probe_async

    def handler(request: Request) -> Answer:
        return Answer(b"", status=int(request.target.removeprefix("/sdk/v1/")))

    with HostileServer(handler) as server:
        for status, answers in ((200, True), (403, True), (502, False)):
            wanted = Probe(f"{server.base_url}/{status}")
            assert (probe(wanted), asyncio.run(probe_async(wanted))) == (answers, answers)
        assert not any("authorization" in request.headers for request in server.requests)


def test_a_port_that_the_machine_does_not_have_is_named() -> None:
    with (
        HostileServer(lambda request: json_answer(sample("instance_get.response"))) as server,
        glows.Client("token", server.base_url) as client,
        pytest.raises(glows.InvalidRequest, match="no address for port 8888; it has 22"),
    ):
        client.instances.wait_reachable("ins-boyqp4g8", port=8888)


def test_http_to_another_machine_is_sent_only_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(glows.ConfigError, match="allow_http=True"):
        glows.Client("token", "http://10.0.0.1/sdk/v1")
    glows.Client("token", "http://10.0.0.1/sdk/v1", allow_http=True).close()
