"""Names that a terminal would obey, or that show something else than they are, in every place that shows names."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import pandas as pd
import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

import glows_nb as glows
from glows_nb.api.errors.base import short_form
from glows_nb.api.models.images import Image
from glows_nb.api.models.instances import Instance
from glows_nb.cli import as_words
from glows_nb.commands import run
from glows_nb.commands.descriptions import facts_text
from glows_nb.connection import used_for_a_while
from glows_nb.formatting import visible
from glows_nb.frames.tables import as_text, captioned
from glows_nb.widgets.table.table import TableWidget
from tests.api.fake_service import instance_row

NAMES = {
    "escape": "a\x1b[2J\x1b]0;title\x07b",
    "carriage return": "harmless\rRelease nothing?",
    "line": "a\nWill end: ins-other",
    "turned": "safe\u202egnp.exe",
    "no width": "tra\u200bin\u2060\ufeff",
    "filler": "tra\u3164in",
    "C1": "a\x9b31mred",
    "separator": "a\u2028b\u2029c\x85d",
}
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff]")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_is_not_seen_is_written_out(name: str) -> None:
    shown = visible(name)
    assert not OBEYED.search(shown)
    assert "\n" not in shown
    assert "\\" in shown


@pytest.mark.parametrize("text", ["", "train", "実験-7", "モデル　二", "naïve é", "👍", "a\xa0b", "مرحبا", "שלום"])
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_what_is_visible_is_one_line_that_nothing_obeys(text: str) -> None:
    shown = visible(text)
    assert not OBEYED.search(shown)
    assert len(shown.splitlines()) <= 1
    assert visible(shown) == shown
    shown.encode()


def instance(name: str) -> Instance:
    row = instance_row(name, 1, "Running", remark=name, regionName=name, priceCent=50)
    row["hardware"]["gpuName"] = name
    return Instance.model_validate(row | {"baseImage": {"imageID": "img-1", "imageName": name}})


def plain(shown: Any) -> str:
    """What IPython prints of a value, with our formatters."""
    shell = InteractiveShell()
    glows.load_ipython_extension(shell)
    text: str = shell.display_formatter.format(shown)[0]["text/plain"]  # type: ignore[union-attr]
    return text


SHOWS: dict[str, Callable[[str], str]] = {
    "str of a machine": lambda name: str(instance(name)),
    "repr of a machine": lambda name: repr(instance(name)),
    "facts of a machine": lambda name: facts_text(instance(name)),
    "text/plain of a machine": lambda name: plain(instance(name)),
    "image": lambda name: str(Image.model_validate({"image_id": "i", "name": name})),
    "error": lambda name: short_form(glows.GlowsError(f"There is {name}."))[5:].replace("\x1b[0m", ""),
    "stats in a terminal": lambda name: as_words({name: 1}),
    "table": lambda name: as_text(captioned(pd.DataFrame({"name": [name], "x": [1]}), "names", is_sandbox=False)),
    "table in HTML": lambda name: captioned(pd.DataFrame({"name": [name]}), "names", is_sandbox=False)._repr_html_(),
    "rows of a widget": lambda name: str(TableWidget(pd.DataFrame({"name": [name]})).rows[0]["cells"]),
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("show", SHOWS)
def test_every_way_to_show_a_name_makes_it_visible(show: str, name: str) -> None:
    shown = SHOWS[show](name)
    assert not OBEYED.search(shown)
    assert shown.replace("\\\\", "\\").find(visible(name)[:5]) >= 0


@pytest.fixture
def named(sandbox: glows.Sandbox) -> Iterator[glows.Client]:
    """An account with a machine of each name."""
    with sandbox.client() as client:
        image = client.images.default().image_id
        for place, name in enumerate(NAMES.values()):
            client.instances.create(
                custom_meta_key=name,
                remark=name[:32],
                gpu_name="NVIDIA GeForce RTX 4090",
                region_name=("TW-01", "TW-03", "TW-04")[place % 3],
                from_image_id=image,
            )
        yield client


LINES = ["list", "stats", "cancel --all --others --yes", "show {id}", "snapshots", "spend", "list --json"]


@pytest.mark.parametrize("line", LINES)
def test_no_command_prints_what_a_terminal_obeys(line: str, named: glows.Client) -> None:
    said = io.StringIO()
    with used_for_a_while(named), redirect_stdout(said):
        for machine in named.instances.all()[: 8 if "{id}" in line else 1]:
            print(as_words(run(line.format(id=machine.instance_id))))
    assert not OBEYED.search(said.getvalue())


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX's")
def test_the_list_before_a_question_can_not_be_forged_in_a_terminal(
    named: glows.Client, sandbox: glows.Sandbox
) -> None:
    environment = {**os.environ, "GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token, "TERM": "xterm"}
    command = ["-m", "glows_nb", "cancel", "--all", "--others"]
    process = pexpect.spawn(
        sys.executable, command, env=environment, encoding="utf-8", timeout=60, dimensions=(50, 200)
    )
    process.expect(r"Release 8 machines\?.*\[y/N\]: ")
    asked = process.before
    assert len([line for line in asked.split("\r\n") if "Will end: ins-" in line]) == 8
    assert not OBEYED.search(asked.replace("\r\n", "\n"))
    process.sendline("n")
    process.expect("Nothing was done")
    process.close()
    assert len(named.instances.all()) == 8


def test_a_copied_table_holds_no_formula() -> None:
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "fine", "a=b", None]
    table = TableWidget(pd.DataFrame({"name": cells, "=head": range(9), "price": [-1.5] * 9}))
    lines = table.csv().splitlines()
    assert lines[0] == "name,'=head,price"
    assert [line.split(",")[0].strip('"') for line in lines[1:5]] == ["'=1+1", "'+1", "'-1", "'@x"]
    assert "'\tx" in table.csv()
    assert "'\rx" in table.csv()
    assert lines[-3:] == ["fine,6,-1.5", "a=b,7,-1.5", ",8,-1.5"]
