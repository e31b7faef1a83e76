"""What two public users of this API wrote in hundreds of lines, with the package: each in at most ten lines.

The one (FACTS 9, P3 to P10 and P18) opens a machine from a snapshot, region by region, waits, runs a set-up over SSH,
polls an HTTP health address, and releases it on any failure. The other (P1, P7, P29) says what is charged now.
Running a script over SSH is not in the package yet: a callable stands for it here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import httpx
import pytest

import glows_nb as glows
from glows_nb.sandbox.server import SandboxServer

IMAGE = "img-6np5yvq2"
HERE = ["TW-03", "TW-04"]
MOST_LINES = 10


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(speed=1000) as server:
        yield server


@pytest.fixture
def client(server: SandboxServer) -> Iterator[glows.Client]:
    with glows.connect(server.token, server.base_url) as client:
        yield client


def open_card(client: glows.Client, snapshot: str, setup: Callable[[str], None]) -> glows.Instance:
    machine = client.instances.launch(name="card", from_snap_id=snapshot, gpu_name="4090", regions=HERE, ports=[8080])
    try:
        ready = client.instances.wait_reachable(machine.instance_id)
        setup(ready.ssh_command or "")
        httpx.get(f"{ready.url(8080).get_secret_value()}/health").raise_for_status()
        return ready
    except BaseException:
        client.instances.cancel(machine.instance_id)
        raise


def charged_now(client: glows.Client) -> str:
    return str(glows.burn_rate(client=client))


@pytest.fixture
def snapshot(client: glows.Client) -> str:
    source = client.instances.launch(
        name="source", from_image_id=IMAGE, gpu_name="4090", region_name="TW-04", wait=True
    )
    return client.instances.park(source).snapshot_id


def test_a_card_is_opened_from_a_snapshot_and_answers(client: glows.Client, snapshot: str) -> None:
    ran: list[str] = []
    machine = open_card(client, snapshot, ran.append)
    assert (machine.status, machine.region_name) == ("Running", "TW-03")
    assert ran == [machine.ssh_command]
    assert charged_now(client).startswith("SANDBOX · 1 machine running at 0.490 Credits/h")


def test_a_card_whose_set_up_fails_costs_nothing_more(client: glows.Client, snapshot: str) -> None:
    def fail(ssh_command: str) -> None:
        raise RuntimeError("the set-up failed")

    with pytest.raises(RuntimeError, match="the set-up failed"):
        open_card(client, snapshot, fail)
    card = client.instances.find("card")
    assert client.instances.wait(card.instance_id, until="Finished", timeout=10).is_terminal
    assert charged_now(client) == "SANDBOX · 0 machines running at 0.000 Credits/h, 0.00 Credits per day"


def test_what_cannot_be_read_is_never_nothing(client: glows.Client, server: SandboxServer) -> None:
    server.admin.order("token_expired", count=1)
    with pytest.warns(UserWarning, match="unknown"):
        assert "unknown" in charged_now(client)


@pytest.mark.parametrize("flow", [open_card, charged_now])
def test_each_flow_has_at_most_ten_lines(flow: Callable[..., object]) -> None:
    assert len(inspect.getsource(flow).splitlines()) - 1 <= MOST_LINES
