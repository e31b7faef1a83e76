"""`glows.spending()`, `.burn_rate()`, `.balance()`, `.discrepancies()`, `.timeline()`: unknown is never zero."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

import glows_nb as glows
from glows_nb import plots
from glows_nb.ledger.recorder import Recorder, recorder_of
from glows_nb.money import Cost, Rate, set_exchange_rate
from tests.frames.looking import caption
from tests.frames.samples import RTX_4090


class Clock:
    """The time by which the ledger counts."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    def __call__(self) -> float:
        return self.at.timestamp()

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(client: glows.Client, clock: Clock) -> Recorder:
    recorder = recorder_of(client)
    recorder._clock = clock
    return recorder


@pytest.fixture
def machine(client: glows.Client, recorder: Recorder) -> glows.Instance:
    return launch(client)


@pytest.fixture
def unreadable(sandbox: glows.Sandbox, machine: glows.Instance) -> Iterator[None]:
    """From now on the service answers the machine list with an error."""
    fault = sandbox.admin.order("http_error", "instance_list", count=None)
    yield
    sandbox.admin.clear(fault)


def launch(client: glows.Client, name: str = "train", units: int = 1) -> glows.Instance:
    return client.instances.launch(
        from_image_id=client.images.default().image_id,
        gpu_name=RTX_4090,
        region_name="TW-04",
        name=name,
        unit_qty=units,
        wait=True,
    )


def test_spending_is_a_row_for_each_machine_and_day(
    client: glows.Client, machine: glows.Instance, clock: Clock
) -> None:
    clock.pass_(hours=1)
    table = glows.spending(client=client)
    assert table["day"].tolist() == [pd.Timestamp("2026-03-01", tz="UTC"), pd.Timestamp("2026-03-02", tz="UTC")]
    assert table["instance_id"].tolist() == [machine.instance_id] * 2
    assert table["hours"].tolist() == [0.5, 0.5]
    assert table["cost"].tolist() == [0.245, 0.245]
    assert table["price_per_hour"].tolist() == [0.49, 0.49]
    assert table["is_estimate"].all()
    assert table["is_from_here"].all()
    assert table.attrs["glows_total"] == 0.49
    assert caption(table) == "0.490 Credits for 1 machine, estimated for 1 of them"
    assert repr(table).startswith("SANDBOX · ")


def test_released_machine_that_was_watched_costs_what_it_ran(
    client: glows.Client, machine: glows.Instance, clock: Clock
) -> None:
    for _ in range(20):
        clock.pass_(seconds=30)
        client.instances.get(machine.instance_id)
    client.instances.cancel(machine.instance_id)
    client.instances.get(machine.instance_id)
    clock.pass_(days=5)
    table = glows.spending(client=client)
    assert table["cost"].tolist() == [float(Rate(49_000).over(600).credits)]
    assert not table["is_estimate"].any()


def test_nothing_spent_is_an_empty_table_with_all_columns(client: glows.Client, recorder: Recorder) -> None:
    table = glows.spending(client=client)
    assert len(table) == 0
    assert table.attrs["glows_total"] == 0
    assert str(table["cost"].dtype) == "float64"
    assert caption(table) == "0.000 Credits for 0 machines"


@pytest.mark.usefixtures("unreadable")
def test_what_can_not_be_read_is_na_with_a_warning(client: glows.Client, clock: Clock) -> None:
    clock.pass_(minutes=10)
    with pytest.warns(glows.UnreadWarning) as said:
        table = glows.spending(client=client)
    assert any("could not be read" in str(warning.message) for warning in said)
    assert table["cost"].isna().all()
    assert pd.isna(table.attrs["glows_total"])
    assert caption(table).startswith("at least 0.000 Credits for 1 machine; what 1 machine cost is not known")


@pytest.mark.usefixtures("unreadable")
def test_burn_rate_that_can_not_be_read_is_none_and_never_zero(client: glows.Client) -> None:
    with pytest.warns(glows.UnreadWarning, match="could not be read"):
        burn = glows.burn_rate(client=client)
    assert burn.rate is None
    assert (burn.at_least, burn.machines) == (Rate(49_000), 1)
    assert "at least; the rest is unknown" in str(burn)


@pytest.mark.usefixtures("unreadable")
def test_balance_is_unknown_while_the_service_can_not_be_read(client: glows.Client, clock: Clock) -> None:
    with pytest.warns(glows.UnreadWarning, match="could not be read"):
        balance = glows.set_balance(10, client=client)
    clock.pass_(hours=1)
    with pytest.warns(glows.UnreadWarning, match="could not be read"):
        balance = glows.balance(client=client)
    assert (balance.left, balance.runs_out) == (None, None)
    assert "can't be known" in str(balance)


@pytest.mark.usefixtures("unreadable")
def test_discrepancies_that_can_not_be_read_are_an_error_and_never_none(client: glows.Client) -> None:
    with pytest.raises(glows.GlowsError):
        glows.discrepancies(client=client)


def test_bad_token_is_never_no_spending(sandbox: glows.Sandbox) -> None:
    with glows.Client("nonsense", sandbox.base_url, backoff=0) as client:
        with pytest.warns(glows.UnreadWarning, match="could not be read"):
            assert glows.burn_rate(client=client).rate is None
        with pytest.raises(glows.AuthError):
            glows.discrepancies(client=client)


def test_burn_rate_is_what_runs_now(client: glows.Client, machine: glows.Instance) -> None:
    launch(client, "second", units=2)
    burn = glows.burn_rate(client=client)
    assert (burn.rate, burn.machines) == (Rate(147_000), 2)
    assert str(burn) == "SANDBOX · 2 machines running at 1.470 Credits/h, 35.28 Credits per day"
    client.instances.cancel(machine.instance_id)
    assert glows.burn_rate(client=client).rate == Rate(98_000)


def test_burn_rate_of_nothing_is_zero(client: glows.Client, recorder: Recorder) -> None:
    burn = glows.burn_rate(client=client)
    assert (burn.rate, burn.machines) == (Rate(0), 0)


def test_balance_says_what_is_left_and_when_it_runs_out(
    client: glows.Client, machine: glows.Instance, clock: Clock
) -> None:
    entered = glows.set_balance("9.8", client=client)
    assert entered.left == Decimal("9.8")
    assert entered.runs_out == clock.at + timedelta(hours=20)
    clock.pass_(hours=5)
    later = glows.balance(client=client)
    assert later.left == Decimal("7.35")
    assert later.runs_out == entered.runs_out
    assert str(later) == (
        "SANDBOX · about 7.350 of 9.800 Credits left, entered on 2026-03-01 23:30 UTC; "
        "runs out on 2026-03-02 19:30 UTC at 0.490 Credits/h"
    )


def test_balance_lasts_while_nothing_runs(client: glows.Client, recorder: Recorder) -> None:
    balance = glows.set_balance(100, client=client)
    assert (balance.left, balance.runs_out) == (Decimal(100), None)
    assert str(balance).endswith("nothing runs")


@pytest.mark.parametrize("credits", [-1, float("nan"), float("inf"), "a lot"])
def test_balance_that_is_no_amount_is_refused(client: glows.Client, credits: float | str) -> None:
    with pytest.raises(glows.InvalidRequest, match="credits") as refused:
        glows.set_balance(credits, client=client)
    assert refused.value.field == "credits"


def test_balance_that_was_never_entered_says_how_to(client: glows.Client) -> None:
    with pytest.raises(glows.InvalidRequest, match="set_balance"):
        glows.balance(client=client)


def test_machine_that_runs_and_was_not_started_here_is_listed(
    client: glows.Client, sandbox: glows.Sandbox, recorder: Recorder
) -> None:
    with sandbox.client(backoff=0) as elsewhere:
        theirs = launch(elsewhere, "elsewhere")
    table = glows.discrepancies(client=client)
    assert table["instance_id"].tolist() == [theirs.instance_id]
    assert table["what"].tolist() == ["alive, and not started from here"]
    spending = glows.spending(client=client)
    assert not spending["is_from_here"].any()
    assert "glows.discrepancies() lists 1" in caption(spending)


def test_machine_that_the_service_lists_no_more_is_listed(
    client: glows.Client, machine: glows.Instance, recorder: Recorder
) -> None:
    gone = machine.model_copy(update={"instance_id": "ins-gone", "meta_key": "gone"})
    recorder._see([gone], None)
    table = glows.discrepancies(client=client)
    assert table["instance_id"].tolist() == ["ins-gone"]
    assert "lists it no more" in table["what"].iloc[0]
    assert table["in_ledger"].tolist() == ["Running"]
    assert table["on_service"].isna().all()


def test_order_whose_answer_was_lost_for_good_is_listed(
    client: glows.Client, sandbox: glows.Sandbox, recorder: Recorder, clock: Clock
) -> None:
    sandbox.admin.order("reset", "instance_create", when="before", count=3)
    with pytest.raises(glows.AmbiguousResult):
        launch(client, "lost")
    assert len(glows.discrepancies(client=client)) == 0, "it may still come"
    clock.pass_(minutes=5)
    table = glows.discrepancies(client=client)
    assert table["what"].tolist() == ["ordered, and never seen since"] * len(table)
    assert len(table) >= 1


def test_machine_that_costs_other_than_it_was_ordered_at_is_listed(
    client: glows.Client, machine: glows.Instance, recorder: Recorder
) -> None:
    with recorder.ledger.transaction() as db:
        db.execute("UPDATE orders SET millicents = 39000")
    client.instances.get(machine.instance_id)
    table = glows.discrepancies(client=client)
    assert table["what"].tolist() == ["ordered at 0.390 Credits/h, costs 0.490 Credits/h"]


def test_ledger_and_service_that_agree_have_nothing_to_list(client: glows.Client, machine: glows.Instance) -> None:
    assert len(glows.discrepancies(client=client)) == 0


def test_two_accounts_are_never_in_one_sum(sandbox: glows.Sandbox, client: glows.Client, clock: Clock) -> None:
    with (
        glows.Client(sandbox.admin.token("one"), sandbox.base_url, backoff=0) as one,
        glows.Client(sandbox.admin.token("two"), sandbox.base_url, backoff=0) as two,
        glows.sandbox(speed=200) as other_sandbox,
        other_sandbox.client(backoff=0) as other,
    ):
        for account in (one, two, other):
            recorder_of(account)._clock = clock
        launch(one)
        clock.pass_(hours=1)
        assert recorder_of(one).ledger.path == recorder_of(two).ledger.path
        assert glows.spending(client=one).attrs["glows_total"] == 0.49
        assert glows.spending(client=two).attrs["glows_total"] == 0
        assert glows.spending(client=other).attrs["glows_total"] == 0
        glows.set_balance(5, client=one)
        with pytest.raises(glows.InvalidRequest):
            glows.balance(client=two)


def test_two_recorders_of_one_ledger_make_one_history(
    client: glows.Client, sandbox: glows.Sandbox, machine: glows.Instance, recorder: Recorder, clock: Clock
) -> None:
    with sandbox.client(backoff=0) as second_notebook:
        recorder_of(second_notebook)._clock = clock
        for _ in range(10):
            clock.pass_(seconds=20)
            client.instances.get(machine.instance_id)
            second_notebook.instances.get(machine.instance_id)
        client.instances.cancel(machine.instance_id)
        second_notebook.instances.get(machine.instance_id)
        client.instances.get(machine.instance_id)
        mine, theirs = glows.spending(client=client), glows.spending(client=second_notebook)
    assert mine["cost"].tolist() == theirs["cost"].tolist() == [float(Rate(49_000).over(200).credits)]


def test_amounts_are_shown_in_the_users_currency_too(client: glows.Client, machine: glows.Instance) -> None:
    try:
        glows.set_exchange_rate("TWD", 32)
        assert "0.490 Credits/h (15.68 TWD/h)" in str(glows.burn_rate(client=client))
        assert str(Cost.from_millicents(100_000)) == "1.000 Credits (32.00 TWD)"
    finally:
        set_exchange_rate(None)
    assert "TWD" not in str(glows.burn_rate(client=client))


def test_machine_that_ended_before_the_ledger_began_is_unknown_and_in_no_balance(
    client: glows.Client, sandbox: glows.Sandbox, clock: Clock, recorder: Recorder
) -> None:
    with sandbox.client(backoff=0) as elsewhere:
        theirs = launch(elsewhere, "before")
        elsewhere.instances.cancel(theirs.instance_id)
        elsewhere.instances.wait(theirs.instance_id, "Finished", timeout=20)
    clock.at = datetime.now(UTC) + timedelta(days=40)
    assert glows.set_balance(10, client=client).left == 10
    with pytest.warns(glows.UnreadWarning, match="1 machine cost can't be known"):
        table = glows.spending(client=client)
    assert table["cost"].isna().tolist() == [True]
    assert pd.isna(table.attrs["glows_total"])
    recent = glows.spending(since=clock.at.date() + timedelta(days=1), client=client)
    assert (len(recent), recent.attrs["glows_total"]) == (0, 0)


def test_spending_since_a_day_counts_from_its_begin(
    client: glows.Client, machine: glows.Instance, clock: Clock
) -> None:
    clock.pass_(hours=1)
    table = glows.spending(since=date(2026, 3, 2), client=client)
    assert table["hours"].tolist() == [0.5]
    with pytest.raises(glows.InvalidRequest, match="time zone"):
        glows.spending(since=datetime(2026, 3, 2), client=client)


def test_timeline_has_each_status_that_was_seen_in_order(sandbox: glows.Sandbox) -> None:
    client = glows.connect(sandbox.token, sandbox.base_url)
    machine = client.instances.launch(
        name="train",
        gpu_name="NVIDIA GeForce RTX 4090",
        region_name="TW-04",
        from_image_id=client.images.default().image_id,
        wait=True,
    )
    client.instances.cancel(machine.instance_id)
    client.instances.wait(machine.instance_id, "Finished")
    table = glows.timeline("train")
    seen = list(table["status"])
    assert [word for word in seen if word in ("SchedQueued", "Running", "Finished")] == [
        "SchedQueued",
        "Running",
        "Finished",
    ]
    assert (table["until"] >= table["since"]).all()
    assert table["since"].is_monotonic_increasing
    assert table.set_index("status")["price_per_hour"]["Running"] == pytest.approx(0.49)
    assert plots.timeline(table).axes[0].patches


def test_timeline_of_a_machine_that_is_not_there_is_an_error(sandbox: glows.Sandbox) -> None:
    glows.connect(sandbox.token, sandbox.base_url)
    with pytest.raises(glows.ParamIllegal, match="no machine"):
        glows.timeline("nobody")


def test_timeline_frame_is_typed_when_empty() -> None:
    frame = glows.frames.timeline([])
    assert list(frame.columns) == ["status", "since", "until", "price_per_hour"]
    assert isinstance(frame["since"].dtype, pd.DatetimeTZDtype)
