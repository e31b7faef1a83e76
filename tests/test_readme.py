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

RUN_ELSEWHERE = {
    'pip install -e ".[lab]" && glows-nb lab': "tests/e2e starts `glows-nb lab`, and .ci/run installs",
    'pip install -e ".[test]" && pytest': ".ci/run takes this very line from README",
    "glows-nb sandbox": "tests/test_cli.py",
    "papermill notebooks/quickstart.ipynb quickstart-done.ipynb": "a test of its own below",
}


INSTALLERS = ("uvx", "pipx")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.S | re.M)


SHELL_LINES = [line for block in blocks("sh") for line in block.splitlines()]


def service(sandbox: glows.Sandbox) -> dict[str, str]:
    return {"GLOWS_SDK_TOKEN": sandbox.token, "GLOWS_BASE_URL": sandbox.base_url}


def test_every_python_block_runs_in_order(sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in service(sandbox).items():
        monkeypatch.setenv(name, value)
    cells = [nbformat.v4.new_code_cell(block) for block in blocks("python")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, config=Config({"KernelManager": {"transport": "ipc"}})).execute()
    assert len(cells) >= 10
    shown = "\n".join(str(cell.outputs) for cell in notebook.cells)
    assert "ssh -p" in shown
    assert "SANDBOX" in shown
    with sandbox.client() as client:
        assert client.instances.stats().keys() <= {"Canceling", "Finished"}, "README releases what it starts"


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


@pytest.mark.parametrize("line", SHELL_LINES)
def test_every_shell_line_runs(line: str, checkout: Path, sandbox: glows.Sandbox) -> None:
    if line in RUN_ELSEWHERE:
        program = line.rpartition("&& ")[2].split()[0]
        assert program in ("glows-nb", "pytest", "papermill"), RUN_ELSEWHERE[line]
        return
    done = ran(line, checkout, sandbox)
    assert done.returncode == 0, done.stderr
    if line.startswith("glows-nb"):
        assert done.stderr == ""
        assert done.stdout.strip()


def test_papermill_runs_the_quickstart_and_its_notebook_holds_no_token(checkout: Path, sandbox: glows.Sandbox) -> None:
    (line,) = [line for line in SHELL_LINES if line.startswith("papermill")]
    done = ran(line, checkout, sandbox)
    assert done.returncode == 0, done.stderr
    written = (checkout / line.split()[-1]).read_text(encoding="utf-8")
    assert "Finished" in written
    assert sandbox.token not in written


def test_messages_of_the_troubleshooting_table_are_ours() -> None:
    table = README.partition("## When a message stops you")[2].partition("\n## ")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", table, flags=re.M)
    assert len(messages) >= 10
    source = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "glows_nb").rglob("*.py"))
    assert [message for message in messages if message not in source] == []


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
