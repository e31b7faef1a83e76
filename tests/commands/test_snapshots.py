"""park, unpark and snap: what they say it costs before they do it, and that they may be interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable

import click
import pytest

import glows_nb as glows
from glows_nb.api.observing import Observer, Sending
from glows_nb.commands import CommandError, Interrupted, run
from tests.commands.lines import nobody

pytestmark = pytest.mark.usefixtures("default_client")
TRAIN = "launch --gpu 4090 --name train --yes --wait"


def test_park_and_unpark_say_the_price_and_ask(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    first = run(TRAIN)
    monkeypatch.setattr(click.termui, "visible_prompt_func", nobody)
    said()
    with pytest.raises(CommandError, match="add --yes"):
        run("park train")
    assert "which saves 0.390 Credits/h, 9.36 Credits per day" in said()
    assert client.instances.stats() == {"Running": 1}
    parked = run("park train --yes")
    assert parked.instance_id == first.instance_id
    assert client.instances.stats() == {"Finished": 1}
    said()
    with pytest.raises(CommandError, match="add --yes"):
        run("unpark train")
    assert "Rents 1 × NVIDIA GeForce RTX 4090 in TW-01 at 0.390 Credits/h" in said()
    with pytest.raises(glows.PriceTooHigh):
        run("unpark train --max-price 0.1 --yes")
    assert client.instances.stats() == {"Finished": 1}
    again = run("unpark train --yes --wait")
    assert (again.status, again.base_snap.snapshot_id) == ("Running", parked.snapshot_id)
    said()
    assert run("unpark train").instance_id == again.instance_id
    assert "Nothing new is rented" in said()


def test_machine_starts_from_a_snapshot_by_its_name(client: glows.Client) -> None:
    run(TRAIN)
    created = run("snap train --name before --wait")
    machine = run("launch --gpu 4090 --snapshot before --name copy --yes --wait")
    assert machine.base_snap.snapshot_id == created.snapshot_ids[0]
    with pytest.raises(glows.InvalidRequest, match="there is no snapshot 'after'"):
        run("launch --gpu 4090 --snapshot after --yes")
    with pytest.raises(glows.InvalidRequest, match="--image or --snapshot, not both"):
        run("launch --gpu 4090 --snapshot before --image img-6ypgvgpw --yes")


def test_interrupted_park_releases_nothing_and_goes_on_when_it_is_run_again(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = run(TRAIN)
    lines: list[str] = []

    def press_ctrl_c_while_it_pauses(message: object = "", **options: object) -> None:
        lines.append(str(message))
        if "Pausing" in lines[-1] or "Paused" in lines[-1]:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(click, "echo", press_ctrl_c_while_it_pauses)
        with pytest.raises(Interrupted):
            run("park train --yes")
    assert lines[-1].endswith(f"To go on: %glows park {machine.instance_id}")
    assert client.instances.get(machine.instance_id).status not in ("Canceling", "Finished")
    assert run("park train --yes").instance_id == machine.instance_id
    assert len(client.snapshots.all()) == 1, "the snapshot that was being taken is used"


def test_network_is_named_in_a_launch_and_one_that_is_not_there_is_refused(client: glows.Client) -> None:
    network = run("network create team --region TW-01")
    machine = run("launch --gpu 4090 --name inside --network team --yes --wait")
    assert [endpoint.network_id for endpoint in machine.network_endpoints] == [network]
    with pytest.raises(glows.InvalidRequest, match="there is no network 'nowhere'; there are: team"):
        run("launch --gpu 4090 --network nowhere --yes")


def test_variable_written_out_is_warned_of_where_it_looks_like_a_secret(said: Callable[[], str]) -> None:
    run("launch --gpu 4090 --name env --env EPOCHS=3 --env HF_TOKEN=planted-value --yes")
    text = said()
    assert "The value of HF_TOKEN was written out" in text
    assert "EPOCHS was" not in text
    assert "planted-value" not in text


@pytest.mark.parametrize(
    ("prepare", "line", "look"),
    [
        (TRAIN, "snap train", "snapshots"),
        (None, "network create team --region TW-01", "networks"),
        (f"{TRAIN}\nnetwork create team --region TW-01", "network attach team train", "network endpoints team"),
        (None, "image submit registry.example.com/team/cut:1", "images --owned"),
        ("image submit registry.example.com/team/cut:1", "image rm OWN --yes", "images --owned"),
    ],
)
def test_interrupted_write_says_how_to_look_what_became_of_it(
    prepare: str | None, line: str, look: str, said: Callable[[], str]
) -> None:
    made = [run(each) for each in (prepare or "").splitlines()]
    if "OWN" in line:
        line = line.replace("OWN", made[-1].image_id)
    said()
    observers = glows.current_client().observers
    stop: Observer = lambda event: signal.raise_signal(signal.SIGINT) if isinstance(event, Sending) else None  # noqa: E731
    observers.add(stop)
    with pytest.raises(Interrupted, match="what is left behind is said above"):
        run(line)
    observers.remove(stop)
    assert f"all the same. To look: %glows {look}\n" in said()
    run(look)
