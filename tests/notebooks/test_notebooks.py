"""Every notebook: as it is committed, and as it runs from top to bottom on a sandbox."""

from __future__ import annotations

import json
import os
import re
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

import glows_nb as glows
from glows_nb.jupyter import QUICKSTART, copy_notebooks, notebooks, quickstart

ROOT = Path(__file__).parent.parent.parent
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
TESTED_ELSEWHERE = (QUICKSTART, "looking-after-machines.ipynb")
MOST_CELLS = 9
MAY_FAIL = "raises-exception"
SAID = {
    "choosing-a-gpu.ipynb": ("price_per_gpu_hour", "<svg", "0.390 Credits/h", "Rents 1 ×", "without gpu there is"),
    "clusters.ipynb": ("worker-0", "worker-1", "127.77.", "torchrun --nnodes 2", "Finished"),
    "testing-your-own-code.ipynb": ("3 passed",),
    "when-things-go-wrong.ipynb": (
        "AuthError",
        "NoResourceAvailable",
        "WaitTimeout",
        "machines now: {'SchedQueued': 1}",
        "48,894 characters came; the exit status is 0",
        "clock",
    ),
    "working-on-a-machine.ipynb": (
        "NVIDIA GeForce RTX 4090, 0 %",
        "final loss 0.2",
        "2 files sent",
        "losses.json",
        "http://127.0.0.1:",
    ),
}
JWT = urlsafe_b64encode(b'{"alg"').decode().rstrip("=")[:8]
"""How every token begins: with the header, {"alg":…, in base64."""


def committed(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
    return found


def code_of(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def service() -> Iterator[glows.Sandbox]:
    """The sandbox that `%glows sandbox` finds in the kernel's environment, as under `glows-nb lab`."""
    with glows.sandbox(speed=100) as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebook_has_no_outputs(name: str) -> None:
    code = code_of(committed(name))
    assert len(code) >= 4
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert [cell["execution_count"] for cell in code] == [None] * len(code)


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebook_is_short_and_begins_with_what_it_is_about(name: str) -> None:
    notebook = committed(name)
    assert len(notebook["cells"]) <= MOST_CELLS
    assert notebook["cells"][0]["source"][0].startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebook_names_its_kernel_and_holds_nothing_of_a_machine(name: str) -> None:
    notebook = committed(name)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["kernelspec"]["display_name"]
    assert "widgets" not in notebook["metadata"]
    assert (notebook["nbformat"], len({cell["id"] for cell in notebook["cells"]})) == (4, len(notebook["cells"]))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TESTED_ELSEWHERE])
def test_notebook_runs_from_top_to_bottom_and_shows_no_secret(
    name: str, service: glows.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GLOWS_SDK_TOKEN", service.token)
    monkeypatch.setenv("GLOWS_BASE_URL", service.base_url)
    notebook = nbformat.reads(json.dumps(committed(name)), as_version=4)
    transport = {"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {}
    monkeypatch.chdir(tmp_path)
    NotebookClient(notebook, timeout=60, config=Config(transport)).execute()

    for cell in code_of(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == (MAY_FAIL in cell.metadata.get("tags", ())), cell.source
    executed = nbformat.writes(notebook)
    assert [words for words in SAID[name] if words not in executed] == []
    assert "Traceback" not in executed
    with service.client() as client:
        machines = client.instances.all()
    assert {machine.status for machine in machines} <= {"Canceling", "Finished"}, "what it starts it releases"
    secrets = [JWT, *(machine.ssh_password.get_secret_value() for machine in machines if machine.ssh_password)]
    assert [secret for secret in secrets if secret in executed] == []
    assert not re.search(r"token=\w{8}\b", executed)
    assert service.token.startswith(JWT)


def test_the_extra_with_which_a_newcomer_opens_them_has_what_they_use() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    sources = {name: "".join("".join(cell["source"]) for cell in code_of(committed(name))) for name in NAMES}
    assert any("glows.plots" in source for source in sources.values())
    assert any("-m pytest" in source for source in sources.values())
    assert "glows-nb[plots,remote,sandbox]" in extras["lab"]
    assert any(requirement.startswith("pytest>") for requirement in extras["lab"])


def test_every_notebook_is_shipped_in_the_wheel() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    shipped = build["targets"]["wheel"]["force-include"]
    assert shipped == {f"notebooks/{name}": f"glows_nb/notebooks/{name}" for name in NAMES}


def test_copies_of_the_notebooks_never_overwrite_what_was_written_in_them(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    copy_notebooks(folder)
    assert sorted(path.name for path in folder.iterdir()) == [path.name for path in notebooks()] == NAMES
    mine = folder / QUICKSTART
    assert mine.read_bytes() == quickstart().read_bytes()
    mine.write_text("my work")
    copy_notebooks(folder)
    assert mine.read_text() == "my work"
