"""What stands below `%%glows launch`."""

from __future__ import annotations

import pytest

from glows_nb.commands import CommandError
from glows_nb.commands.cell import words_of_cell


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
