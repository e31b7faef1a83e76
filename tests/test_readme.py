"""README does what it says: its Python runs in one notebook from top to bottom, its commands run in a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

import glows_nb as glows

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.partition("## Five minutes")[2].partition("## By task")[0]
CLUSTERS = ROOT / "notebooks" / "clusters.ipynb"

RUN_ELSEWHERE = {
    # Where they are run, and by which words.
    'pip install -e ".[lab]" && glows-nb lab': ("tests/e2e/conftest.py", '"-m", "glows_nb", "lab"'),
    'pip install -e ".[test]" && pytest': (".ci/run", 'eval "$install'),
    "glows-nb sandbox": ("tests/test_cli.py", '"sandbox"'),
    "papermill notebooks/quickstart.ipynb quickstart-done.ipynb": ("tests/test_readme.py", "def test_papermill_runs"),
}
INSTALLERS = ("uv", "uvx", "pipx")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M)


SHELL_LINES = [line for block in blocks("sh") for line in block.splitlines()]


def service(sandbox: glows.Sandbox) -> dict[str, str]:
    return {"GLOWS_SDK_TOKEN": sandbox.token, "GLOWS_BASE_URL": sandbox.base_url}


def shown_by(notebook: nbformat.NotebookNode) -> str:
    """What a notebook shows when it is run from top to bottom."""
    NotebookClient(notebook, timeout=60, config=Config({"KernelManager": {"transport": "ipc"}})).execute()
    return "\n".join(str(cell.outputs) for cell in notebook.cells if cell.cell_type == "code")


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def test_tour_runs_in_any_notebook_without_a_token() -> None:
    steps = blocks("python", TOUR)
    assert len(steps) >= 8
    shown = shown_by(notebook_of(*steps, "print(client.instances.stats())"))
    assert "ssh -p" in shown
    assert "SANDBOX" in shown
    assert re.search(r"\{'Finished': \d\}", shown), "the tour releases what it starts"


def test_every_python_block_runs_in_order_and_a_notebook_after_them(
    sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in service(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert len(blocks("python")) >= 30
    assert "SANDBOX" in shown_by(notebook_of(*blocks("python")))
    with sandbox.client() as client:
        assert client.instances.stats().keys() <= {"Canceling", "Finished"}, "README releases what it starts"
    # The one that needs something of which an account has few: the network that README made must do for it.
    assert "torchrun" in shown_by(nbformat.read(CLUSTERS, as_version=4))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what a newcomer has after cloning; what commands write stays in it."""
    copy = tmp_path / "checkout"
    for name in ("glows_nb", "notebooks", "pyproject.toml", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy / name)
    return copy


def ran(line: str, checkout: Path, server: glows.Sandbox) -> subprocess.CompletedProcess[str]:
    """A shell line, typed in a checkout with the server as the service."""
    program, *words = shlex.split(line)
    command = [sys.executable, "-m", "glows_nb"] if program == "glows-nb" else [shutil.which(program) or program]
    environment = {**os.environ, **service(server)}
    if program in INSTALLERS:
        # What they install is to come out of the copy, not out of the environment of the tests.
        environment.pop("PYTHONPATH", None)
    return subprocess.run(  # noqa: S603 - README's own words
        [*command, *words], cwd=checkout, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("line", [line for line in SHELL_LINES if line not in RUN_ELSEWHERE])
def test_every_shell_line_runs(line: str, checkout: Path, sandbox: glows.Sandbox) -> None:
    done = ran(line, checkout, sandbox)
    assert done.returncode == 0, done.stderr
    if line.startswith("glows-nb"):
        assert done.stderr == ""
        assert done.stdout.strip()


def test_what_is_run_elsewhere_is_in_this_readme_and_there() -> None:
    assert [line for line in RUN_ELSEWHERE if line not in SHELL_LINES] == []
    for place, words in RUN_ELSEWHERE.values():
        assert words in (ROOT / place).read_text(encoding="utf-8"), place


def test_papermill_runs_the_quickstart_and_its_notebook_holds_no_token(checkout: Path, sandbox: glows.Sandbox) -> None:
    (line,) = [line for line in SHELL_LINES if line.startswith("papermill")]
    done = ran(line, checkout, sandbox)
    assert done.returncode == 0, done.stderr
    written = (checkout / line.split()[-1]).read_text(encoding="utf-8")
    assert "Finished" in written
    assert sandbox.token not in written


def test_the_sample_of_a_profile_file_is_one() -> None:
    (sample,) = blocks("toml")
    profiles = tomllib.loads(sample)
    assert set(profiles) == {"default", "lab"}
    assert all("token" in settings for settings in profiles.values())


def test_every_picture_is_there() -> None:
    pictures = re.findall(r'<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">', README)
    pictures += re.findall(r'<img alt="[^"]{20,}" src="([^"]+)">', README)
    assert len(pictures) == 2 * README.count("<picture>") >= 8
    assert [path for path in pictures if not (ROOT / path).is_file()] == []


def test_the_gate_uses_the_test_command_of_this_readme() -> None:
    gate = (ROOT / ".ci" / "run").read_text()
    assert 'pip install -e "\\.\\[test\\]"' in gate
    assert 'pip install -e ".[test]" && pytest' in blocks("sh")[0]
