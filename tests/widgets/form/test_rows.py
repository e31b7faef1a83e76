"""Rows to fill in: secrets come as messages and stand in no state."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from ipywidgets import Widget
from pydantic import SecretStr

from glows_nb.widgets.form.rows import Column, Rows


@pytest.fixture(autouse=True)
def widgets_closed() -> Iterator[None]:
    yield
    Widget.close_all()


@pytest.fixture
def rows() -> Rows:
    return Rows("Variables", "Add", [Column("name", "Name"), Column("value", "Value", "secret")])


def type_secret(rows: Rows, row_id: str, value: str) -> None:
    """What the browser sends when something was typed into a secret field."""
    rows._on_message(rows, {"secret": {"id": row_id, "name": "value", "value": value}}, [])


def test_typed_secret_is_a_value_and_in_no_state(rows: Rows) -> None:
    rows.rows = [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]
    before = rows.edited
    type_secret(rows, "1", "hush")
    assert rows.edited > before
    assert [(row["name"], row["value"]) for row in rows.values] == [("A", SecretStr("hush")), ("B", SecretStr(""))]
    assert rows.kept == ["1"]
    assert "hush" not in json.dumps(rows.get_state(), default=str) + repr(rows) + repr(rows.values)


def test_secret_goes_with_its_row_and_stays_when_others_go(rows: Rows) -> None:
    rows.rows = [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]
    type_secret(rows, "1", "one")
    type_secret(rows, "2", "two")
    rows.rows = [{"id": "2", "name": "C"}]
    assert rows.values == [{"name": "C", "value": SecretStr("two")}]
    rows.rows = [{"id": "1", "name": "A"}, {"id": "2", "name": "C"}]
    assert rows.values[0]["value"] == SecretStr(""), "a row that comes again does not bring an old secret"


def test_secret_taken_out_again_is_kept_no_more(rows: Rows) -> None:
    rows.rows = [{"id": "1", "name": "A"}]
    type_secret(rows, "1", "one")
    type_secret(rows, "1", "")
    assert rows.kept == []


def test_values_can_be_set_and_given_to_other_rows(rows: Rows) -> None:
    rows.values = [{"name": "A", "value": "hush"}, {"name": "B", "value": SecretStr("too")}]
    other = Rows("Variables", "Add", [Column("name", "Name"), Column("value", "Value", "secret")])
    other.values = rows.values
    assert [row["value"] for row in other.values] == [SecretStr("hush"), SecretStr("too")]
    assert "hush" not in json.dumps(other.get_state(), default=str)


def test_rows_whose_order_matters_can_be_moved_up() -> None:
    region = Column("region", "Region", "choice", is_unique=True)
    assert Rows("Regions", "Add", [region], is_ordered=True).up_label == "Move up"
    assert Rows("Regions", "Add", [region]).up_label == ""


def test_choices_of_a_column_can_change_and_what_is_chosen_stays(rows: Rows) -> None:
    regions = Rows("Regions", "Add", [Column("region", "Region", "choice")])
    regions.values = [{"region": "TW-01"}]
    regions.offer("region", ["TW-03", "TW-04"])
    assert regions.columns[0]["choices"] == ["TW-03", "TW-04"]
    assert regions.values == [{"region": "TW-01"}]
