"""Every page, in order, each item once; and waiting, with time standing still."""

from __future__ import annotations

import itertools
import tracemalloc
import warnings
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.errors import (
    AuthError,
    BadResponse,
    GlowsError,
    InvalidRequest,
    MachineEnded,
    RateLimited,
    TransportError,
    WaitTimeout,
    api_error,
)
from glows_nb.api.lifecycle.waiting import LONGEST_PAUSE, wait_for_status
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import Page, Pagination
from glows_nb.api.operations.instances import all_instances, list_instances
from glows_nb.api.paging import InconsistentListWarning, all_items
from glows_nb.api.steps import Batch, Operation, Steps
from tests.api.fake_service import FakeService, instance_row
from tests.hostile_server import HostileServer, json_answer


def all_numbers(limit: int | None = None) -> Steps[list[str]]:
    def page_of(number: int) -> Operation[Page[Instance]]:
        return list_instances(number)

    found = yield from all_items(page_of, lambda machine: machine.instance_id, limit)
    return [machine.instance_id for machine in found]


def read(pages: Any, limit: int | None = None) -> list[str]:
    """Play a service whose page `number` is what `pages(number)` gives: ids and the total that it states."""
    steps = all_numbers(limit)
    answer: Any = None
    try:
        step = next(steps)
        while True:
            operations = step.operations if isinstance(step, Batch) else (step,)
            answers = [page(*pages(dict(operation.params)["page"])) for operation in operations]  # type: ignore[union-attr]
            answer = [step.keep(answer) for answer in answers] if isinstance(step, Batch) else answers[0]
            step = steps.send(answer)
    except StopIteration as stop:
        result: list[str] = stop.value
        return result


def page(ids: list[str], total: int) -> Page[Instance]:
    machines = tuple(Instance.model_validate(instance_row("k") | {"instanceID": name}) for name in ids)
    return Page(pagination=Pagination(total=total, num_pages=-(-total // 20)), items=machines)


@given(st.integers(0, 95), st.none() | st.integers(1, 100))
def test_all_pages_come_in_order_each_item_once(total: int, limit: int | None) -> None:
    ids = [f"ins-{number}" for number in range(total)]
    assert read(lambda number: (ids[20 * (number - 1) : 20 * number], total), limit) == ids[:limit]


def test_a_limit_reads_no_more_pages_than_it_needs() -> None:
    asked: list[int] = []

    def pages(number: int) -> tuple[list[str], int]:
        asked.append(number)
        return [f"ins-{number}-{row}" for row in range(20)], 1000

    assert len(read(pages, limit=25)) == 25
    assert asked == [1, 2]


def test_a_list_that_changed_is_read_again_until_it_is_consistent() -> None:
    ids = [f"ins-{number}" for number in range(30)]
    state = {"readings": 0}

    def pages(number: int) -> tuple[list[str], int]:
        if number == 1:
            state["readings"] += 1
        if state["readings"] == 1 and number == 2:
            return ids[19:29], 30  # an item was added before page 2 was read, so one comes twice and one is missing
        return ids[20 * (number - 1) : 20 * number], 30

    assert read(pages) == ids
    assert state["readings"] == 2


@given(st.data())
def test_a_list_that_changes_while_it_is_read_is_given_as_it_was_or_said_to_be_unsure(data: st.DataObject) -> None:
    """Machines come at the top and go anywhere; what is given is the list as it was at some moment of the reading."""
    there = [f"ins-{number}" for number in range(data.draw(st.integers(0, 70)))]
    moments: list[list[str]] = []
    made = itertools.count(1000)

    def pages(number: int) -> tuple[list[str], int]:
        for _ in range(data.draw(st.integers(0, 2))):
            if there and data.draw(st.booleans()):
                there.pop(data.draw(st.integers(0, len(there) - 1)))
            else:
                there.insert(0, f"ins-{next(made)}")
            moments.append(list(there))
        moments.append(list(there))
        return there[20 * (number - 1) : 20 * number], len(there)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        given_ids = read(pages)
    if not caught:
        assert set(given_ids) in [set(moment) for moment in moments]
        assert len(given_ids) == len(set(given_ids))


def test_all_oldest_first_is_all_newest_first_turned_round() -> None:
    service = FakeService(machines={f"k{number}": instance_row(f"k{number}", number) for number in range(45)})
    oldest_first = service.play(all_instances(ascending=True))
    assert [machine.meta_key for machine in oldest_first] == list(service.machines)
    assert not any("ascending" in params for _, params in service.asked)
    service.asked.clear()
    assert [machine.meta_key for machine in service.play(all_instances(ascending=True, limit=3))] == ["k0", "k1", "k2"]
    assert all(params["ascending"] == "true" for _, params in service.asked)


def test_a_list_that_never_settles_is_warned_about() -> None:
    with pytest.warns(InconsistentListWarning, match="list instances"):
        assert read(lambda number: ([f"ins-{number}"], 40)) == ["ins-1"]  # a short page ends the list


def waiting(statuses: Sequence[str | GlowsError], **options: Any) -> tuple[Instance, list[str], FakeService]:
    """Wait for a machine that goes through these statuses, each look at it taking the time of its pause."""
    time = {"now": 0.0}
    service = FakeService(machines={"k": instance_row("k", 1)}, statuses=iter(statuses))
    service.on_pause = lambda seconds: time.__setitem__("now", time["now"] + seconds)
    seen: list[str] = []
    steps = wait_for_status(
        "ins-00000001", on_change=lambda machine: seen.append(machine.status), clock=lambda: time["now"], **options
    )
    return service.play(steps), seen, service


def test_a_wait_ends_at_the_status_and_tells_each_change_once() -> None:
    machine, seen, service = waiting(["SchedQueued", "SchedQueued", "Pending", "Pending", "Running"])
    assert machine.status == "Running"
    assert seen == ["SchedQueued", "Pending", "Running"]
    assert len(service.pauses) == 4


def test_pauses_grow_to_a_limit() -> None:
    _, _, service = waiting(["SchedQueued"] * 30 + ["Running"])
    assert service.pauses == sorted(service.pauses)
    assert service.pauses[-1] == LONGEST_PAUSE


@pytest.mark.parametrize("status", ["Finished", "Canceling", "Exited"])
def test_a_machine_that_ends_ends_the_wait_at_once(status: str) -> None:
    with pytest.raises(MachineEnded, match=status) as ended:
        waiting(["SchedQueued", status])
    assert ended.value.instance.status == status


def test_a_deadline_is_a_wait_timeout_with_the_machine() -> None:
    with pytest.raises(WaitTimeout, match="still SchedQueued") as late:
        waiting(["SchedQueued"] * 100, timeout=30)
    assert late.value.instance is not None
    assert late.value.instance.instance_id == "ins-00000001"


def test_a_release_can_be_waited_for() -> None:
    machine, seen, _ = waiting(["Running", "Canceling", "Finished"], until="Finished")
    assert machine.status == "Finished"
    assert seen == ["Running", "Canceling", "Finished"]


AWAY = (TransportError("reset"), RateLimited("HTTP 429"), api_error(1, "", "get instance"))


def test_a_wait_outlasts_a_service_that_is_away_for_less_than_a_minute() -> None:
    machine, seen, service = waiting(["Pending", *AWAY * 4, "Pending", *AWAY * 4, "Running"])
    assert machine.status == "Running"
    assert seen == ["Pending", "Running"]
    assert max(service.pauses) == LONGEST_PAUSE


@pytest.mark.parametrize("failure", AWAY)
def test_a_service_that_stays_away_ends_the_wait_with_its_error(failure: GlowsError) -> None:
    with pytest.raises(type(failure)):
        waiting(["Pending"] + [failure] * 20 + ["Running"])


@pytest.mark.parametrize("failure", [*AWAY, AuthError(176, "", "get instance"), BadResponse("HTML")])
def test_what_does_not_pass_by_itself_ends_the_wait_at_once(failure: GlowsError) -> None:
    before = ["Pending"] if failure not in AWAY else []
    with pytest.raises(type(failure)):
        waiting([*before, failure, "Running"])


def test_an_outage_does_not_move_the_deadline() -> None:
    with pytest.raises(RateLimited):
        waiting(["Pending", *[RateLimited("HTTP 429")] * 5, "Running"], timeout=10)


@pytest.mark.parametrize("options", [{"until": "Runing"}, {"timeout": 0}, {"timeout": float("nan")}])
def test_a_wait_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        waiting(["Running"], **options)


@pytest.mark.parametrize("claimed", [0, 1, 19, 21, 10**7, 2**62, -5])
@pytest.mark.parametrize("there", [0, 7, 20, 40, 47])
@pytest.mark.filterwarnings("ignore::glows_nb.api.paging.InconsistentListWarning")
def test_how_many_there_are_is_a_claim(claimed: int, there: int) -> None:
    """What is there is read, whatever is claimed, and asked for in pages as many as rows make likely."""
    ids = [f"ins-{number}" for number in range(there)]
    asked: list[int] = []

    def pages(number: int) -> tuple[list[str], int]:
        asked.append(number)
        return ids[20 * (number - 1) : 20 * number], claimed

    assert read(pages) == ids
    # Each of three readings: the pages that are there, and at most four times as many as had come by then.
    assert len(asked) <= 3 * (1 + there // 20 + 4 * (1 + there // 20) + 8)


def test_a_list_that_gives_one_page_for_ever_ends() -> None:
    ids = [f"ins-{number}" for number in range(20)]
    asked: list[int] = []

    def pages(number: int) -> tuple[list[str], int]:
        asked.append(number)
        return ids, 10**7

    with pytest.warns(InconsistentListWarning):
        assert read(pages) == ids
    assert len(asked) <= 3 * 9


def test_a_service_with_smaller_pages_than_were_asked_for_is_read_to_its_end() -> None:
    ids = [f"ins-{number}" for number in range(25)]

    def pages(number: int) -> Page[Instance]:
        whole = page(ids[10 * (number - 1) : 10 * number], 25)
        return whole.model_copy(update={"pagination": Pagination(total=25, num_pages=3, per_page=10)})

    steps = all_numbers()
    answer: Any = None
    try:
        step = next(steps)
        while True:
            operations = step.operations if isinstance(step, Batch) else (step,)
            answers = [pages(int(dict(operation.params)["page"])) for operation in operations]  # type: ignore[union-attr]
            step = steps.send([step.keep(each) for each in answers] if isinstance(step, Batch) else answers[0])
    except StopIteration as stop:
        answer = stop.value
    assert answer == ids


@pytest.mark.parametrize("field", ["total", "numPages", "page", "perPage"])
@pytest.mark.parametrize("claim", [10**7, 2**62, 0, -1])
def test_no_claim_over_http_costs_memory_or_requests(field: str, claim: int) -> None:
    pagination = {"total": 1, "numPages": 1, "page": 1, "perPage": 20, field: claim}
    answer = {"code": 0, "msg": "", "pagination": pagination, "instances": [instance_row("k")]}
    with HostileServer(lambda request: json_answer(answer)) as server:
        tracemalloc.start()
        try:
            with glows.Client("token", server.base_url) as client, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert len(client.instances.all()) == 1
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(server.requests) <= 3
    assert peak < 20_000_000
