"""An interrupted call says what it leaves behind."""

from __future__ import annotations

import signal
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.observing import Event, Sending


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
