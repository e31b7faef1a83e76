"""Ports of machines that really accept, for as long as their machines run."""

import asyncio
import contextlib
import dataclasses
import errno
import gc
import random
import socket
import time
import urllib.error
import urllib.request
import warnings
from urllib.parse import urlsplit

import pytest

from glows_nb.sandbox.faults.registry import Faults
from glows_nb.sandbox.machines import ports
from glows_nb.sandbox.server import SandboxServer


def urls(machine):
    return {access["listenPort"]: access["url"] for access in machine["accesses"]}


def address(url):
    return urlsplit(url).hostname, urlsplit(url).port


def accepts(url):
    try:
        socket.create_connection(address(url), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def until(check):
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def banner(url):
    with socket.create_connection(address(url), timeout=5) as connection:
        return connection.recv(100)


@pytest.fixture
def machine(server, api):
    """A machine whose services are up."""
    api.create("one", ports='[{"port":3306,"protocol":1},{"port":7860,"protocol":2}]')
    server.clock.advance(52)
    return api.machine("one")


def test_ssh_greets_with_a_banner(machine):
    assert banner(urls(machine)[22]).startswith(b"SSH-2.0-")


def test_http_answers_a_page_to_who_has_the_token(machine):
    url = urls(machine)[8888]
    with urllib.request.urlopen(url, timeout=5) as response:
        assert machine["instanceID"].encode() in response.read()
    bare = url.partition("?")[0].rstrip("/")
    for wrong in (f"{bare}/?token=another", f"{bare}/api/kernels"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(wrong, timeout=5)
    # Whether anything is up there can be asked without one, as of a real Jupyter.
    with urllib.request.urlopen(f"{bare}/health", timeout=5) as response:
        assert response.status == 200
    # The token is Jupyter's; for other services it can be left out.
    with urllib.request.urlopen(urls(machine)[7860].partition("?")[0], timeout=5) as response:
        assert response.status == 200


def test_other_ports_accept_and_say_nothing(machine):
    with socket.create_connection(address(urls(machine)[3306]), timeout=0.1) as connection:
        connection.sendall(b"hello\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_running_is_not_yet_reachable(server, api):
    api.create("one")
    server.clock.advance(47)
    machine = api.machine("one")
    assert machine["status"] == "Running"
    assert not any(accepts(url) for url in urls(machine).values())
    server.clock.advance(5)
    until(lambda: all(accepts(url) for url in urls(machine).values()))


def test_released_machine_no_longer_accepts_when_the_cancel_is_answered(api, machine):
    visiting = socket.create_connection(address(urls(machine)[22]), timeout=5)
    assert visiting.recv(100)
    api.cancel("one")
    assert not any(accepts(url) for url in urls(machine).values())
    # Thrown out, by a goodbye or a reset.
    with visiting, contextlib.suppress(ConnectionResetError):
        assert visiting.recv(100) == b""


def test_machine_is_not_reachable_while_a_snapshot_is_taken_and_then_as_before(server, api, machine):
    api.call("POST", "/snapshot", body={"instance_id": machine["instanceID"]})
    until(lambda: not accepts(urls(machine)[22]))
    server.clock.advance(40)
    until(lambda: accepts(urls(machine)[22]))
    assert urls(api.machine("one")) == urls(machine)


def test_slow_sshd_lets_http_be_earlier(server, api):
    server.admin.order("slow_sshd", seconds=120, count=1)
    for key in ("slow", "other"):
        api.create(key)
    server.clock.advance(47 + 119)
    slow, other = urls(api.machine("slow")), urls(api.machine("other"))
    until(lambda: accepts(slow[8888]) and accepts(other[22]))
    assert not accepts(slow[22])
    server.clock.advance(1)
    until(lambda: accepts(slow[22]))


def test_lost_host_does_not_accept(server, api, machine):
    server.admin.order("host_unavailable")
    assert not accepts(urls(machine)[22])
    server.admin.clear()
    until(lambda: accepts(urls(machine)[22]))


def test_stopped_sandbox_closes_all_ports_and_a_restarted_one_opens_them_again(tmp_path, as_user):
    path = tmp_path / "sandbox.db"
    with SandboxServer(path=path) as server:
        api = as_user(server)
        api.create("one")
        server.clock.advance(100)
        machine = api.machine("one")
        until(lambda: accepts(urls(machine)[22]))
    assert not accepts(urls(machine)[22])
    with SandboxServer(path=path):
        until(lambda: accepts(urls(machine)[22]))


def test_machines_of_two_sandboxes_with_one_seed_do_not_meet(as_user):
    with SandboxServer(seed=3) as one, SandboxServer(seed=3) as other:
        found = []
        for server in (one, other):
            api = as_user(server)
            for key in "abcde":
                api.create(key)
            server.clock.advance(100)
            found += [url for key in "abcde" for url in urls(api.machine(key)).values()]
        assert len({address(url) for url in found}) == 20


def test_machine_runs_also_when_no_port_can_be_had(server, api, monkeypatch, caplog):
    def none(chance):
        raise OSError("too many open files")

    monkeypatch.setattr(ports, "_free_port", none)
    api.create("one")
    server.clock.advance(100)
    assert api.machine("one")["status"] == "Running"
    assert "can't be reached" in caplog.text
    assert not urls(api.machine("one"))[22].startswith("ssh://127.")


def test_addresses_can_look_like_the_services_instead(as_user):
    with SandboxServer(seed=1, is_reachable=False) as server:
        api = as_user(server)
        api.create("one")
        server.clock.advance(100)
        assert all(address(url)[0].endswith(".access.glows.ai") for url in urls(api.machine("one")).values())


@pytest.mark.parametrize("passes", range(5))
def test_nobody_is_left_inside_however_far_they_have_come_when_the_ports_close(server, machine, passes):
    running = server.store.machines_in_status("Running")[0]
    callers = []

    async def open_be_called_and_close():
        machine_ports = ports.MachinePorts()
        chance = random.Random(1)  # noqa: S311 - chooses ports
        moved = dataclasses.replace(running, accesses=machine_ports(running, chance))
        machine_ports.follow([moved], running.ran_at + 100, Faults())
        for access in moved.accesses * 5:
            callers.append(socket.create_connection(address(access.url), timeout=5))
        for _ in range(passes):
            await asyncio.sleep(0)
        await machine_ports.close()

    with warnings.catch_warnings(record=True) as unclosed:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(open_be_called_and_close())
        gc.collect()
    assert [str(warning.message) for warning in unclosed] == []
    for caller in callers:
        with caller, contextlib.suppress(ConnectionResetError):
            while caller.recv(1000):
                pass


def test_port_that_could_not_let_somebody_in_lets_them_in_later(server, machine, monkeypatch, caplog):
    monkeypatch.setattr(ports, "_RETRY_SECONDS", 0.01)
    running = server.store.machines_in_status("Running")[0]

    class Exhausted(socket.socket):
        """Accepts from the second time on."""

        has_refused = False

        def accept(self):
            if not self.has_refused:
                self.has_refused = True
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def call():
        taken = Exhausted()
        taken.bind(("127.0.0.1", 0))
        all_ports = ports.MachinePorts()
        port = ports._Port(taken, running, running.accesses[0], all_ports, Faults())
        reader, writer = await asyncio.open_connection(*taken.getsockname())
        assert await asyncio.wait_for(reader.read(8), 5) == b"SSH-2.0-"
        port.close()
        await asyncio.wait([visitor.gone for visitor in all_ports.inside])
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()

    asyncio.run(call())
    assert "can't be reached for now: [Errno 24]" in caplog.text
