"""Jupyter around our notebooks: `glows-nb lab` opens them, `glows-nb demo` runs the quickstart without a browser."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import click

from glows_nb.api.credentials.config import BASE_URL_VARIABLE, TOKEN_VARIABLE
from glows_nb.api.errors import ConfigError, GlowsError
from glows_nb.embedded import Sandbox, start

QUICKSTART: Final = "quickstart.ipynb"
TABLE_TAG: Final = "main-table"
CELL_TIMEOUT: Final = 120
WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"


def run_lab(folder: Path, *, has_browser: bool, port: int, speed: float | None, real_machines: bool | None) -> int:
    """Start a sandbox and JupyterLab on copies of the notebooks; returns JupyterLab's exit status.

    Raises:
        ConfigError: the extra `lab` is not installed.
    """
    _require("jupyterlab")
    copy_notebooks(folder)
    with start(speed=speed, real_machines=real_machines) as server:
        click.echo(f"SANDBOX at {server.base_url}: nothing here costs money. Stop with Ctrl-C.")
        click.echo(server.about_machines)
        command = [sys.executable, "-m", "jupyterlab", str(folder / QUICKSTART), f"--ServerApp.port={port}"]
        # The address that it prints leads there too, and not to its front page.
        command += [f"--LabApp.default_url=/lab/tree/{QUICKSTART}"]
        command += [] if has_browser else ["--no-browser"]
        command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        with _found_by_kernels(server):
            process = subprocess.Popen(command)  # noqa: S603 - our own command
        signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
        while True:
            # Ctrl-C reaches JupyterLab too, which asks whether it is meant: go on until it has ended.
            with suppress(KeyboardInterrupt):
                return process.wait()


def run_demo(output: Path) -> None:
    """Run the quickstart headless on a sandbox, print its main tables, and write the whole as an HTML page.

    Raises:
        ConfigError: the extra `lab` is not installed.
        GlowsError: a cell failed.
    """
    _require("nbclient")
    _require("nbconvert")
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbconvert import HTMLExporter

    notebook = nbformat.read(quickstart(), as_version=4)
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    with (
        start() as server,
        _found_by_kernels(server),
        click.progressbar(length=len(code_cells), label="Running the quickstart") as bar,
    ):
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            config=_kernel_config(),
            on_cell_complete=lambda cell, cell_index: bar.update(1),
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise GlowsError(f"The quickstart stopped: {error.ename}: {error.evalue}") from None
    for cell in code_cells:
        _prefer_html_to_widgets(cell)
        if TABLE_TAG in cell.metadata.get("tags", ()):
            click.echo()
            click.echo(_printed(cell))
    page, _ = HTMLExporter(exclude_input_prompt=True, exclude_output_prompt=True).from_notebook_node(notebook)
    output.write_text(page, encoding="utf-8")
    click.echo(f"\nThe whole run as a page: {output.resolve()}")


def copy_notebooks(folder: Path) -> None:
    """Put the notebooks into a folder of the user's; one that is there already is kept with what was written in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in notebooks():
        if not (folder / notebook.name).exists():
            shutil.copyfile(notebook, folder / notebook.name)


def quickstart() -> Path:
    """The quickstart as it was shipped."""
    return next(notebook for notebook in notebooks() if notebook.name == QUICKSTART)


def notebooks() -> list[Path]:
    """The notebooks as they were shipped: inside an installed package, beside the package in a checkout.

    Raises:
        ConfigError: they are in neither place.
    """
    package = Path(__file__).parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return sorted(folder.glob("*.ipynb"))
    raise ConfigError("The notebooks are missing from this installation; install glows-nb again.")


@contextmanager
def _found_by_kernels(server: Sandbox) -> Iterator[None]:
    """What this process starts meanwhile inherits its environment, with the sandbox as the service there."""
    variables = {BASE_URL_VARIABLE: server.base_url, TOKEN_VARIABLE: server.token}
    before = {name: os.getenv(name) for name in variables}
    _set_variables(variables)
    try:
        yield
    finally:
        _set_variables(before)


def _set_variables(variables: Mapping[str, str | None]) -> None:
    # Tracebacks print the values of what their lines name: the environment is named where nothing is raised.
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)  # noqa: TID251
        else:
            os.environ[name] = value  # noqa: TID251


def _kernel_config() -> Any:
    """The demo's kernel talks over sockets in the file system where there are such, so that nobody else can listen."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})


def _prefer_html_to_widgets(cell: Any) -> None:
    """A page has no kernel behind it, so a widget would stay empty; what it says as HTML is shown instead."""
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            data.pop(WIDGET_VIEW, None)


def _printed(cell: Any) -> str:
    """What a cell shows, as plain text."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text.rstrip())
        elif "text/plain" in output.get("data", {}):
            parts.append(output.data["text/plain"])
    return "\n".join(parts)


def _require(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(f'This needs {module}, which is not installed; run: pip install "glows-nb[lab]"')
