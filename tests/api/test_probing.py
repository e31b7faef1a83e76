"""Whether a machine can be reached, asked of real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.steps import Probe
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request, json_answer


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
