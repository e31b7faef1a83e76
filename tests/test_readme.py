"""README does what it says: its Python runs in one notebook from top to bottom, its commands run in a shell."""

from __future__ import annotations

import os
import re
import shlex
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
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.S | re.M)


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


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_every_shell_line_runs(line: str, shared_sandbox: glows.Sandbox) -> None:
    if line in RUN_ELSEWHERE:
        program = line.rpartition("&& ")[2].split()[0]
        assert program in ("glows-nb", "pytest"), RUN_ELSEWHERE[line]
        return
    program, *words = shlex.split(line)
    assert program == "glows-nb"
    ran = subprocess.run(  # noqa: S603 - README's own words
        [sys.executable, "-m", "glows_nb", *words],
        env={**os.environ, **service(shared_sandbox)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip()


def test_the_sample_of_a_profile_file_is_one() -> None:
    (sample,) = blocks("toml")
    profiles = tomllib.loads(sample)
    assert set(profiles) == {"default", "lab"}
    assert all("token" in settings for settings in profiles.values())


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert [path for path in pictures if not (ROOT / path).is_file()] == []


def test_the_gate_uses_the_test_command_of_this_readme() -> None:
    gate = (ROOT / ".ci" / "run").read_text()
    assert 'pip install -e "\\.\\[test\\]"' in gate
    assert 'pip install -e ".[test]" && pytest' in blocks("sh")[0]
