"""What stands around a line's command."""

from __future__ import annotations

import pytest

from glows_nb.commands import CommandError
from glows_nb.magic.lines import Line, read_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("specs", Line("specs", None, False)),
        ("specs ; ", Line("specs", None, True)),
        ("stats # how many", Line("stats", None, False)),
        ("stats >> count; # how many >> nothing", Line("stats", "count", True)),
        ("# nothing", Line("", None, False)),
        ("show a#b", Line("show a#b", None, False)),
        ("launch --cmd 'a # b'", Line("launch --cmd 'a # b'", None, False)),
        ("specs --gpu 4090 >> df", Line("specs --gpu 4090", "df", False)),
        ("specs >> df;", Line("specs", "df", True)),
        ("launch --cmd 'a >> log'", Line("launch --cmd 'a >> log'", None, False)),
        ("specs --where 'gpus >> 2'", Line("specs --where 'gpus >> 2'", None, False)),
    ],
)
def test_line_is_taken_apart(text: str, line: Line) -> None:
    assert read_line(text) == line


def test_store_without_a_name_is_refused() -> None:
    with pytest.raises(CommandError, match="name of a variable is missing behind >>, as in: %glows specs >> table"):
        read_line("specs >> ")


@pytest.mark.parametrize("name", ["3x", "class", "a.b", "x-y"])
def test_name_that_no_variable_can_have_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="no name for a variable"):
        read_line(f"specs >> {name}")
