from __future__ import annotations

from pathlib import Path

from tests.remote.conftest import Reached
from tests.remote.files.trees import in_seconds, looked_at, made


def test_first(reached: Reached, tmp_path: Path) -> None:
    here = made(tmp_path / "here", {"a": b"1", "sub/b": b"2", "empty": b"", "nothing": None, "link": "sub/b"})
    done = reached.machine.send(here, "there")
    assert done.sent == 4
    print(done.notes)
    assert in_seconds(looked_at(reached.home / "there")) == in_seconds(looked_at(here))
    again = reached.machine.send(here, "there")
    print(again.notes)
    assert (again.sent, again.skipped) == (0, 4)
    back = reached.machine.fetch("there", tmp_path / "back")
    print(back.notes)
    assert in_seconds(looked_at(tmp_path / "back")) == in_seconds(looked_at(here))
