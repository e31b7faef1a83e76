"""The house stays one that a newcomer can walk through: rooms of a size, and few doors."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "glows_nb").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
LONGEST, MOST_IN_A_ROOM, MOST_AT_THE_TOP = 450, 22, 11
ALONE = {"glows_nb/remote/keeper.py": 810, "glows_nb/remote/jobs/runner.py": 620}
"""What runs alone on a machine has to be one file."""


def test_no_file_is_long_and_no_room_is_crowded() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert [path for path, most in ALONE.items() if lengths.pop(path) > most] == []
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}
    rooms = Counter(path.parent.relative_to(ROOT) for path in FILES)
    assert {room: number for room, number in rooms.items() if number > MOST_IN_A_ROOM} == {}
    assert rooms[Path("glows_nb")] <= MOST_AT_THE_TOP


def test_every_room_is_drawn_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = text.partition("```text")[2].partition("```")[0].split()
    rooms = {path.stem for path in (ROOT / "glows_nb").glob("*.py")} | {
        path.parent.name for path in (ROOT / "glows_nb").glob("*/__init__.py")
    }
    assert {room for room in rooms if not room.startswith("__")} - set(picture) == set()
    inside = {path.parent.name for path in (ROOT / "glows_nb").glob("*/*/__init__.py")}
    assert {room for room in inside if f"`{room}/`" not in text} == set()


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[len(ROOT.parts)] == "glows_nb"], ids=str)
def test_every_module_says_what_is_in_it(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said
    assert len(said.splitlines()[0]) > 10
