"""One odd row hides none of the others: over real HTTP, for all six lists and their frames."""

from __future__ import annotations

import copy
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.errors import BadResponse
from glows_nb.api.paging import UnreadableRowWarning
from tests.hostile_server import Answer, HostileServer, Request, json_answer

EXAMPLES: Final = Path(__file__).parents[2] / "contract_examples"
SEEDS: Final = int(os.environ.get("GLOWS_NB_SEEDS", "40"))
ODD: Final = 1
"""Which of the three rows is changed."""


class Lists:
    """A service whose lists have three rows, and may be changed."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {}
        self.asked = 0
        self.restore()

    def restore(self) -> None:
        for name, field in FIELDS.items():
            row = json.loads((EXAMPLES / f"{FILES[name]}.response.json").read_text())[field][0]
            self.rows[field] = [self._named(name, copy.deepcopy(row), number) for number in range(3)]

    @staticmethod
    def _named(name: str, row: dict[str, Any], number: int) -> dict[str, Any]:
        if name == "specs":
            row["base_resource"]["resource_id"] = f"id-{number}"
        else:
            row[IDS[name]] = f"id-{number}"
        return row

    def __call__(self, request: Request) -> Answer:
        self.asked += 1
        for prefix, field in PATHS.items():
            if f"/{prefix}" in request.target:
                rows = self.rows[field]
                count = len(rows) if isinstance(rows, list) else 0
                pagination = {"total": count, "numPages": 1, "page": 1, "perPage": 20}
                return json_answer({"code": 0, "msg": "", "pagination": pagination, field: rows})
        return json_answer({"code": 6, "msg": "param illegal"})


FIELDS: Final = {
    "instances": "instances",
    "specs": "specs",
    "images": "images",
    "networks": "networks",
    "endpoints": "endpoints",
    "snapshots": "snapshots",
}
FILES: Final = {
    "instances": "instance_list",
    "specs": "spec_list",
    "images": "image_list",
    "networks": "network_list",
    "endpoints": "network_endpoints",
    "snapshots": "snapshot_list",
}
IDS: Final = {
    "instances": "instanceID",
    "images": "image_id",
    "networks": "netID",
    "endpoints": "endpoint_id",
    "snapshots": "snapshot_id",
}
PATHS: Final = {
    "instance/list": "instances",
    "spec/list": "specs",
    "image/list": "images",
    "network/list": "networks",
    "network/endpoint/list": "endpoints",
    "snapshot/list": "snapshots",
}

SERVICE: Final = Lists()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        HostileServer(SERVICE) as server,
        Client("token", server.base_url, allow_http=True, max_retries=0) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _restored() -> None:
    SERVICE.restore()


def read(client: Client, name: str, *, strict: bool = False) -> list[Any]:
    match name:
        case "specs":
            return list(client.specs.all(0, "img-87p9kq26", strict=strict))
        case "networks":
            return list(client.networks.all(domain=0, strict=strict))
        case "endpoints":
            return list(client.networks.all_endpoints("net-a", strict=strict))
    return list(getattr(client, name).all(strict=strict))


def frame_of(name: str, models: list[Any]) -> pd.DataFrame:
    made: pd.DataFrame = getattr(frames, name)(models, wide=True)
    return made


def ids_of(name: str, table: pd.DataFrame) -> list[Any]:
    column = {"specs": "resource_id"}.get(name, f"{name.removesuffix('s')}_id")
    return list(table[column])


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a row that has a value."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def put(row: Any, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        row = row[step]
    row[path[-1]] = value


numbers = (
    st.integers()
    | st.sampled_from([2**31, 2**53, 2**63 - 1, 2**63, 2**70, -(2**63), -(2**70)])
    | st.floats(allow_nan=False, allow_infinity=False)
)
TRICKY: Final[list[Any]] = [{}, "", "\ud800", 10**400, 1e300, 253402300799, "0"]
any_json = st.recursive(
    st.none() | st.booleans() | numbers | st.text() | st.sampled_from(TRICKY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=SEEDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_field_may_be_anything_and_the_other_rows_are_there(client: Client, name: str, data: st.DataObject) -> None:
    SERVICE.restore()
    row = SERVICE.rows[FIELDS[name]][ODD]
    path = data.draw(st.sampled_from(list(places(row))), label="place")
    put(row, path, data.draw(any_json, label="value"))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        models = read(client, name)
        table = frame_of(name, models)
    ids = ids_of(name, table)
    assert len(ids) == 3 or (len(ids) == 2 and row_has_id_of_another(name, row))
    assert ids[0] == "id-0"
    assert ids[-1] == "id-2"
    SERVICE.restore()
    untouched = frame_of(name, read(client, name))
    left_out = [column for column in ("age", "cost_estimate") if column in untouched]
    for here, there in ((0, 0), (-1, 2)):
        mine, theirs = table.iloc[[here]].drop(columns=left_out), untouched.iloc[[there]].drop(columns=left_out)
        assert records(mine) == records(theirs)


def records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def row_has_id_of_another(name: str, row: Any) -> bool:
    id_ = row["base_resource"]["resource_id"] if name == "specs" else row[IDS[name]]
    return id_ in ("id-0", "id-2")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("row", [None, 0, "text", [], {}, True])
def test_a_row_that_is_no_object_is_a_row_of_nothing(client: Client, name: str, row: Any) -> None:
    SERVICE.rows[FIELDS[name]][ODD] = row
    with pytest.warns(UnreadableRowWarning, match=rf"{FIELDS[name]}\.1 at "):
        table = frame_of(name, read(client, name))
    assert [pd.isna(id_) for id_ in ids_of(name, table)] == [False, True, False]
    with pytest.raises(BadResponse, match=rf"{FIELDS[name]}\.1"):
        read(client, name, strict=True)


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        ("instances", ("status",), 2, "instances.1 (id-1) at status"),
        ("instances", ("priceCent",), 49.5, "instances.1 (id-1) at priceCent"),
        ("instances", ("hardware", "gpuNum"), "one", "instances.1 (id-1) at hardware.gpuNum"),
        ("specs", ("price",), None, "specs.1 (id-1) at price"),
        ("specs", ("price", "millicent_per_hour"), "49000", "specs.1 (id-1) at price.millicent_per_hour"),
        ("specs", ("base_resource", "unit_spec"), 5, "specs.1 (id-1) at base_resource.unit_spec"),
        ("images", ("name",), 5, "images.1 (id-1) at name"),
        ("networks", ("domain",), "two", "networks.1 (id-1) at domain"),
        ("endpoints", ("status",), {}, "endpoints.1 (id-1) at status"),
        ("snapshots", ("size_bytes",), -0.5, "snapshots.1 (id-1) at size_bytes"),
    ],
)
def test_the_warning_names_row_and_field(
    client: Client, name: str, path: tuple[str, ...], value: Any, said: str
) -> None:
    put(SERVICE.rows[FIELDS[name]][ODD], path, value)
    with pytest.warns(UnreadableRowWarning) as caught:
        models = read(client, name)
    assert said in str(caught[0].message)
    assert ids_of(name, frame_of(name, models)) == ["id-0", "id-1", "id-2"]
    page = {"specs": lambda: client.specs.list(0, "img-a"), "endpoints": lambda: client.networks.endpoints("net-a")}
    with pytest.warns(UnreadableRowWarning):
        page.get(name, lambda: getattr(client, name).list())()


@pytest.mark.parametrize("value", [{}, {"seconds": 0}, {"seconds": None}, {"nanos": 5}, 0, None])
def test_an_empty_time_is_none_and_nothing_odd(client: Client, value: Any) -> None:
    SERVICE.rows["instances"][ODD]["createTime"] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        machines = read(client, "instances", strict=True)
    assert machines[ODD].create_time is None
    assert frames.instances(machines)["cost_estimate"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [{}, "", 0, False])
def test_a_list_that_is_none_is_a_bad_response(client: Client, name: str, value: Any) -> None:
    SERVICE.rows[FIELDS[name]] = value
    with pytest.raises(BadResponse, match="no list"):
        read(client, name)


def test_what_can_be_read_of_an_odd_machine_is_there_and_nothing_is_reckoned_by_it(client: Client) -> None:
    SERVICE.rows["instances"][ODD] |= {"status": 2, "domain": "x"}
    with pytest.warns(UnreadableRowWarning):
        machine = client.instances.all()[ODD]
    assert machine.unread == ("status", "domain")
    assert (machine.instance_id, machine.status, machine.domain, machine.price_cent) == ("id-1", "", None, 65)
    assert machine.hardware.gpu_name == "NVIDIA GeForce RTX 4090"


def test_regions_keep_the_offers_beside_an_odd_one(client: Client) -> None:
    offers = copy.deepcopy(SERVICE.rows["specs"])
    offers[ODD]["price"] = None
    # The path is that of the other list; the contract has both fields in one answer.
    row = {"region_name": "TW-03", "specs": offers}
    with (
        HostileServer(
            lambda request: json_answer(
                {"code": 0, "msg": "", "pagination": {"total": 1, "perPage": 20}, "specs": [], "regions": [row]}
            )
        ) as server,
        Client("token", server.base_url, allow_http=True) as asking,
        pytest.warns(UnreadableRowWarning) as caught,
    ):
        (region,) = asking.specs.by_region(0, "img-a")
    assert "regions.0 (TW-03).specs.1 (id-1) at price" in str(caught[0].message)
    assert [spec.resource_id for spec in region.specs] == ["id-0", "id-1", "id-2"]
    assert [bool(spec.unread) for spec in region.specs] == [False, True, False]


@pytest.mark.parametrize("cents", [10**12, 2**63, 2**70, 10**400])
def test_a_price_out_of_all_reason_is_none(client: Client, cents: int) -> None:
    SERVICE.rows["instances"][ODD]["priceCent"] = cents
    with pytest.warns(UnreadableRowWarning, match=r"instances\.1 \(id-1\) at priceCent"):
        table = frame_of("instances", read(client, "instances"))
    assert table["price_per_hour"].isna().tolist() == [False, True, False]
    assert table["cost_estimate"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("name", FIELDS)
def test_an_id_of_no_characters_is_none(client: Client, name: str) -> None:
    row = SERVICE.rows[FIELDS[name]][ODD]
    put(row, ("base_resource", "resource_id") if name == "specs" else (IDS[name],), "")
    with pytest.warns(UnreadableRowWarning, match="at least 1 character"):
        models = read(client, name)
    assert [bool(model.unread) for model in models] == [False, True, False]


@pytest.mark.parametrize("price", [49.5, {}, [], "", "49", -1, False])
def test_a_machine_whose_price_is_none_is_not_one_that_can_be_read(client: Client, price: Any) -> None:
    SERVICE.rows["instances"][ODD]["priceCent"] = price
    with pytest.warns(UnreadableRowWarning, match=r"instances\.1 \(id-1\) at priceCent"):
        machines = client.instances.all()
    assert [machine.unread for machine in machines] == [(), ("priceCent",), ()]


@pytest.mark.parametrize("field", ["total", "numPages", "page", "perPage"])
@pytest.mark.parametrize("claim", [None, "many", {}, 2**63, -(2**70), 1.5])
def test_a_claim_that_is_none_hides_no_row(field: str, claim: Any) -> None:
    pagination = {"total": 3, "numPages": 1, "page": 1, "perPage": 20, field: claim}
    answer = {"code": 0, "msg": "", "pagination": pagination, "instances": SERVICE.rows["instances"]}
    with HostileServer(lambda request: json_answer(answer)) as server, Client("token", server.base_url) as asking:
        assert [machine.instance_id for machine in asking.instances.all()] == ["id-0", "id-1", "id-2"]
        assert len(server.requests) == 1
