"""Both clients through a machine's whole life on a real server, all 15 operations among it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.domains import RegionsNotAsked

RTX_4090 = "NVIDIA GeForce RTX 4090"
XEON_8468 = "Intel(R) Xeon(R) Platinum 8468"


class Awaited:
    """A client whose methods are called the same, be they awaited or not: one test serves both."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if name in ("instances", "images", "specs", "networks", "snapshots"):
            return Awaited(value, self._loop)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            result = value(*arguments, **options)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

        return call


@pytest.fixture(params=["sync", "async"])
def either(request: pytest.FixtureRequest, sandbox: glows.Sandbox) -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    kind = glows.Client if request.param == "sync" else glows.AsyncClient
    client = Awaited(kind(sandbox.token, sandbox.base_url, backoff=0), loop)
    yield client
    client.close()
    loop.close()


def launched(client: Any, name: str = "train", **fields: Any) -> glows.Instance:
    usual = {"gpu_name": RTX_4090, "region_name": "TW-04", "from_image_id": client.images.default().image_id}
    machine: glows.Instance = client.instances.launch(name=name, wait=True, **(usual | fields))
    return machine


def test_a_machine_goes_through_its_whole_life(either: Any) -> None:
    seen: list[str] = []
    machine = launched(either, ports=["8000/http"], envs={"A": "1"}, on_change=lambda now: seen.append(now.status))
    assert seen[-1] == "Running"
    assert machine.is_sandbox
    assert machine.url(8000)
    assert either.instances.get(meta_key=machine.meta_key).instance_id == machine.instance_id
    assert either.instances.find("train").instance_id == machine.instance_id
    assert either.instances.stats() == {"Running": 1}
    assert [found.instance_id for found in either.instances.list().items] == [machine.instance_id]
    assert [found.instance_id for found in either.instances.all(["Running"])] == [machine.instance_id]
    reachable = either.instances.wait_reachable(machine.instance_id, timeout=20)
    assert reachable.status == "Running"
    either.instances.cancel(machine.instance_id)
    assert either.instances.wait(machine.instance_id, "Finished").is_terminal
    assert launched(either).meta_key == f"{machine.meta_key}.2"


def test_a_plan_is_shown_and_carried_out(either: Any) -> None:
    plan = either.instances.plan(
        name="train", gpu_name=RTX_4090, regions=["TW-04", "TW-01"], from_image_id=either.images.default().image_id
    )
    assert "0.490 Credits/h" in str(plan)
    assert either.instances.stats() == {}, "a plan rents nothing"
    started = plan.launch()
    if inspect.isawaitable(started):
        started = either._loop.run_until_complete(started)
    assert started.region_name == "TW-04"
    again = either.instances.plan(
        name="train", gpu_name=RTX_4090, regions=["TW-04"], from_image_id=either.images.default().image_id
    )
    assert again.existing is not None
    assert "Nothing new is rented" in str(again)


def test_images_are_submitted_listed_and_deleted(either: Any) -> None:
    image = either.images.submit("registry.example.com/team/runtime:cuda12.2")
    assert [found.image_id for found in either.images.all(owned=True)] == [image.image_id]
    with pytest.raises(glows.ImageAlreadyExists):
        either.images.submit("registry.example.com/team/runtime:cuda12.2")
    assert either.images.delete(image.image_id) is None
    assert either.images.list(owned=True).items == ()
    with pytest.raises(glows.ParamIllegal):
        either.images.delete(image.image_id)


def test_machines_meet_in_a_network(either: Any) -> None:
    machine = launched(either)
    network = either.networks.create("mesh", "TW-04")
    with pytest.raises((glows.NetNameRepeat, glows.OutOfNetCountLimit)):
        either.networks.create("mesh", "TW-04")
    with pytest.warns(RegionsNotAsked, match="Networks in JP-01 and TW-07 were not asked for"):
        assert [found.network_id for found in either.networks.all()] == [network]
    assert [found.name for found in either.networks.all(domain=machine.domain)] == ["mesh"]
    assert either.networks.list().items == (), "the service lists one domain, by default the first"
    attached = either.networks.attach(network, [machine.instance_id, machine.instance_id])
    assert len(attached.endpoint_ids) == 1
    (endpoint,) = either.networks.all_endpoints(network)
    assert (endpoint.instance_id, endpoint.endpoint_id) == (machine.instance_id, attached.endpoint_ids[0])
    assert either.networks.endpoints(network).pagination.total == 1
    with pytest.raises(glows.EndpointExists):
        either.networks.attach(network, [machine.instance_id])


def test_offers_are_listed_flat_and_by_region(either: Any) -> None:
    image = either.images.default().image_id
    flat = either.specs.all(machine_category=0, from_image_id=image)
    grouped = either.specs.by_region(0, image)
    assert len({region.region_name for region in grouped}) == len(grouped) > 3
    assert sorted(spec.resource_id for region in grouped for spec in region.specs) == sorted(
        spec.resource_id for spec in flat
    )
    assert either.specs.list(0, image, per_page=5).pagination.total == len(flat)


def test_a_machine_is_parked_and_comes_back_on_another_computer(either: Any, sandbox: glows.Sandbox) -> None:
    machine = launched(either, ports=["8000/http"], envs={"A": "1"}, remark="mine")
    parked = either.instances.park("train")
    assert either.instances.get(machine.instance_id).status == "Finished"
    (snapshot,) = either.snapshots.all()
    assert (snapshot.snapshot_id, snapshot.instance_id) == (parked.snapshot_id, machine.instance_id)
    assert snapshot.is_available
    assert either.instances.park("train") == parked, "parking a parked machine changes nothing"
    with sandbox.client(backoff=0) as elsewhere:
        again = elsewhere.instances.unpark("train")
        again = elsewhere.instances.wait(again.instance_id)
    assert again.meta_key == f"{machine.meta_key}.2"
    assert again.hardware == machine.hardware
    assert (again.region_name, again.category, again.remark) == (machine.region_name, machine.category, "mine")
    assert again.url(8000)
    assert again.envs.get_secret_value() == "A=1"
    assert either.instances.unpark("train").instance_id == again.instance_id


def test_a_snapshot_is_taken_of_a_running_machine_only(either: Any) -> None:
    machine = launched(either)
    taken = either.snapshots.create(machine.instance_id, "one")
    assert taken.status == "Pausing"
    with pytest.raises(glows.IllegalStatus):
        either.instances.cancel(machine.instance_id)
    either.instances.wait(machine.instance_id)
    assert [snapshot.snapshot_id for snapshot in either.snapshots.list(status=[3]).items] == list(taken.snapshot_ids)


def test_a_bad_token_is_an_auth_error_everywhere_and_never_an_empty_list(sandbox: glows.Sandbox) -> None:
    with glows.Client("not.a.token", sandbox.base_url, backoff=0) as client:
        for call in (client.instances.all, client.images.all, client.specs.all, client.networks.all):
            with pytest.raises(glows.AuthError):
                call()


def test_pages_of_many_machines_are_read_at_once_and_in_order(sandbox: glows.Sandbox) -> None:
    sandbox.admin.limits("researcher", instances=100)
    with sandbox.client() as client:
        image = client.images.default().image_id
        for number in range(31):
            client.instances.create(
                custom_meta_key=f"k{number}", cpu_name=XEON_8468, region_name="TW-04", from_image_id=image
            )
        assert [machine.meta_key for machine in client.instances.all(ascending=True)] == [f"k{n}" for n in range(31)]
        assert [machine.meta_key for machine in client.instances.all(limit=3)] == ["k30", "k29", "k28"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_a_bad_line_running_a_cell_until_it_succeeds_rents_one_machine(sandbox: glows.Sandbox, seed: int) -> None:
    sandbox.admin.play("flaky-network", seed)
    names = [f"run-{number}" for number in range(12)]
    with sandbox.client(backoff=0.01, timeout=5) as client:
        found = {name: run_until_it_succeeds(client, name) for name in names}
        assert any(fault["fired"] for fault in sandbox.admin.faults()), "the line was bad"
        sandbox.admin.clear()
        machines = client.instances.all()
    assert sorted(machine.instance_id for machine in machines) == sorted(found.values())


def run_until_it_succeeds(client: glows.Client, name: str) -> str:
    """A cell that is run again and again, as a person does after an error."""
    for _ in range(20):
        try:
            image = "img-6ypgvgpw"
            machine = client.instances.launch(name=name, cpu_name=XEON_8468, region_name="TW-04", from_image_id=image)
        except glows.GlowsError:
            continue
        return machine.instance_id
    raise AssertionError("twenty runs were not enough")


def test_threads_may_share_a_client(sandbox: glows.Sandbox) -> None:
    failures: list[Exception] = []
    with sandbox.client() as client:

        def work() -> None:
            try:
                for _ in range(20):
                    client.instances.stats()
                    client.images.all()
            except Exception as error:  # noqa: BLE001 - told by the main thread
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_machine_that_went_with_an_exhausted_balance_is_started_again_when_there_is_money(
    either: Any, sandbox: glows.Sandbox
) -> None:
    machine = launched(either)
    sandbox.admin.play("balance-exhausted")
    assert either.instances.wait(machine.instance_id, until="Finished").status == "Finished"
    (snapshot,) = either.snapshots.all()
    assert (snapshot.instance_id, snapshot.is_available) == (machine.instance_id, True)
    sandbox.admin.clear()
    again = either.instances.unpark("train")
    assert again.base_snap.snapshot_id == snapshot.snapshot_id
    assert either.instances.wait(again.instance_id).is_billed
