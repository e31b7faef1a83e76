"""What a real machine does by itself: its command, its Jupyter server, its GPUs, its places in meshes."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tornado.websocket import websocket_connect

import glows_nb as glows
from glows_nb.sandbox.http.admin_client import AdminError
from glows_nb.sandbox.machines.inside import confinement
from tests.sandbox.machines.real import IS_REAL_HERE, OFFER, RealSandbox, eventually, launch, marked, way_to

pytestmark = IS_REAL_HERE


def test_command_is_the_first_process_and_with_its_end_the_machine_ends(client: glows.Client, tmp_path: Path) -> None:
    command = "echo $EPOCHS > begun; until [ -e go ]; do sleep 0.05; done; exit 3"
    machine = launch(client, cmd=command, envs={"EPOCHS": "3"})
    way = way_to(machine, tmp_path)
    eventually(lambda: way.ssh("cat begun").stdout == b"3\n")
    seen: list[str] = []

    def note(now: glows.Instance) -> None:
        if not seen:
            way.ssh("touch go")
        seen.append(now.status)

    client.instances.wait(machine.instance_id, until="Finished", on_change=note)
    assert (seen[0], seen[-1]) == ("Running", "Finished")
    assert set(seen) <= {"Running", "Exited", "Canceling", "Finished"}
    eventually(lambda: not marked(tmp_path))


def test_command_that_is_not_found_ends_the_machine_at_once(client: glows.Client) -> None:
    machine = client.instances.launch(name="x", **OFFER, cmd="no-such-program --serve")
    assert client.instances.wait(machine.instance_id, until="Finished").status == "Finished"


def test_command_stands_still_with_its_machine_and_begins_again_where_the_host_was_lost(
    client: glows.Client, sandbox: RealSandbox, tmp_path: Path
) -> None:
    machine = launch(client, cmd="echo begun >> log; exec sleep 1000")
    way = way_to(machine, tmp_path)
    eventually(lambda: way.ssh("cat log").stdout == b"begun\n")
    sandbox.admin.order("host_unavailable")
    eventually(lambda: marked(tmp_path) == [])
    sandbox.admin.clear()
    client.instances.wait_reachable(machine.instance_id, port=22, timeout=30)
    eventually(lambda: way.ssh("cat log").stdout == b"begun\n" * 2)


def test_jupyter_is_a_real_one_from_the_first_visit_on(client: glows.Client, tmp_path: Path) -> None:
    machine = launch(client, ports=["8888/http"])
    [url] = [access.url.get_secret_value() for access in machine.accesses if access.listen_port == 8888]
    address, _, query = url.partition("?")
    assert marked(tmp_path) == []
    with urllib.request.urlopen(f"{address}/api/status?{query}", timeout=90) as answer:
        assert json.load(answer)["kernels"] == 0
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}/api/status", timeout=30)
    diary = tmp_path / "diary"
    diary.write_text("planted")
    code = f"import os; print(os.getcwd(), 6 * 7); open({str(diary)!r}).read()"
    printed, error = asyncio.run(asyncio.wait_for(run_in_a_kernel(address, query, code), 90))
    assert printed.split()[1] == "42"
    assert printed.split()[0].endswith("/root")
    assert error == "PermissionError" or not confinement.is_possible()
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, until="Finished")
    eventually(lambda: not marked(tmp_path))


async def run_in_a_kernel(address: str, query: str, code: str) -> tuple[str, str]:
    """Run code as JupyterLab would, and return what it printed, and the name of its error."""
    request = urllib.request.Request(f"{address}/api/kernels?{query}", b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        kernel = json.load(answer)["id"]
    channels = await websocket_connect(f"{address.replace('http', 'ws')}/api/kernels/{kernel}/channels?{query}")
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    parts = {"parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
    await channels.write_message(json.dumps({"header": header, **parts}))
    printed, error = "", ""
    while True:
        message = json.loads(await channels.read_message() or "{}")
        if message["parent_header"].get("msg_id") != "1":
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        if message["msg_type"] == "error":
            error = message["content"]["ename"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            channels.close()
            return printed, error


def test_gpus_are_shown_by_a_stand_in_that_says_so(client: glows.Client, tmp_path: Path) -> None:
    way = way_to(launch(client, unit_qty=2), tmp_path)
    asked = "--query-gpu=index,name,memory.total,utilization.gpu --format=csv,noheader,nounits"
    assert way.ssh(f"nvidia-smi {asked}").stdout.decode().splitlines() == [
        f"{index}, NVIDIA GeForce RTX 4090, 24564, 0" for index in range(2)
    ]
    headed = way.ssh("nvidia-smi --query-gpu=memory.total,memory.used --format=csv -i 1").stdout.decode()
    assert headed == "memory.total [MiB], memory.used [MiB]\n24564 MiB, 0 MiB\n"
    assert len(way.ssh("nvidia-smi -L").stdout.splitlines()) == 2
    assert b"stand-in of the GLOWS sandbox" in way.ssh("nvidia-smi").stdout
    unknown = way.ssh("nvidia-smi --query-gpu=colour --format=csv")
    assert (unknown.returncode, b"not a valid field" in unknown.stdout) == (2, True)


def test_admin_side_says_how_busy_a_gpu_is(client: glows.Client, sandbox: RealSandbox, tmp_path: Path) -> None:
    machine = launch(client, unit_qty=2)
    way = way_to(machine, tmp_path)
    sandbox.admin.show_gpu(machine.instance_id, 1, utilization=87, memory_used_mb=1000)
    asked = "nvidia-smi --query-gpu=utilization.gpu,memory.used,memory.free --format=csv,noheader"
    assert way.ssh(asked).stdout == b"0 %, 0 MiB, 24564 MiB\n87 %, 1000 MiB, 23564 MiB\n"
    for index, shown in ((2, {"utilization": 1}), (0, {"utilization": 101}), (0, {"colour": 1})):
        with pytest.raises(AdminError):
            sandbox.admin.show_gpu(machine.instance_id, index, **shown)
    assert way.ssh("echo > $(dirname $(which nvidia-smi))/gpus.json").returncode != 0 or not confinement.is_possible()


def test_two_machines_of_a_mesh_reach_each_other_at_the_addresses_that_the_api_tells(
    client: glows.Client, tmp_path: Path
) -> None:
    network = client.networks.create(name="mesh", region_name=OFFER["region_name"])
    machines = [launch(client, name, net_ids=[network]) for name in ("a", "b")]
    ways = [way_to(machine, tmp_path) for machine in machines]
    places = [end.cidr.partition("/")[0] for machine in machines for end in machine.network_endpoints]
    assert len(set(places)) == 2
    assert all(place.startswith("127.77.") for place in places)

    async def work() -> tuple[str, str]:
        async with ways[0].connect() as scheduler, ways[1].connect() as worker:
            serving = await scheduler.create_process(f"python3 -c '{SERVER}' {places[0]}")
            port = (await serving.stdout.readline()).strip()
            heard = await worker.run(f"python3 -c '{CALLER}' {places[0]} {port} {places[1]}", check=True)
            return heard.stdout, await serving.stdout.read()

    assert asyncio.run(asyncio.wait_for(work(), 60)) == ("hello", places[1] + "\n")


SERVER = (
    "import socket, sys; s = socket.create_server((sys.argv[1], 0)); print(s.getsockname()[1], flush=True); "
    'c, peer = s.accept(); print(peer[0]); c.sendall(b"hello"); c.close()'
)
CALLER = (
    "import socket, sys; _, host, port, own = sys.argv; "
    'c = socket.create_connection((host, int(port)), source_address=(own, 0)); print(c.recv(9).decode(), end="")'
)


def test_declared_port_leads_to_the_program_of_the_machine_that_listens_there(
    client: glows.Client, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    machine = launch(client, ports=[f"{port}/http"], cmd=f"echo here > page; exec python3 -m http.server {port}")
    [url] = [access.url.get_secret_value() for access in machine.accesses if access.listen_port == port]
    address = url.partition("?")[0]

    def page(name: str) -> bytes:
        with urllib.request.urlopen(f"{address}/{name}", timeout=30) as answer:
            content: bytes = answer.read()
            return content

    def is_served() -> bool:
        try:
            return b"here" in page("page")
        except urllib.error.HTTPError as error:
            assert error.code == 502
            return False

    eventually(is_served)
    other = launch(client, "other", ports=[f"{port}/http"])
    way_to(other, tmp_path).ssh("true")
    address = next(access.url.get_secret_value() for access in other.accesses if access.listen_port == port)
    with pytest.raises(urllib.error.HTTPError, match="502"):
        page("")


def test_server_that_speaks_first_is_heard_at_a_tcp_port(client: glows.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"import socket; s = socket.create_server(('', {port})); s.accept()[0].sendall(b'welcome')"
    machine = launch(client, ports=[f"{port}/tcp"], cmd=f'python3 -c "{code}"; sleep 1000')
    [url] = [access.url.get_secret_value() for access in machine.accesses if access.listen_port == port]

    def heard() -> bytes:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 10) as caller:
            return caller.recv(100)

    eventually(lambda: heard() == b"welcome")
