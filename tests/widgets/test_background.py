"""Work in the background: one after the other, once it has settled, ended when the widget is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

import glows_nb as glows
from glows_nb.api.lifecycle.waiting import wait_for_status
from glows_nb.sandbox.server import SandboxServer
from glows_nb.widgets.background import Background

NAME = "glows test of the background"


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def background(errors: list[Exception]) -> Iterator[Background]:
    made = Background(NAME, errors.append)
    yield made
    made.close()
    eventually(lambda: not threads())


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def test_work_is_done_in_order_off_the_main_thread_and_leaves_no_thread(background: Background) -> None:
    done: list[tuple[int, str]] = []
    for number in range(20):
        background.start(lambda number=number: done.append((number, threading.current_thread().name)))
    eventually(lambda: len(done) == 20)
    assert done == [(number, NAME) for number in range(20)]
    eventually(lambda: not threads())


def test_error_is_heard_and_the_next_work_is_done(background: Background, errors: list[Exception]) -> None:
    done = threading.Event()
    background.start(lambda: [][0])
    background.start(done.set)
    assert done.wait(15)
    assert [type(error) for error in errors] == [IndexError]


def test_only_the_last_of_what_was_asked_while_unsettled_is_done(background: Background) -> None:
    done: list[int] = []
    for number in range(10):
        background.start_when_settled(lambda number=number: done.append(number), 0.05)
    eventually(lambda: done)
    eventually(lambda: not threads())
    assert done == [9]


def test_closed_drops_what_waits_and_starts_nothing_more(background: Background) -> None:
    began, may_end, done = threading.Event(), threading.Event(), []
    background.start(lambda: (began.set(), may_end.wait(15)))  # type: ignore[arg-type, return-value]
    assert began.wait(15)
    background.start(lambda: done.append("waited"))
    background.start_when_settled(lambda: done.append("settled"), 0.01)
    background.close()
    background.start(lambda: done.append("after"))
    may_end.set()
    eventually(lambda: not threads())
    assert done == []
    assert background.is_closed


def test_waiting_for_a_machine_ends_when_it_is_closed_and_asks_nothing_more(
    background: Background, errors: list[Exception]
) -> None:
    with SandboxServer() as server, glows.Client(server.token, server.base_url, backoff=0) as client:
        server.clock.pause()
        spec = next(spec for spec in client.specs.all() if spec.avail)
        machine = client.instances.launch(
            from_image_id=client.images.default().image_id,
            base_resource=spec.base_resource,
            region_name=spec.region_name,
            instance_category=spec.categories[0],
        )
        seen: list[str] = []
        steps = wait_for_status(machine.instance_id, on_change=lambda instance: seen.append(instance.status))
        background.start(lambda: background.run(client, steps))
        eventually(lambda: seen)
        background.close()
        eventually(lambda: not threads(), seconds=3)
        assert errors == []
        assert client.instances.get(machine.instance_id).status == "SchedQueued"


def test_steps_give_their_result_and_their_errors(background: Background, client: glows.Client) -> None:
    from glows_nb.api.lifecycle.keys import find_machine
    from glows_nb.api.offers import all_specs

    assert len(background.run(client, all_specs())) == len(client.specs.all())
    with pytest.raises(glows.ParamIllegal):
        background.run(client, find_machine("nobody", "12345678"))
