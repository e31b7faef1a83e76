"""The notebook on looking after machines: it runs as it is, and its page shows the panel's last state and no secret."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

import glows_nb as glows

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "looking-after-machines.ipynb"
SPEED = 40.0


@dataclass(frozen=True)
class Run:
    """The notebook as it was run, the page that nbconvert makes of it, and what must be in neither."""

    cells: dict[str, Any]
    page: str
    secrets: list[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("notebook")
    own_places = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "IPYTHONDIR")}
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with glows.sandbox(speed=SPEED) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in own_places.items():
            patch.setenv(name, value)
        patch.setenv("GLOWS_BASE_URL", server.base_url)
        patch.setenv("GLOWS_SDK_TOKEN", server.token)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[1]), os.environ.get("PYTHONPATH", "")]))
        NotebookClient(notebook, timeout=120).execute()
        with server.client() as client:
            machines = client.instances.all()
        secrets = [server.token]
    assert len(machines) == 2
    for machine in machines:
        assert machine.ssh_password is not None
        secrets.append(machine.ssh_password.get_secret_value())
    page, _ = HTMLExporter().from_notebook_node(notebook)
    return Run({cell.id: cell for cell in notebook.cells}, page, secrets)


def shown(cell: Any) -> str:
    """All that a cell shows, as text and as HTML."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text", ""))
        parts += [str(part) for kind, part in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(parts)


def test_committed_notebook_has_under_ten_cells_and_no_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) < 10
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)
    assert "widgets" not in notebook.metadata


def test_every_cell_does_what_it_says(run: Run) -> None:
    assert re.search(r"is parked as snapshot snap-\w+", shown(run.cells["park-cell"]))
    assert "Running" in shown(run.cells["park-cell"])
    assert "overnight" in shown(run.cells["release-cell"])
    assert re.search(r"\d\.\d{3} Credits for \d machine", shown(run.cells["release-cell"]))


def test_page_shows_the_last_state_of_the_panel_and_not_the_first(run: Run) -> None:
    panel = shown(run.cells["panel-cell"])
    assert "Machines: nothing is running, so nothing is charged now" in panel
    assert "1 machine running" not in panel
    assert "Machines: nothing is running, so nothing is charged now" in run.page
    assert "SANDBOX" in panel
    assert re.search(r"As of \d{4}-\d\d-\d\d \d\d:\d\d UTC", panel)


def test_page_holds_no_secret(run: Run) -> None:
    assert len(run.secrets) == 3
    assert [secret for secret in run.secrets if secret in run.page] == []
