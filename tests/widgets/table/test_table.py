"""The table widget's decisions: window, sort, filter, selection by id, and what it leaves behind in a notebook."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pytest
from ipywidgets import Widget

import glows_nb as glows
from glows_nb.widgets.table.table import WINDOW, TableWidget, in_words


@pytest.fixture(autouse=True)
def widgets_closed() -> Iterator[None]:
    yield
    Widget.close_all()


def numbers(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"instance_id": [f"ins-{n}" for n in range(count)], "price_per_hour": [n / 100 for n in range(count)]}
    )


def ids(table: TableWidget) -> list[str]:
    return [row["id"] for row in table.rows]


def test_ten_thousand_rows_send_one_window() -> None:
    table = glows.show(numbers(10_000))
    assert (table.total, len(table.rows)) == (10_000, WINDOW)
    assert len(json.dumps(table.get_state(["rows", "columns", "caption"]))) < 20_000
    table.first = 9_990
    assert ids(table) == [f"ins-{n}" for n in range(9_990, 10_000)]


def test_sorting_is_by_value_and_not_by_text_and_goes_back_to_the_top() -> None:
    table = glows.show(numbers(300))
    table.first = 200
    table.sort_column, table.is_descending = "price_per_hour", True
    assert table.first == 0
    assert ids(table)[:3] == ["ins-299", "ins-298", "ins-297"]


def test_filter_wants_every_word_in_any_column_and_case() -> None:
    table = glows.show(pd.DataFrame({"gpu": ["RTX 4090", "RTX 4090", "H200"], "region": ["TW-03", "TW-04", "TW-03"]}))
    table.query = "tw-03 rtx"
    assert [row["cells"] for row in table.rows] == [["RTX 4090", "TW-03"]]
    table.query = "nothing like it"
    assert (table.total, table.rows) == (0, [])
    table.query = "(["
    assert table.total == 0, "what is typed is text, not a pattern"


def test_selection_is_an_id_that_outlives_a_refresh_while_its_row_is_there() -> None:
    table = glows.show(numbers(5))
    table.selected = "ins-3"
    table.frame = numbers(5).iloc[::-1]
    assert table.selected == "ins-3"
    table.frame = numbers(2)
    assert table.selected is None


def test_selected_snapshot_stays_selected_when_its_machine_gets_another() -> None:
    table = glows.show(pd.DataFrame({"snapshot_id": ["snap-1"], "instance_id": ["ins-1"]}))
    table.selected = ids(table)[0]
    table.frame = pd.DataFrame({"snapshot_id": ["snap-2", "snap-1"], "instance_id": ["ins-1", "ins-1"]})
    assert table.selected == "snap-1"


def test_rows_whose_first_id_is_of_what_they_belong_to_have_the_next_one() -> None:
    table = glows.show(pd.DataFrame({"network_id": ["net-1", "net-1"], "instance_id": ["ins-1", "ins-2"]}))
    assert ids(table) == ["ins-1", "ins-2"]


def test_two_offers_with_one_gpu_in_one_region_have_two_ids(shared_sandbox: glows.Sandbox) -> None:
    with shared_sandbox.client() as client:
        table = glows.show(glows.specs(gpu="4090", region="TW-03", client=client))
    assert len(set(ids(table))) == 2
    assert table.is_sandbox
    assert "CUDA" in table.caption


def test_bars_are_parts_of_the_highest_price_and_none_where_it_is_unknown() -> None:
    table = glows.show(pd.DataFrame({"price_per_hour": [1.0, 4.0, None]}))
    assert [row["bars"] for row in table.rows] == [[0.25], [1.0], [None]]
    assert [row["cells"] for row in table.rows] == [["1.000"], ["4.000"], ["–"]]
    assert glows.show(pd.DataFrame({"price_per_hour": [0.0]})).rows[0]["bars"] == [None]


def test_headings_have_their_units() -> None:
    table = glows.show(numbers(1))
    assert [column["heading"] for column in table.columns] == ["instance id", "price per hour (Credits)"]
    assert [column["kind"] for column in table.columns] == ["text", "number"]


def test_csv_is_all_that_fits_and_stands_in_no_trait() -> None:
    table = glows.show(numbers(300))
    sent: list[object] = []
    table.send = lambda content, buffers=None: sent.append(content)
    table.query = "ins-29"
    table._on_message(table, {"ask": "csv"}, [])
    (message,) = sent
    assert isinstance(message, dict)
    assert message["csv"].splitlines()[1] == "ins-29,0.29"
    assert len(message["csv"].splitlines()) == 12
    assert "ins-29,0.29" not in json.dumps(table.get_state(), default=str)


@pytest.mark.parametrize("frame", [numbers(0), pd.DataFrame(), numbers(3)])
def test_without_a_front_end_it_is_plain_html_and_text_with_the_time_of_its_truth(frame: pd.DataFrame) -> None:
    bundle = glows.show(frame)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "as of 20" in data["text/html"]
    assert "as of 20" in data["text/plain"]


def test_hostile_names_are_text_in_html() -> None:
    table = glows.show(pd.DataFrame({"<b>": ["<script>alert(1)</script>"]}))
    bundle = table._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<script>" not in data["text/html"]
    assert "&lt;script&gt;" in data["text/html"]


def test_column_in_words_has_the_exact_one_on_hover_and_sorts_by_value() -> None:
    frame = pd.DataFrame(
        {
            "instance_id": ["ins-1", "ins-2", "ins-3"],
            "age": pd.to_timedelta([600, 190_000, pd.NaT], unit="s"),
            "created": pd.to_datetime([3_000_000_000, 2_999_810_600, 0], unit="s", utc=True),
        }
    )
    table = TableWidget(frame, exact={"age": "created"})
    assert [column["name"] for column in table.columns] == ["instance_id", "age"]
    assert [row["cells"][1] for row in table.rows] == ["10 min", "2 d 4 h", "–"]
    assert table.rows[0]["titles"] == ["ins-1", "2065-01-24 05:20:00"]
    table.sort_column, table.is_descending = "age", True
    assert ids(table)[:2] == ["ins-2", "ins-1"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "< 1 min"), (59, "< 1 min"), (60, "1 min"), (3600, "1 h"), (3661, "1 h 1 min"), (86_400, "1 d")],
)
def test_durations_are_said_in_their_two_greatest_units(seconds: int, words: str) -> None:
    assert in_words(pd.Timedelta(seconds=seconds)) == words
