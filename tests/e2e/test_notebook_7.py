"""%glows in Jupyter Notebook 7: tables, a launch that asks, the form, Tab."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab, await_answer, free_port
from tests.e2e.jupyterlab import IDLE, command, screenshot, theme, write_notebook

CELLS = (
    "%load_ext glows_nb\n%glows sandbox",
    "%glows specs --gpu 4090 >> offers\nlen(offers)",
    "machine = %glows launch --gpu 4090 --name train --wait",
    "%glows form --name by-hand",
    "%glows spces",
)
CONFIG = "c.JupyterNotebookApp.expose_app_in_browser = True\n"


@pytest.fixture
def notebook_7(tmp_path: Path) -> Iterator[Lab]:
    """A running `jupyter notebook`."""
    (tmp_path / "jupyter_notebook_config.py").write_text(CONFIG)
    folder = tmp_path / "work"
    folder.mkdir()
    port, token = free_port(), secrets.token_hex(16)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    options = ["--no-browser", f"--port={port}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "notebook", *options, f"--IdentityProvider.token={token}", "--allow-root"],
            cwd=folder,
            env={**os.environ, **dict.fromkeys(names, str(tmp_path))},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            await_answer(f"http://127.0.0.1:{port}/api", process, tmp_path / "log.txt")
            yield Lab(f"http://127.0.0.1:{port}", token, folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def test_magic_works_in_notebook_7(notebook_7: Lab, page: Page) -> None:
    write_notebook(notebook_7, "magic.ipynb", *CELLS)
    page.goto(f"{notebook_7.url}/notebooks/magic.ipynb?token={notebook_7.token}")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.path === 'magic.ipynb'")
    page.wait_for_function(IDLE)
    # Not awaited: running all cells waits for the answer below.
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")

    outputs = page.locator(".jp-Cell .jp-OutputArea")
    expect(outputs.nth(1).locator("table")).to_contain_text("NVIDIA GeForce RTX 4090")
    expect(outputs.nth(1)).to_contain_text("SANDBOX")
    question = page.locator(".jp-Stdin-input")
    expect(question).to_be_focused()
    expect(outputs.nth(2)).to_contain_text("Rents 1 × NVIDIA GeForce RTX 4090 in TW-01 at 0.390 Credits/h")
    page.keyboard.type("y")
    page.keyboard.press("Enter")
    expect(outputs.nth(2)).to_contain_text("Running, 0.390 Credits/h")
    expect(outputs.nth(3).get_by_role("button", name="Launch", exact=True)).to_be_visible()
    expect(outputs.nth(4)).to_contain_text("CommandError: No such command 'spces'.")
    page.wait_for_function(IDLE)

    for name in ("Light", "Dark"):
        theme(page, name)
        outputs.nth(2).scroll_into_view_if_needed()
        screenshot(page, f"notebook-7-{name.lower()}")

    command(page, "notebook:insert-cell-below")
    command(page, "notebook:enter-edit-mode")
    page.keyboard.type("x = %glows show tra")
    page.keyboard.press("Tab")
    offered = page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item")
    expect(offered.first).to_contain_text("machine")
    screenshot(page, "notebook-7-completion")
    page.keyboard.press("Enter")
    source = "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    assert page.evaluate(source) == "x = %glows show train"
