"""Starting, stopping and restarting a sandbox."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from glows_nb.sandbox.server import DEFAULT_SPEED, SandboxServer
from glows_nb.sandbox.store.database import StoreError
from glows_nb.sandbox.store.store import Store


def port_of(server):
    return urlsplit(server.base_url).port


def test_started_server_answers_at_once_and_stopped_one_no_longer():
    server = SandboxServer().start()
    port = port_of(server)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/health", timeout=5) as response:
        health = json.load(response)
    assert health["status"] == "ok"
    assert server.token not in json.dumps(health)
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_stopping_twice_does_no_harm_and_leaves_no_thread():
    before = set(threading.enumerate())
    server = SandboxServer().start()
    assert [thread.name for thread in set(threading.enumerate()) - before] == ["glows-sandbox"]
    server.stop()
    server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(RuntimeError, match="not running"):
        server.token  # noqa: B018


def test_answers_are_not_held_back_by_the_network(as_user):
    # Without TCP_NODELAY each answer on an open connection takes 40 ms.
    with SandboxServer() as server:
        api, durations = as_user(server), []
        for _ in range(20):
            begun = time.monotonic()
            api.get("/instance/stats")
            durations.append(time.monotonic() - begun)
    assert min(durations[1:]) < 0.03


def test_open_connections_do_not_delay_stopping():
    server = SandboxServer().start()
    address = ("127.0.0.1", port_of(server))
    idle = HTTPConnection(*address, timeout=5)
    idle.request("GET", "/_sandbox/health")
    idle.getresponse().read()
    silent = socket.create_connection(address, timeout=5)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 1.5
    idle.close()
    silent.close()


def test_request_that_never_ends_does_not_keep_the_server(caplog):
    server = SandboxServer().start()
    half = socket.create_connection(("127.0.0.1", port_of(server)), timeout=5)
    half.sendall(b"POST /sdk/v1/instance HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    with urllib.request.urlopen(f"http://127.0.0.1:{port_of(server)}/_sandbox/health", timeout=5) as response:
        assert response.status == 200
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 3
    assert "Traceback" not in caplog.text
    with half:
        assert half.recv(1) == b"", "its connection is closed, without an answer to half a request"


def test_server_starts_inside_a_running_event_loop():
    async def in_a_notebook():
        with SandboxServer() as server:
            connection = await asyncio.open_connection("127.0.0.1", port_of(server))
            connection[1].close()
            await connection[1].wait_closed()
            return server.base_url

    assert asyncio.run(in_a_notebook()).endswith("/sdk/v1")


def test_connections_that_come_while_a_server_stops_are_closed():
    for _ in range(10):
        with SandboxServer() as server:
            address = ("127.0.0.1", port_of(server))
            came = [socket.create_connection(address, timeout=10) for _ in range(5)]
        for connection in came:
            with connection, contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    gc.collect()  # a connection that was left open would be a ResourceWarning, which is an error in tests


def test_running_server_cannot_be_started_again():
    with SandboxServer() as server, pytest.raises(RuntimeError, match="already"):
        server.start()


def test_two_servers_run_side_by_side(as_user):
    with SandboxServer() as one, SandboxServer() as other:
        assert port_of(one) != port_of(other)
        as_user(one).create("mine")
        assert as_user(other).get("/instance/stats")["stats"] == {}
        stranger = as_user(other)
        stranger.token = one.token
        assert stranger.get("/instance/stats")["code"] == 176


def test_taken_port_is_an_error_and_closes_the_file(tmp_path):
    path = tmp_path / "sandbox.db"
    with SandboxServer() as server, pytest.raises(OSError, match="in use"):
        SandboxServer(port=port_of(server), path=path).start()
    Store(path).close()


def test_machines_and_token_survive_a_restart_on_the_same_file(tmp_path, as_user):
    path = tmp_path / "sandbox.db"
    with SandboxServer(path=path) as server:
        server.clock.pause()
        before = as_user(server)
        before.create("kept", unit_qty=2)
        server.clock.advance(47)
        machine = before.machine("kept")
        before.create("queued")
    with SandboxServer(path=path) as server:
        server.clock.pause()
        after = as_user(server)
        after.token = before.token
        assert after.machine("kept") == machine
        assert after.stock("TW-04") == 7
        assert after.create("kept")["code"] == 10
        server.clock.advance(26)
        assert after.machine("queued")["status"] == "Pending"


def test_acknowledged_machine_survives_a_killed_process(tmp_path, as_user):
    # Of a killed process only: what a power failure leaves is up to `synchronous=FULL`.
    path = tmp_path / "sandbox.db"
    program = (
        "import sys; from glows_nb.sandbox.server import SandboxServer\n"
        "server = SandboxServer(path=sys.argv[1]).start(); print(server.base_url, server.token, flush=True)\n"
        "sys.stdin.read()"
    )
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    base_url, token = process.stdout.readline().split()
    body = {
        "from_image_id": "img-6np5yvq2",
        "gpu_name": "NVIDIA GeForce RTX 4090",
        "custom_meta_key": "kept",
        "instance_category": "container",
        "region_name": "TW-04",
    }
    request = urllib.request.Request(
        f"{base_url}/instance", json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        created = json.load(response)
    process.kill()
    process.communicate()
    with SandboxServer(path=path) as server:
        assert as_user(server).machine("kept")["instanceID"] == created["instance"]["instanceID"]


def test_stopped_server_can_be_started_again_at_the_same_address(tmp_path, as_user):
    server = SandboxServer(path=tmp_path / "sandbox.db").start()
    address = server.base_url
    as_user(server).create("kept")
    server.stop()
    with server.start():
        assert server.base_url == address
        assert as_user(server).machine("kept")["metaKey"] == "kept"


def test_file_belongs_to_one_server_at_a_time(tmp_path):
    path = tmp_path / "sandbox.db"
    with SandboxServer(path=path), pytest.raises(StoreError, match=r"sandbox\.db"):
        SandboxServer(path=path).start()


def test_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE settings (everything TEXT)")
    before = path.read_bytes()
    for is_fresh in (False, True):
        with pytest.raises(StoreError, match="some other program"):
            SandboxServer(path=path, is_fresh=is_fresh).start()
    assert path.read_bytes() == before


def test_database_with_tables_of_the_same_names_is_left_alone(tmp_path):
    path = tmp_path / "mine.db"
    with closing(sqlite3.connect(path)) as other:
        for name in ("settings", "users", "offers", "instances"):
            other.execute(f"CREATE TABLE {name} (everything TEXT)")
        other.execute("INSERT INTO users VALUES ('mine')")
        other.commit()
    path.chmod(0o644)
    before = path.read_bytes()
    for is_fresh in (False, True):
        with pytest.raises(StoreError, match="some other program"):
            SandboxServer(path=path, is_fresh=is_fresh).start()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (before, 0o644)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_can_read_the_file_not_even_for_a_moment(tmp_path, as_user, monkeypatch):
    path = tmp_path / "sandbox.db"
    connect = sqlite3.connect
    modes = []
    monkeypatch.setattr(
        "sqlite3.connect", lambda *args, **options: (modes.append(mode(path)), connect(*args, **options))[1]
    )
    before = os.umask(0)
    try:
        with SandboxServer(path=path) as server:
            as_user(server).create("x")
            files = {each.name: mode(each) for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert set(files.values()) == {0o600}
    assert len(files) > 1, "its log has a file of its own"
    path.chmod(0o644)
    with SandboxServer(path=path):
        assert mode(path) == 0o600


def mode(path):
    return path.stat().st_mode & 0o777


def test_file_of_another_version_is_refused_until_it_is_emptied(tmp_path, as_user):
    path = tmp_path / "sandbox.db"
    with SandboxServer(path=path) as server:
        as_user(server).create("old")
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="version 1"):
        SandboxServer(path=path).start()
    with SandboxServer(path=path, is_fresh=True) as server:
        assert as_user(server).get("/instance/stats")["stats"] == {}
        as_user(server).create("new")
        server.stop()
        server.start()
        assert as_user(server).machine("new")["metaKey"] == "new"


def test_file_that_is_no_database_is_refused_with_its_name(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be seen as none" * 10)
    for unusable in (path, tmp_path / "nowhere" / "sandbox.db"):
        with pytest.raises(StoreError, match=unusable.name):
            SandboxServer(path=unusable).start()


def test_default_speed_brings_a_machine_up_in_about_five_seconds():
    assert 4 < 47 / DEFAULT_SPEED < 6


def test_listening_beyond_loopback_is_warned_about(caplog):
    with SandboxServer(host="0.0.0.0"):  # noqa: S104
        pass
    assert "other machines can reach it" in caplog.text
    caplog.clear()
    with SandboxServer(host="localhost"):
        pass
    assert caplog.text == ""


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_server_ends_cleanly_on_a_signal(tmp_path, number):
    program = (
        "import sys, threading, time\n"
        "from glows_nb.sandbox.server import SandboxServer\n"
        "server = SandboxServer(path=sys.argv[1])\n"
        "def announce():\n"
        "    while True:\n"
        "        try:\n"
        "            return print(server.base_url, flush=True)\n"
        "        except RuntimeError:\n"
        "            time.sleep(0.01)\n"
        "threading.Thread(target=announce).start()\n"
        "server.run()\n"
        "print('stopped')\n"
    )
    path = tmp_path / "sandbox.db"
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-c", program, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert [file.name for file in tmp_path.iterdir()] == ["sandbox.db"]
