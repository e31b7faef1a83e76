"""An interrupted call says what it leaves behind."""

from __future__ import annotations

import asyncio
import re
import signal
import traceback
from typing import Any

import httpx
import pytest

import glows_nb as glows
from glows_nb.api.observing import Answered, Event, Sending


def offer(client: glows.Client) -> dict[str, Any]:
    image_id = client.images.default().image_id
    return {"gpu_name": "NVIDIA GeForce RTX 4090", "region_name": "TW-01", "from_image_id": image_id, "name": "cut"}


def stop_at_the_order(event: Event) -> None:
    if isinstance(event, Sending):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("is_planned", [False, True])
def test_interrupted_launch_names_the_key_and_the_same_call_finds_the_machine(
    client: glows.Client, is_planned: bool
) -> None:
    asked = offer(client)
    planned = client.instances.plan(**asked)
    client.observers.add(stop_at_the_order)
    with pytest.raises(KeyboardInterrupt) as stopped:
        planned.launch() if is_planned else client.instances.launch(**asked)
    (note,) = stopped.value.__notes__
    assert repr(planned.meta_key) in note
    client.observers.remove(stop_at_the_order)
    client.instances.launch(**asked)
    assert [machine.meta_key for machine in client.instances.all()] == [planned.meta_key]


def test_interrupted_wait_names_the_machine_and_the_way_to_wait_again(client: glows.Client) -> None:
    machine = client.instances.launch(**offer(client))
    with pytest.raises(KeyboardInterrupt) as stopped:
        client.instances.wait(machine.instance_id, on_change=lambda seen: signal.raise_signal(signal.SIGINT))
    assert stopped.value.__notes__ == [
        f"Machine {machine.instance_id} goes on as it was. "
        f"To wait again: client.instances.wait({machine.instance_id!r})"
    ]
    assert client.instances.wait(machine.instance_id).status == "Running"


def submitted(client: glows.Client) -> Any:
    return lambda: client.images.submit("registry.example.com/team/cut:1")


def network_made(client: glows.Client) -> Any:
    return lambda: client.networks.create("cut", "TW-01")


def attached(client: glows.Client) -> Any:
    network_id = client.networks.create("cut", "TW-01")
    machine = client.instances.wait(client.instances.launch(**offer(client)).instance_id)
    return lambda: client.networks.attach(network_id, [machine.instance_id])


def snapshot_taken(client: glows.Client) -> Any:
    machine = client.instances.wait(client.instances.launch(**offer(client)).instance_id)
    return lambda: client.snapshots.create(machine.instance_id)


@pytest.mark.filterwarnings("ignore::glows_nb.api.domains.RegionsNotAsked")
@pytest.mark.parametrize(
    ("prepare", "look"),
    [
        (submitted, r"client\.images\.all\(owned=True\)"),
        (network_made, r"client\.networks\.all\(\)"),
        (attached, r"client\.networks\.all_endpoints\('net-\w+'\)"),
        (snapshot_taken, r"client\.snapshots\.all\(\)"),
    ],
)
def test_interrupted_write_says_what_may_be_done_and_how_to_look(client: glows.Client, prepare: Any, look: str) -> None:
    write = prepare(client)
    client.observers.add(stop_at_the_order)
    with pytest.raises(KeyboardInterrupt) as stopped:
        write()
    client.observers.remove(stop_at_the_order)
    (note,) = stopped.value.__notes__
    found = re.search(f"may be (made|attached|taken) all the same. To look: ({look})$", note)
    assert found is not None, note
    assert eval(found[2], {"client": client}) is not None  # noqa: S307 - the line that users are told to run


def running(client: glows.Client) -> glows.Instance:
    return client.instances.wait(client.instances.launch(**offer(client)).instance_id)


def image_deleted(client: glows.Client) -> Any:
    image = client.images.submit("registry.example.com/team/cut:1")
    return lambda: client.images.delete(image.image_id)


def created(client: glows.Client) -> Any:
    asked = offer(client)
    del asked["name"]
    return lambda: client.instances.create(custom_meta_key="cut", **asked)


def released(client: glows.Client) -> Any:
    machine = running(client)
    return lambda: client.instances.cancel(machine.instance_id)


def released_by_its_key(client: glows.Client) -> Any:
    machine = running(client)
    return lambda: client.instances.cancel(meta_key=machine.meta_key)


def parked(client: glows.Client) -> Any:
    machine = running(client)
    return lambda: client.instances.park(machine)


def unparked(client: glows.Client) -> Any:
    kept = client.instances.park(running(client))
    return lambda: client.instances.unpark(kept)


def stop_at_the_answer(event: Event) -> None:
    if isinstance(event, Answered) and not event.operation.name.startswith(("get ", "list ", "count ")):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("prepare", "what", "look"),
    [
        (image_deleted, "The image may be deleted", r"client\.images\.all\(owned=True\)"),
        (created, "A machine may be started under the key 'cut'", r"client\.instances\.get\(meta_key='cut'\)"),
        (released, "The machine may be released", r"client\.instances\.get\('ins-\w+'\)"),
        (released_by_its_key, "The machine may be released", r"client\.instances\.get\(meta_key='cut-\w+'\)"),
        (
            parked,
            r"A snapshot of ins-\w+ may be taken, and the machine released",
            r"client\.instances\.get\('ins-\w+'\)",
        ),
        (unparked, "A machine may be started from its snapshot", r"client\.instances\.find\('cut-\w+'\)"),
    ],
)
def test_write_that_was_done_when_it_was_interrupted_says_so_and_how_to_look(
    client: glows.Client, prepare: Any, what: str, look: str
) -> None:
    write = prepare(client)
    client.observers.add(stop_at_the_answer)
    with pytest.raises(KeyboardInterrupt) as stopped:
        write()
    client.observers.remove(stop_at_the_answer)
    (note,) = stopped.value.__notes__
    found = re.search(f"^{what} all the same. To look: ({look})$", note)
    assert found is not None, note
    assert eval(found[1], {"client": client}) is not None  # noqa: S307 - the line that users are told to run


def an_order(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.instances.launch(**asked)


def a_create(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.instances.create(custom_meta_key="cut", **{key: asked[key] for key in asked if key != "name"})


async def a_plan(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return await (await client.instances.plan(**asked)).launch()


def an_image(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.images.submit("registry.example.com/team/cut:1")


def a_network(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.networks.create("cut", "TW-01")


def a_release(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.instances.cancel("ins-12345678")


def a_snapshot(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.snapshots.create("ins-12345678")


def an_attachment(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.networks.attach("net-12345678", ["ins-12345678"])


def a_deletion(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.images.delete("img-12345678")


async def a_park(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    (machine,) = await client.instances.all()
    return await client.instances.park(machine)


def an_unpark(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.instances.unpark("cut")


def a_wait(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.instances.wait("ins-12345678")


def a_wait_for_its_port(client: glows.AsyncClient, asked: dict[str, Any]) -> Any:
    return client.instances.wait_reachable("ins-12345678")


WAYS = ["task.cancel", "timeout", "wait_for", "TaskGroup"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "call",
    [
        an_order,
        a_create,
        a_plan,
        an_image,
        a_deletion,
        a_network,
        an_attachment,
        a_release,
        a_snapshot,
        a_park,
        an_unpark,
        a_wait,
        a_wait_for_its_port,
    ],
)
def test_a_cancelled_call_says_what_may_be_and_how_to_look(
    client: glows.Client, call: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = offer(client)
    is_wait = call in (a_wait, a_wait_for_its_port)
    if call is a_park:
        running(client)
    elif call is an_unpark:
        client.instances.park(running(client))

    class Hangs(httpx.AsyncHTTPTransport):
        def __init__(self) -> None:
            super().__init__()
            self.hung = asyncio.Event()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method != "GET" or is_wait:
                self.hung.set()
                await asyncio.Event().wait()
            return await super().handle_async_request(request)

    async def stopped(own: glows.AsyncClient, hangs: Hangs) -> None:
        async def stop_when_it_hangs(task: asyncio.Task[Any]) -> None:
            await hangs.hung.wait()
            task.cancel()

        if way == "task.cancel":
            task = asyncio.ensure_future(call(own, asked))
            await stop_when_it_hangs(task)
            await task
        elif way == "timeout":
            async with asyncio.timeout(None) as limit:
                asyncio.get_running_loop().create_task(reschedule(limit, hangs))
                await call(own, asked)
        elif way == "wait_for":
            asyncio.get_running_loop().create_task(let_an_hour_pass(hangs))
            await asyncio.wait_for(call(own, asked), 3600)
        else:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(as_coroutine(call(own, asked)))
                tasks.append(task)
                await hangs.hung.wait()
                raise ZeroDivisionError

    async def reschedule(limit: asyncio.Timeout, hangs: Hangs) -> None:
        await hangs.hung.wait()
        limit.reschedule(asyncio.get_running_loop().time())

    async def let_an_hour_pass(hangs: Hangs) -> None:
        await hangs.hung.wait()
        loop = asyncio.get_running_loop()
        time = loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + 3600)

    async def as_coroutine(awaitable: Any) -> Any:
        try:
            return await awaitable
        except asyncio.CancelledError as cancelled:
            seen.append(cancelled)
            raise

    async def run() -> None:
        hangs = Hangs()
        async with glows.AsyncClient(client.connection.token, client.base_url, transport=hangs) as own:
            await stopped(own, hangs)

    tasks: list[asyncio.Task[Any]] = []
    seen: list[BaseException] = []
    with pytest.raises((asyncio.CancelledError, TimeoutError, ExceptionGroup)) as met:
        asyncio.run(run())
    told = "".join(traceback.format_exception(seen[0] if seen else met.value))
    assert re.search("To look: client|To wait again: client|The same call again takes it", told), told
