"""Every page, in order, each item once."""

from __future__ import annotations

import itertools
import tracemalloc
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
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
