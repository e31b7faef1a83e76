"""A machine's port here, and waiting until it answers: at a sandbox's machine and at a real sshd."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import glows_nb as glows
from tests.remote.execution.conftest import entered
from tests.sandbox.machines.real import STATE, RealSandbox, eventually, launch

SERVER = """
import http.server, sys, time, socket
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = time.monotonic() - begun > float(sys.argv[2])
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b"healthy" if ready else b"warming up")
    def log_message(self, *words): pass
begun = time.monotonic()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


@pytest.fixture(scope="module", params=["machine", "sshd"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[glows.Machine]:
    with entered(request.param, tmp_path_factory.mktemp(request.param)) as handle:
        yield handle


@pytest.fixture
def port() -> int:
    """One that is free on this computer, which the machine's programs have too."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


def serve(machine: glows.Machine, port: int, ready_after: float = 0) -> None:
    machine.exec(f"cat >serve.py; nohup {sys.executable} serve.py {port} {ready_after} >/dev/null 2>&1 &", input=SERVER)


def page(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of our own
        data: bytes = answer.read()
        return data


def test_port_there_is_open_here_until_it_is_closed(machine: glows.Machine, port: int) -> None:
    serve(machine, port)
    machine.wait_http(port, timeout=20)
    with machine.forward(port) as forward:
        assert forward.local_port != port
        assert forward.url == f"http://127.0.0.1:{forward.local_port}"
        assert page(forward.url) == b"healthy"
        assert f"→ port {port} of {machine._handle}" in repr(forward)
        assert f'<a href="{forward.url}"' in forward._repr_html_()
        assert not forward.is_closed
    assert forward.is_closed
    eventually(lambda: _refused(forward.local_port))
    assert "<a" not in forward._repr_html_()


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def test_local_port_can_be_chosen_once(machine: glows.Machine, port: int) -> None:
    with machine.forward(9, port) as forward:
        assert forward.local_port == port
        with pytest.raises(glows.InvalidRequest, match=f"local_port: {port} is taken here; choose another"):
            machine.forward(9, port)


def test_nothing_that_listens_there_ends_the_connection_alone(machine: glows.Machine, port: int) -> None:
    with machine.forward(port) as forward:
        with socket.create_connection(("127.0.0.1", forward.local_port), 5) as connection:
            assert connection.recv(1) == b""
        serve(machine, port)
        eventually(lambda: _page_or_none(forward.url) == b"healthy")


def _page_or_none(url: str) -> bytes | None:
    try:
        return page(url)
    except (OSError, urllib.error.URLError):
        return None


@pytest.mark.parametrize("port", [0, -1, 65536, "22", 22.0])
def test_what_is_no_port_is_refused(machine: glows.Machine, port: int) -> None:
    with pytest.raises(glows.InvalidRequest, match=r"port: .* is no port"):
        machine.forward(port)
    with pytest.raises(glows.InvalidRequest, match=r"port: .* is no port"):
        machine.wait_http(port)


def test_much_goes_both_ways_at_once(machine: glows.Machine, port: int) -> None:
    script = (
        "import socket,sys\ns=socket.create_server(('127.0.0.1',int(sys.argv[1])))\nprint('up',flush=True)\n"
        "c,_=s.accept()\nwhile d:=c.recv(65536): c.sendall(d)\nc.shutdown(1)\n"
    )
    up = threading.Event()
    thread = threading.Thread(
        target=lambda: machine.exec([sys.executable, "-c", script, str(port)], on_output=lambda *_: up.set())
    )
    thread.start()
    assert up.wait(20)
    data = os.urandom(8_000_000)
    with (
        machine.forward(port) as forward,
        socket.create_connection(("127.0.0.1", forward.local_port), 30) as connection,
    ):

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=send)
        sending.start()
        got = bytearray()
        while piece := connection.recv(1 << 16):
            got += piece
        sending.join()
    thread.join(20)
    assert bytes(got) == data


def test_line_that_broke_is_made_again_for_the_next_who_comes(tmp_path: Path, port: int) -> None:
    with entered("sshd", tmp_path) as machine:
        serve(machine, port)
        machine.wait_http(port, timeout=20)
        with machine.forward(port) as forward:
            assert page(forward.url) == b"healthy"
            with pytest.raises(glows.LineLost):
                machine.exec("kill -9 $PPID; sleep 5")
            eventually(lambda: _page_or_none(forward.url) == b"healthy")


def test_forward_lives_on_without_its_handle(machine: glows.Machine, port: int) -> None:
    serve(machine, port)
    machine.wait_http(port, timeout=20)
    forward = machine.forward(port)
    gc.collect()
    assert page(forward.url) == b"healthy"
    forward.close()
    forward.close()


def test_wait_is_over_when_the_answer_is_as_wanted(machine: glows.Machine, port: int) -> None:
    begun = time.monotonic()
    serve(machine, port, ready_after=1.5)
    machine.wait_http(port, "/health", timeout=30, contains="healthy")
    assert time.monotonic() - begun > 1.4
    machine.wait_http(port, "/health", timeout=30, status=200)
    with pytest.raises(glows.WaitTimeout, match=r"did not answer as wanted within 1 s; last: HTTP 200\. The machine"):
        machine.wait_http(port, timeout=1, status=204)
    with pytest.raises(glows.WaitTimeout, match=r"last: HTTP 200, without 'other'\."):
        machine.wait_http(port, timeout=1, contains="other")


def test_what_never_answers_is_said(machine: glows.Machine, port: int) -> None:
    with pytest.raises(glows.WaitTimeout, match=f"/ at port {port} of .* did not answer as wanted within 1 s"):
        machine.wait_http(port, timeout=1)


def test_public_address_is_asked_where_that_is_wanted(tmp_path: Path) -> None:
    with RealSandbox(tmp_path / STATE) as sandbox, sandbox.client() as client:
        train = launch(client, "train")
        machine = glows.machine(train, client=client)
        machine.wait_http(8888, "/api", timeout=60, public=True, contains="version")
        with pytest.raises(glows.InvalidRequest, match=r"9999 is not open to the outside; .* with 22, 8888"):
            machine.wait_http(9999, public=True)
        client.instances.cancel(train.instance_id)
        client.instances.wait(train.instance_id, "Finished", timeout=30)
        with pytest.raises(glows.NotReachable, match="is Finished: nothing answers there any more"):
            machine.wait_http(8888, public=True)


@pytest.mark.parametrize(("fields", "field"), [({"path": "x"}, "path"), ({"timeout": 0}, "timeout")])
def test_wait_with_what_cannot_be_is_refused(machine: glows.Machine, fields: dict[str, object], field: str) -> None:
    with pytest.raises(glows.InvalidRequest) as refused:
        machine.wait_http(8000, **fields)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_wait_is_interrupted(machine: glows.Machine, port: int) -> None:
    threading.Timer(0.7, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        machine.wait_http(port, timeout=60)


def test_the_same_is_awaited(machine: glows.Machine, port: int) -> None:
    serve(machine, port)

    async def work() -> None:
        async with glows.AsyncMachine("train", client=machine._handle._client) as awaited:
            await awaited.wait_http(port, timeout=20)
            async with await awaited.forward(port) as forward:
                assert await asyncio.to_thread(page, forward.url) == b"healthy"

    asyncio.run(work())
