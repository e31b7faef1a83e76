"""`glows.set_budget()` and `glows.budget()` on a service, and days of the user's zone in spending."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

import glows_nb as glows
from glows_nb.ledger.recorder import Recorder, recorder_of
from tests.frames.samples import RTX_4090


class Clock:
    """The time by which the ledger counts: half past seven in the morning of 2 March in Taipei."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    def __call__(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(client: glows.Client, clock: Clock) -> Recorder:
    recorder = recorder_of(client)
    recorder._clock = clock
    return recorder


def launch(client: glows.Client, name: str = "train", **words: bool) -> glows.Instance:
    return client.instances.launch(
        from_image_id=client.images.default().image_id,
        gpu_name=RTX_4090,
        region_name="TW-04",
        name=name,
        wait=True,
        **words,
    )


@pytest.mark.usefixtures("recorder")
def test_budget_is_set_read_and_taken_away(client: glows.Client) -> None:
    assert glows.budget(client=client) is None
    stands = glows.set_budget(20, per="day", tz="Asia/Taipei", client=client)
    assert stands == glows.budget(client=client)
    assert repr(stands) == (
        "<Budget SANDBOX · 0.000 Credits of 20.000 Credits per day spent since 2026-03-02 00:00 CST; nothing runs>"
    )
    assert (float(stands.credits), stands.per, float(stands.left)) == (20, "day", 20)
    assert glows.set_budget("7.5", per="month", client=client).ends == datetime(2026, 4, 1, tzinfo=UTC)
    assert glows.set_budget(None, client=client) is None
    assert glows.budget(client=client) is None
    with pytest.raises(glows.InvalidRequest, match="per: 'year' is no period of a budget; there are day, week, month"):
        glows.set_budget(20, per="year", client=client)


@pytest.mark.usefixtures("recorder")
def test_budget_outlives_the_kernel_and_holds_for_each_client_of_the_account(
    client: glows.Client, sandbox: glows.Sandbox
) -> None:
    glows.set_budget(3, client=client)
    with sandbox.client() as other:
        assert str(glows.budget(client=other).limit) == "3.000 Credits"
    code = "import sys, glows_nb as glows; glows.connect(sys.argv[1], sys.argv[2]); print(glows.budget().limit)"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, sandbox.token, sandbox.base_url], capture_output=True, text=True, check=False
    )
    assert done.stdout == "3.000 Credits\n", done.stderr


def test_launch_within_the_budget_then_over_it_then_used_up(
    client: glows.Client, recorder: Recorder, clock: Clock
) -> None:
    glows.set_budget(10, tz="Asia/Taipei", client=client)
    first = launch(client)
    stands = glows.budget(client=client)
    assert (str(stands.rate), len(stands.machines)) == ("0.490 Credits/h", 1)
    with pytest.raises(glows.BudgetReached, match=r"8\.085 Credits for what runs and 8\.085 Credits for this machine"):
        launch(client, "second")
    assert [machine.instance_id for machine in client.instances.all()] == [first.instance_id]
    second = launch(client, "second", over_budget=True)
    clock.at += timedelta(hours=11)
    assert {machine.instance_id for machine in client.instances.all()} == {first.instance_id, second.instance_id}
    for over_budget in (False, True):
        with pytest.raises(
            glows.BudgetReached, match=r"is used up, 10\.780 Credits spent.* train \(ins-\w+\) at 0\.490"
        ):
            launch(client, "third", over_budget=over_budget)
    with pytest.raises(glows.BudgetReached, match="is used up"):
        client.instances.create(
            from_image_id=client.images.default().image_id, gpu_name=RTX_4090, region_name="TW-04", custom_meta_key="k"
        )
    assert {machine.status for machine in client.instances.all()} == {"Running"}, "what runs is left"
    assert launch(client).instance_id == first.instance_id, "what is there is found, whatever is spent"
    glows.set_budget(40, tz="Asia/Taipei", client=client)
    assert launch(client, "third").status == "Running"


def test_a_new_day_begins_at_midnight_of_the_zone(client: glows.Client, recorder: Recorder, clock: Clock) -> None:
    glows.set_budget(1, tz="Asia/Taipei", client=client)
    machine = launch(client, over_budget=True)
    clock.at += timedelta(hours=16)
    client.instances.get(machine.instance_id)
    client.instances.cancel(machine.instance_id)
    assert glows.budget(client=client).is_reached
    clock.at = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    stands = glows.budget(client=client)
    assert (stands.begins.isoformat(), stands.is_reached) == ("2026-03-03T00:00:00+08:00", False)


def test_an_async_client_that_the_ledger_watches_is_held_to_it_too(
    client: glows.Client, sandbox: glows.Sandbox, recorder: Recorder
) -> None:
    glows.set_budget("0.1", client=client)

    async def rent() -> None:
        async with glows.AsyncClient(sandbox.token, sandbox.base_url) as awaited:
            awaited.observers.add(recorder)
            image = await awaited.images.default()
            plan = await awaited.instances.plan(
                from_image_id=image.image_id, gpu_name=RTX_4090, region_name="TW-04", name="train"
            )
            assert plan.is_over_budget
            await plan.launch()

    with pytest.raises(glows.BudgetReached, match="would be passed"):
        asyncio.run(rent())
    assert client.instances.all() == []


def test_an_evening_in_taipei_is_one_row(client: glows.Client, recorder: Recorder, clock: Clock) -> None:
    machine = launch(client)
    clock.at += timedelta(hours=1)
    client.instances.get(machine.instance_id)
    taipei = glows.spending(tz="Asia/Taipei", client=client)
    assert taipei["day"].tolist() == [pd.Timestamp("2026-03-02", tz="Asia/Taipei")]
    assert taipei["cost"].tolist() == [0.49]
    assert glows.spending(client=client)["day"].dt.date.tolist() == [date(2026, 3, 1), date(2026, 3, 2)]
    assert glows.spending(since=date(2026, 3, 2), tz="Asia/Taipei", client=client).attrs["glows_total"] == 0.49
    assert glows.spending(since=date(2026, 3, 2), client=client).attrs["glows_total"] == 0.245
    assert len(glows.spending(since=date(2026, 3, 3), tz="Asia/Taipei", client=client)) == 0
    with pytest.raises(glows.InvalidRequest, match="tz: 'Taipei' is no time zone such as Asia/Taipei"):
        glows.spending(tz="Taipei", client=client)


def test_days_without_a_zone_are_the_computers(
    client: glows.Client, recorder: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(client)
    clock.at += timedelta(minutes=1)
    monkeypatch.setenv("TZ", "Asia/Taipei")
    table = glows.spending(client=client)
    assert table["day"].tolist() == [pd.Timestamp("2026-03-02", tz="Asia/Taipei")]
    assert str(glows.set_budget(5, client=client).begins.tzinfo) == "Asia/Taipei"
    empty = glows.spending(since=date(2026, 5, 1), client=client)
    assert empty.dtypes.tolist() == table.dtypes.tolist()
