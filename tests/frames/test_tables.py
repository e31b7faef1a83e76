"""A table says what it is, fits the terminal, and writes names from the service as text."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from glows_nb import frames
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.snapshots import Snapshot
from glows_nb.api.models.specs import Spec
from glows_nb.frames.tables import MISSING, MOST_ROWS, Table, as_text, captioned

SCRIPT = "<script>alert(1)</script>"


def offer(region: str = "TW-01", gpu: str = "NVIDIA H200", millicents: int = 315_000) -> Spec:
    return Spec.model_validate(
        {
            "region_name": region,
            "price": {"millicent_per_hour": millicents},
            "base_resource": {"resource_id": "an-id", "unit_spec": {"gpu_name": gpu, "gpus": 1, "ram_mb": 245_760}},
            "avail": True,
            "max_available_units": 8,
        }
    )


def table(*offers: Spec, caption: str = "some offers", is_sandbox: bool = False) -> Table:
    return captioned(frames.specs(offers), caption, is_sandbox=is_sandbox)


def widest_row(text: str) -> int:
    """Of the rows alone: caption and the list of what is left out are sentences, which may wrap."""
    return max(len(line) for line in text.splitlines()[1:] if not line.startswith("…"))


def test_caption_stands_above_the_rows_in_text_and_html() -> None:
    shown = table(offer(), caption="1 offers for image X")
    assert repr(shown).splitlines()[0] == "1 offers for image X"
    assert shown._repr_html_().index("1 offers for image X") < shown._repr_html_().index("<table")


def test_sandbox_is_marked_in_text_and_html_and_the_service_is_not() -> None:
    sandbox, service = table(offer(), is_sandbox=True), table(offer(), is_sandbox=False)
    assert repr(sandbox).startswith("SANDBOX · some offers\n")
    assert ">SANDBOX</span>" in sandbox._repr_html_()
    assert "SANDBOX" not in repr(service) + service._repr_html_()


def test_empty_table_is_marked_too_and_says_that_it_has_no_rows() -> None:
    shown = table(caption="0 offers", is_sandbox=True)
    assert repr(shown).startswith("SANDBOX · 0 offers\n")
    assert "(none)" in repr(shown).splitlines()
    assert ">SANDBOX</span>" in shown._repr_html_()
    assert "price_per_hour" in shown._repr_html_()


def test_hostile_names_are_text_in_html() -> None:
    html = table(offer(region=SCRIPT, gpu=SCRIPT), caption=f"offers for {SCRIPT}")._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 3


def test_hostile_remark_of_a_machine_is_text_in_html() -> None:
    machine = Instance.model_validate({"instanceID": "ins-x", "status": "Running", "remark": '"><img src=x>'})
    html = captioned(frames.instances([machine]), "", is_sandbox=False)._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_text_fits_the_width_and_names_every_column_that_it_leaves_out(width: int) -> None:
    frame = table(offer(), offer("JP-01", "NVIDIA H100 80GB HBM3"))
    text = as_text(frame, width)
    assert widest_row(text) <= width
    header = text.splitlines()[1].split()
    left_out = text.rpartition("… and ")[2].split(", ") if "…" in text else []
    assert sorted([*header, *left_out]) == sorted(frame.columns)
    assert {"region", "gpu", "price_per_hour"} <= set(header) or width == 60


def test_narrow_text_keeps_the_id_that_says_which_row_it_is() -> None:
    snapshot = Snapshot.model_validate({"snapshot_id": "snap-1", "instance_id": "ins-1", "status": 3})
    text = as_text(captioned(frames.snapshots([snapshot], {}), "", is_sandbox=False), 70)
    assert text.splitlines()[0].split()[:2] == ["snapshot_id", "instance_id"]
    assert "name" in text.splitlines()[0].split()


def test_days_and_hours_are_written_shortly() -> None:
    spent = pd.DataFrame({"day": pd.to_datetime(["2026-01-31"], utc=True), "hours": [0.004444]})
    assert as_text(spent).splitlines()[1].split() == ["2026-01-31", "0.004"]


def test_wide_text_leaves_nothing_out() -> None:
    assert "…" not in as_text(table(offer()), 400)


def test_narrow_text_of_no_rows_fits_as_well() -> None:
    text = as_text(table(), 60)
    assert widest_row(text) <= 60
    assert "(none)" in text
    assert "… and " in text


def test_single_column_that_is_too_wide_is_shown_all_the_same() -> None:
    assert "price_per_hour" in as_text(pd.DataFrame({"price_per_hour": [0.49]}), 3)


def test_width_of_the_terminal_counts_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert widest_row(repr(table(offer()))) <= 70


def test_cells_are_written_as_people_read_them() -> None:
    text = as_text(table(offer(millicents=49_000), offer(gpu="", millicents=0)), 400)
    first, second = (line.split() for line in text.splitlines()[2:])
    assert "0.490" in first
    assert "240" in first
    assert "yes" in first
    assert MISSING in second
    assert not {"nan", "NaN", "<NA>", "None"} & {*first, *second}


def test_times_and_ages_are_written_to_the_second() -> None:
    frame = pd.DataFrame(
        {
            "created": pd.to_datetime(["2026-01-02 03:04:05.678"], utc=True),
            "age": pd.to_timedelta([93_784.9], unit="s"),
        }
    )
    assert as_text(frame, 100).splitlines()[-1].strip() == "2026-01-02 03:04:05  1 days 02:03:04"


def test_many_rows_are_shortened_to_a_screen_or_two() -> None:
    shown = table(*[offer() for _ in range(500)])
    assert len(repr(shown).splitlines()) < MOST_ROWS + 5
    assert shown._repr_html_().count("<tr") < MOST_ROWS + 5


def test_rows_left_out_of_the_middle_leave_dots_between_the_first_and_the_last() -> None:
    frame = pd.DataFrame({"number": range(MOST_ROWS + 2)})
    rows = [line.strip() for line in as_text(frame, 80).splitlines()[1:]]
    half = MOST_ROWS // 2
    assert rows == [*map(str, range(half)), "…", *map(str, range(half + 2, MOST_ROWS + 2))]
    html = captioned(frame, "", is_sandbox=False)._repr_html_()
    assert f"<th>{half - 1}</th>" in html
    assert f"<th>{half}</th>" not in html
    assert f"<th>{MOST_ROWS + 1}</th>" in html


def test_notebook_shows_the_price_before_what_a_narrow_terminal_leaves_out() -> None:
    names = re.findall(r"<th style[^>]*>(.*?)</th>", table(offer())._repr_html_())
    assert sorted(names) == sorted(table(offer()).columns)
    assert names[:3] == ["region", "gpu", "gpus"]
    assert names.index("available") < names.index("price_per_gpu_hour") < names.index("cpu")
    assert names[-1] == "resource_id"


def test_words_are_aligned_to_the_left_and_numbers_to_the_right() -> None:
    frame = pd.DataFrame({"gpu": ["L40S", "NVIDIA H200"], "price_per_hour": [0.83, 23.68]})
    assert as_text(frame, 80).splitlines() == [
        "gpu          price_per_hour",
        "L40S                  0.830",
        "NVIDIA H200          23.680",
    ]


def test_cell_that_is_too_long_is_cut_and_whole_at_a_hover() -> None:
    text = "a sentence that is longer than what a cell may show of it"
    shown = captioned(pd.DataFrame({"remark": [text]}), "", is_sandbox=False)
    assert f'title="{text}"' in shown._repr_html_()
    assert f">{text}<" not in shown._repr_html_()
    assert text[:20] in repr(shown)
    assert text not in repr(shown)


def test_signs_that_would_move_a_terminals_cursor_are_written_out() -> None:
    text = as_text(pd.DataFrame({"remark": ["two\nlines", "\x1b[2J"]}), 80)
    assert text.splitlines()[1:] == ["two\\nlines", "\\x1b[2J"]


def test_what_is_computed_from_a_table_is_a_plain_frame() -> None:
    whole = table(offer(), offer("JP-01"), is_sandbox=True)
    derived = [
        whole[whole["region"] == "JP-01"],
        whole.head(1),
        whole[["region", "gpu"]],
        whole.sort_values("price_per_hour"),
        whole.copy(),
        whole.assign(twice=whole["price_per_hour"] * 2),
        pd.concat([whole, whole]),
        whole.groupby("region", observed=True)[["price_per_hour"]].mean(),
    ]
    assert [type(frame) for frame in derived] == [pd.DataFrame] * len(derived)
    assert not any("some offers" in repr(frame) for frame in derived)


def test_table_is_a_frame_with_all_its_values() -> None:
    frame = frames.specs([offer()])
    shown = captioned(frame, "x", is_sandbox=False)
    assert isinstance(shown, pd.DataFrame)
    pd.testing.assert_frame_equal(pd.DataFrame(shown), frame)


def test_caption_of_one_table_is_not_that_of_another() -> None:
    frame = frames.specs([offer()])
    first, second = (captioned(frame, caption, is_sandbox=False) for caption in ("first", "second"))
    assert (first.attrs["glows_caption"], second.attrs["glows_caption"]) == ("first", "second")
    assert "glows_caption" not in frame.attrs
