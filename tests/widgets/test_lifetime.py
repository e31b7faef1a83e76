"""A cell that runs again replaces its widgets: in a real IPython shell whose requests name their cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from glows_nb.widgets import lifetime


class Made:
    """Something that a cell makes, and that knows whether it was closed."""

    all: list[Made]

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_closed = False
        self.earlier = lifetime.replace_earlier(self)
        Made.all.append(self)
        if self.earlier is not None:
            self.earlier.close()

    def close(self) -> None:
        self.is_closed = True
        lifetime.forget(self)


class KernelShell(InteractiveShell):
    """A shell that knows, as a kernel's does, the request that it carries out."""

    request: dict[str, Any]

    def get_parent(self) -> dict[str, Any]:
        return self.request


class Notebook:
    """What asks a shell to run cells, and names them."""

    def __init__(self, shell: KernelShell) -> None:
        self.shell = shell
        self.runs = 0

    def run(self, cell: str, code: str) -> None:
        self.runs += 1
        header, metadata = {"msg_id": f"run-{self.runs}"}, {"cellId": cell} if cell else {}
        self.shell.request = {"header": header, "metadata": metadata}
        self.shell.run_cell(code).raise_error()


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    # Not the process's own instance, which other tests would meet.
    shell = KernelShell(config=Config({"HistoryManager": {"enabled": False}}))
    notebook = Notebook(shell)
    monkeypatch.setattr(lifetime, "get_ipython", lambda: shell)
    Made.all = []
    shell.user_ns["Made"] = Made
    yield notebook
    lifetime._made.clear()


def open_ones() -> list[str]:
    return [made.name for made in Made.all if not made.is_closed]


def test_cell_run_again_replaces_what_it_made_in_the_same_order(notebook: Notebook) -> None:
    for _ in range(10):
        notebook.run("a", "x, y = Made('first'), Made('second')")
    assert [made.earlier.name for made in Made.all[2:]] == ["first", "second"] * 9
    assert open_ones() == ["first", "second"]


def test_two_cells_and_two_widgets_of_one_run_do_not_replace_each_other(notebook: Notebook) -> None:
    notebook.run("a", "x = [Made('one'), Made('two')]")
    notebook.run("b", "y = Made('three')")
    assert open_ones() == ["one", "two", "three"]


def test_cell_that_makes_fewer_or_none_any_more_leaves_nothing_open(notebook: Notebook) -> None:
    notebook.run("a", "x = [Made('one'), Made('two'), Made('three')]")
    notebook.run("a", "x = Made('one again')")
    assert open_ones() == ["one again"]
    notebook.run("b", "z = 1")
    assert open_ones() == ["one again"]
    notebook.run("a", "z = 1")
    assert open_ones() == []
    assert lifetime._made == {}


def test_without_named_cells_nothing_is_replaced(notebook: Notebook) -> None:
    notebook.run("", "x = Made('one')")
    notebook.run("", "x = Made('two')")
    assert open_ones() == ["one", "two"]


def test_what_was_closed_by_hand_is_not_replaced(notebook: Notebook) -> None:
    notebook.run("a", "x = Made('one'); x.close()")
    notebook.run("a", "x = Made('two')")
    assert Made.all[1].earlier is None
