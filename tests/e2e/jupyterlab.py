"""Driving JupyterLab from a test: open a notebook, run cells, save, change the theme, take pictures."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import PATIENCE_MS, Lab

IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return context?.session?.kernel?.status === 'idle';
}"""
RUN_CELL = """async number => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = number;
    await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
RUN_SILENTLY = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    await kernel.requestExecute({code, silent: true}).done;
}"""


def write_notebook(lab: Lab, name: str, *cells: str, kernel: str = "python3") -> None:
    """A notebook of code cells, in the folder."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    notebook.metadata.kernelspec = {"name": kernel, "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / name)


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook of the folder alone, without what an earlier test had open, and wait for its kernel."""
    page.goto(f"{lab.url}/lab/tree/{name}?reset&token={lab.token}")
    page.wait_for_function("name => window.jupyterapp?.shell.currentWidget?.context?.path === name", arg=name)
    page.wait_for_function(IDLE)
    theme(page, "Light")


def open_in_notebook_7(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook of the folder in Notebook 7, which the same server has, and wait for its kernel."""
    page.goto(f"{lab.url}/notebooks/{name}?token={lab.token}")
    page.wait_for_function("name => window.jupyterapp?.shell.currentWidget?.context?.path === name", arg=name)
    page.wait_for_function(IDLE)


def command(page: Page, name: str) -> None:
    """Carry out a command of JupyterLab's, and wait until the kernel is idle again."""
    await_promise(page, "name => window.jupyterapp.commands.execute(name)", name)
    page.wait_for_function(IDLE)


def run_cell(page: Page, number: int) -> None:
    """Run one cell, counted from 0, and wait until the kernel is idle again."""
    await_promise(page, RUN_CELL, number)
    page.wait_for_function(IDLE)


def in_kernel(page: Page, code: str) -> None:
    """Run code in the notebook's kernel, without a trace in the notebook."""
    await_promise(page, RUN_SILENTLY, code)


def await_promise(page: Page, script: str, argument: object) -> None:
    """Call a function in the page and wait for the promise that it gives, as long as for anything else in the page.

    `evaluate` alone would wait for ever where the front end never hears from the kernel that a cell has run, as happens
    now and then to JupyterLab with kernels that have subshells.
    """
    page.evaluate(
        f"""argument => Promise.race([
            ({script})(argument),
            new Promise((_, refuse) => setTimeout(() => refuse(new Error('JupyterLab did not finish')), {PATIENCE_MS})),
        ])""",
        argument,
    )


def theme(page: Page, name: str) -> None:
    """Change to the theme "Light" or "Dark"."""
    page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", f"JupyterLab {name}"
    )
    is_light = str(name == "Light").lower()
    expect(page.locator(f"body[data-jp-theme-light='{is_light}']")).to_be_attached()
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)


def picture(widget: Locator, name: str) -> None:
    """Keep a picture of one widget where GLOWS_NB_SCREENSHOTS says so."""
    folder = os.environ.get("GLOWS_NB_SCREENSHOTS")
    if folder:
        widget.screenshot(path=Path(folder) / f"{name}.png")


def screenshot(page: Page, name: str) -> None:
    """Keep a picture where GLOWS_NB_SCREENSHOTS says so."""
    folder = os.environ.get("GLOWS_NB_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
