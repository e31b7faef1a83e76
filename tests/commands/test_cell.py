"""What stands below `%%glows launch`, and what stands around a line's command."""

from __future__ import annotations

import pytest

from glows_nb.commands import CommandError
from glows_nb.commands.cell import words_of_cell
from glows_nb.magic.lines import Line, read_line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("python train.py", ["--cmd", "python train.py"]),
        ("port = 8000/http\nport=3306/tcp\n", ["--port", "8000/http", "--port", "3306/tcp"]),
        ("env TOKEN\nenv A = b c\nenv E=", ["--env", "TOKEN", "--env", "A=b c", "--env", "E="]),
        ("env = TOKEN\nenv = A=b = c\nenv = E = 1", ["--env", "TOKEN", "--env", "A=b = c", "--env", "E=1"]),
        ("# a note\n\ncmd = python -m x", ["--cmd", "python -m x"]),
        (
            "port = 1\n\ncd /x &&\n  # kept\nrun A=1\nport = 2\n",
            ["--port", "1", "--cmd", "cd /x &&\n  # kept\nrun A=1\nport = 2"],
        ),
        ("EPOCHS=3 python x.py", ["--cmd", "EPOCHS=3 python x.py"]),
        ("env A=1\nenv A=1 python x.py", ["--env", "A=1", "--cmd", "env A=1 python x.py"]),
        ("\n \n", []),
    ],
)
def test_settings_come_first_and_the_rest_is_the_command(body: str, words: list[str]) -> None:
    assert words_of_cell(body) == words


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("ports = 8000", "'ports' is no setting of the cell; did you mean port?"),
        ("image = x", "'image' is no setting of the cell; a variable is written env image = value, and other options"),
        ("PORT = 8000", "did you mean port?"),
        ("EPOCHS = 3", "written env EPOCHS = value"),
        ("port", "'port' is not complete here"),
        ("env", "'env' is not complete here"),
        ("cmd = a\nb", "two start commands"),
    ],
)
def test_what_is_no_setting_is_refused(body: str, sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        words_of_cell(body)
    assert sentence in str(refused.value)


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
