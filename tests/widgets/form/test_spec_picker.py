"""The spec picker against a sandbox: filters, choice by id, and what becomes of a choice that sells out."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.widgets import lifetime
from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.form.choices import offer_id
from glows_nb.widgets.form.spec_picker import SHOWN, SpecPicker


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "glows spec picker"])


@pytest.fixture
def picker(client: glows.Client) -> SpecPicker:
    return glows.spec_picker(client=client).ready()


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def column(picker: SpecPicker, name: str) -> list[str]:
    return [row["cells"][SHOWN.index(name)] for row in picker.table.rows]


def pick(picker: SpecPicker, number: int = 0) -> Any:
    """Choose a row, as the browser does."""
    picker.table.selected = picker.table.rows[number]["id"]
    return picker.value


def said(picker: SpecPicker) -> str:
    return html.unescape(str(picker.message.value))


def test_every_offer_is_a_row_with_its_prices_and_what_is_left(picker: SpecPicker, client: glows.Client) -> None:
    specs = client.specs.all()
    assert picker.table.total == len(specs)
    assert column(picker, "price_per_hour")[0] == f"{min(spec.rate for spec in specs).per_hour:.3f}"
    assert "✗ sold out" in column(picker, "stock")
    eight = column(picker, "gpus").index("8")
    per_hour, per_gpu = (
        float(column(picker, "price_per_hour")[eight]),
        float(column(picker, "price_per_gpu_hour")[eight]),
    )
    assert per_gpu == pytest.approx(per_hour / 8, abs=0.001)
    assert "CUDA12.8 Torch2.8.0 Base" in picker.table.caption
    assert picker.value is None


def test_stock_sorts_by_how_much_is_left(picker: SpecPicker) -> None:
    picker.table.sort_column, picker.table.is_descending = "stock", True
    left = [0 if text == "✗ sold out" else int(text.split()[0]) for text in column(picker, "stock")]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(
    ("field", "value", "name", "fits"),
    [
        ("gpu", "h200", "gpu", lambda cell: "H200" in cell),
        ("region", "TW-03", "region", lambda cell: cell == "TW-03"),
        ("vram", 80.0, "vram_gb", lambda cell: float(cell) >= 80),
        ("count", 8, "gpus", lambda cell: cell == "8"),
        ("count", 0, "gpus", lambda cell: cell == "0"),
        ("price", "0.5", "price_per_hour", lambda cell: float(cell) <= 0.5),
        ("available", True, "stock", lambda cell: cell != "✗ sold out"),
    ],
)
def test_each_filter_leaves_what_fits_and_can_be_taken_away(
    field: str, value: Any, name: str, fits: Callable[[str], bool], picker: SpecPicker
) -> None:
    everything, before = picker.table.total, getattr(picker, field).value
    getattr(picker, field).value = value
    assert 0 < picker.table.total < everything
    assert all(fits(cell) for cell in column(picker, name))
    getattr(picker, field).value = before
    assert picker.table.total == everything


def test_price_that_is_no_number_says_so_and_holds_nothing_out(picker: SpecPicker) -> None:
    everything = picker.table.total
    for text in ("cheap", "-1", "nan"):
        picker.price.value = text
        assert f"{text!r} is not a number" in html.unescape(picker.price_note.value)
        assert picker.front_end.labels["glows-field-price input"]["aria-invalid"] == "true"
        assert picker.table.total == everything
    picker.price.value = ""
    assert picker.price_note.value == ""
    assert picker.front_end.labels["glows-field-price input"]["aria-invalid"] == "false"


def test_value_is_the_spec_of_the_row_and_can_be_observed(picker: SpecPicker, client: glows.Client) -> None:
    heard: list[Any] = []
    picker.observe(lambda change: heard.append(change.new), "value")
    picker.gpu.value = "4090"
    picker.region.value = "TW-03"
    first, second = pick(picker, 0), pick(picker, 1)
    assert heard == [first, second]
    assert (first.rate.millicents_per_hour, second.rate.millicents_per_hour) == (49_000, 55_000)
    assert second in client.specs.all()
    assert "Chosen: NVIDIA GeForce RTX 4090" in said(picker)


def test_choice_outlives_refreshes_filters_and_other_orders(picker: SpecPicker, client: glows.Client) -> None:
    chosen = pick(picker, 3)
    picker.refresh()
    picker.table.sort_column, picker.table.is_descending = "gpu", True
    picker.gpu.value = "no such GPU"
    assert picker.value == chosen
    assert picker.table.selected == "/".join(offer_id(chosen))
    assert picker.table.total == 1, "what is chosen stays to be seen"
    assert picker.table.caption.startswith("0 of 20 offers")
    assert picker.table.caption.endswith(", and the chosen one")


def test_choice_that_sold_out_stays_and_says_so(picker: SpecPicker, sandbox: glows.Sandbox) -> None:
    picker.available.value = True
    chosen = pick(picker)
    sandbox.admin.order("no_stock", gpu_name=chosen.unit.gpu_name, region=chosen.region_name)
    picker.refresh()
    assert offer_id(picker.value) == offer_id(chosen)
    assert not picker.value.avail
    assert "✗ Sold out since it was chosen" in said(picker)
    assert "✗ sold out" in column(picker, "stock")
    sandbox.admin.clear()
    picker.refresh()
    assert picker.value.avail
    assert "Chosen:" in said(picker)


def test_choice_that_is_listed_no_more_stays_as_sold_out(picker: SpecPicker, client: glows.Client) -> None:
    pick(picker)
    gone = picker.value.model_copy(update={"region_name": "XX-99"})
    picker.value = gone
    picker.refresh()
    assert (offer_id(picker.value), picker.value.avail) == (offer_id(gone), False)
    assert "XX-99" in column(picker, "region")
    assert "Sold out" in said(picker)


def test_price_that_changed_is_in_the_value_after_a_refresh(picker: SpecPicker, sandbox: glows.Sandbox) -> None:
    before = pick(picker).rate
    sandbox.admin.order("price_change", factor=2.0)
    picker.refresh()
    assert picker.value.rate == before * 2


def test_bad_token_is_an_error_and_never_an_empty_table(sandbox: glows.Sandbox) -> None:
    with glows.Client("nonsense", sandbox.base_url, backoff=0) as client:
        picker = glows.spec_picker(client=client)
        with pytest.raises(glows.AuthError):
            picker.ready()
        assert "AuthError" in picker.problem.value
        assert picker.table.layout.display == "none"
        assert "click a row" not in picker.message.value, "there is none"
        assert picker.refresh_button.description == "Retry"


def test_service_that_goes_away_leaves_the_rows_and_comes_back_on_a_click(
    picker: SpecPicker, sandbox: glows.Sandbox
) -> None:
    chosen, rows = pick(picker), picker.table.rows
    sandbox.admin.order("code", "spec_list", code=1)
    picker.refresh_button.click()
    eventually(lambda: "InternalError" in picker.problem.value)
    assert (picker.table.rows, picker.value) == (rows, chosen)
    picker.gpu.value = "h100"
    assert "InternalError" in picker.problem.value, "a filter takes no error away"
    picker.refresh_button.click()
    eventually(lambda: picker.problem.value == "")
    assert picker.value == chosen


def test_value_that_is_set_is_marked_in_the_table(picker: SpecPicker, client: glows.Client) -> None:
    picker.value = wanted = next(spec for spec in client.specs.all() if "H200" in spec.hardware_name)
    assert picker.table.selected == "/".join(offer_id(wanted))
    assert "Chosen: NVIDIA H200" in said(picker)


def test_offers_without_a_gpu_say_so(picker: SpecPicker) -> None:
    picker.count.value = 0
    assert set(column(picker, "gpu")) == {"none, CPUs only"}


def test_plain_form_is_in_the_order_of_the_table_and_names_the_currency(picker: SpecPicker) -> None:
    picker.table.sort_column, picker.table.is_descending = "price_per_hour", True
    plain = picker._plain()
    assert plain.index("B200") < plain.index("H200") < plain.index("RTX 4090")
    assert "prices in Credits" in plain


def test_plain_form_and_text_say_what_is_chosen(picker: SpecPicker) -> None:
    pick(picker)
    plain = picker._plain()
    for words in ("SANDBOX", "Chosen:", "<table", "sold out"):
        assert words in plain
    assert repr(picker).startswith("<SpecPicker SANDBOX: ")
    assert "application/vnd.jupyter.widget-view+json" in picker._repr_mimebundle_()


def test_cell_run_again_goes_on_with_filters_and_choice(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = iter(range(100))
    monkeypatch.setattr(lifetime, "_current_run", lambda: ("cell", str(next(run))))
    monkeypatch.setattr(lifetime, "_watch_ends_of_runs", lambda shell: None)
    first = glows.spec_picker(client=client).ready()
    first.vram.value, first.price.value = 24.0, "3"
    chosen = pick(first)
    second = glows.spec_picker(client=client)
    assert second.value == chosen
    second.ready()
    assert (second.vram.value, second.price.value, second.value) == (24.0, "3", chosen)
    assert [part for part in [first, *all_parts(first)] if part.comm is not None] == []
    lifetime._made.clear()
