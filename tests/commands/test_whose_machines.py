"""What was not started from here is named apart, and is released only where somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.models.instances import Instance
from glows_nb.commands import CommandError, run
from glows_nb.connection import current_client
from glows_nb.ledger.database import ledger_path
from glows_nb.ledger.recorder import recorder_of
from glows_nb.widgets.confirmation import whose_words
from tests.api.fake_service import instance_row

pytestmark = pytest.mark.usefixtures("default_client")
TRAIN = "launch --gpu 4090 --name train --yes --wait"


@pytest.fixture
def other(client: glows.Client) -> Instance:
    """A machine of the same account that was started elsewhere."""
    offer: dict[str, Any] = {"gpu_name": "NVIDIA GeForce RTX 4090", "region_name": "TW-01", "name": "colleague"}
    image_id = client.images.default().image_id
    return client.instances.launch(**offer, from_image_id=image_id, wait=True)


def test_all_leaves_what_was_started_elsewhere_and_says_how_to_release_it(
    client: glows.Client, other: Instance, said: Callable[[], str]
) -> None:
    ours = run(TRAIN)
    said()
    run("cancel --all --wait --yes")
    text = said()
    assert f"Will end: {ours.instance_id}" in text
    assert f"Left as it is, since it was not started from this computer: {other.instance_id}" in text
    assert "To release it too: %glows cancel --all --others" in text
    assert client.instances.get(other.instance_id).status == "Running"
    assert client.instances.get(ours.instance_id).status == "Finished"


def test_all_with_others_takes_it_and_names_it_apart(
    client: glows.Client, other: Instance, said: Callable[[], str]
) -> None:
    run(TRAIN)
    said()
    run("cancel --all --others --wait --yes")
    assert "(not started from this computer)" in said()
    assert client.instances.stats() == {"Finished": 2}


def test_where_only_others_live_nothing_is_released(
    client: glows.Client, other: Instance, said: Callable[[], str]
) -> None:
    run("cancel --all --yes")
    assert "There is nothing to release." in said()
    assert client.instances.get(other.instance_id).status == "Running"


def test_a_machine_that_is_named_is_released_and_said_to_be_somebody_else_s(
    client: glows.Client, other: Instance, said: Callable[[], str]
) -> None:
    run(f"cancel {other.instance_id} --wait --yes")
    assert "(not started from this computer)" in said()
    assert client.instances.get(other.instance_id).status == "Finished"


@pytest.mark.parametrize("line", ["cancel --others --yes", "cancel train --others --yes"])
def test_others_goes_with_all(client: glows.Client, line: str) -> None:
    run(TRAIN)
    with pytest.raises(CommandError, match="--all"):
        run(line)
    assert client.instances.stats() == {"Running": 1}


def test_where_the_ledger_can_not_be_read_nothing_is_taken_for_ours(
    client: glows.Client, said: Callable[[], str]
) -> None:
    ours = run(TRAIN)
    said()
    ledger_path().write_bytes(b"no database at all, but a long enough text to be taken for one" * 20)
    run("cancel --all --yes")
    assert f"the ledger can't be read: {ours.instance_id}" in said()
    assert client.instances.get(ours.instance_id).status == "Running"


def test_the_question_of_form_and_panel_says_whose_a_machine_is(other: Instance) -> None:
    ours = run(TRAIN)
    assert whose_words(current_client(), ours) == ""
    assert whose_words(current_client(), other) == " It was not started from this computer."


def test_a_machine_of_another_source_is_not_taken_for_ours() -> None:
    recorder = recorder_of(current_client())
    console = Instance.model_validate(instance_row("x", 1, "Running", sourceType="SourceConsole"))
    assert recorder.whose(console) == "not started by the SDK but by SourceConsole"
