"""The panels in real JupyterLab: a machine's life by clicks and by keys, an outage, and nothing left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import glows_nb as glows
from tests.e2e.axe import serious_violations
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import IDLE, command, in_kernel, open_notebook, screenshot, theme

SPEED = 100.0
CONNECT = """
import json, pathlib
import glows_nb as glows
client = glows.Client(**json.loads(pathlib.Path("panel-access.json").read_text()), max_retries=0)
"""
PANELS = {
    "panel": "glows.panel(client=client)",
    "snapshots": "glows.snapshots_panel(client=client)",
    "images": "glows.images_panel(client=client)",
    "networks": "glows.networks_panel(client=client)",
}
THREADS = """
import json, pathlib, threading
names = [thread.name for thread in threading.enumerate() if thread.name.startswith("glows")]
pathlib.Path("threads.json").write_text(json.dumps(names))
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[glows.Sandbox]:
    """A server of the module's own, with a file, so that it can go away and come back."""
    path = tmp_path_factory.mktemp("sandbox") / "state.db"
    with glows.sandbox(speed=SPEED, path=path) as running:
        yield running


@pytest.fixture(scope="module")
def machine(sandbox: glows.Sandbox) -> glows.Instance:
    return launch(sandbox, "train")


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, sandbox: glows.Sandbox, machine: glows.Instance) -> Iterator[Page]:
    """One notebook for all tests, connected to the module's own server."""
    access = {"token": sandbox.token, "base_url": sandbox.base_url}
    (lab.folder / "panel-access.json").write_text(json.dumps(access))
    cells = [nbformat.v4.new_code_cell(code) for code in (CONNECT, *PANELS.values())]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "panels.ipynb")
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    opened.set_default_timeout(PATIENCE_MS)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_notebook(opened, lab, "panels.ipynb")
    run_cells(opened, 0, 1)
    yield opened
    opened.close()


def launch(sandbox: glows.Sandbox, name: str) -> glows.Instance:
    with sandbox.client() as client:
        return client.instances.launch(
            name=name,
            gpu_name="NVIDIA GeForce RTX 4090",
            region_name="TW-04",
            wait=True,
            from_image_id=client.images.default().image_id,
        )


def run_cells(page: Page, *numbers: int) -> None:
    for number in numbers:
        page.evaluate("number => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = number; }", number)
        command(page, "notebook:run-cell")


def test_machines_life_by_clicks(page: Page, machine: glows.Instance) -> None:
    panel = page.locator(".glows-panel").first
    expect(panel.get_by_text("1 machine running at 0.490 Credits/h")).to_be_visible()
    row = panel.locator("tr[data-id]", has_text="train").first
    row.click()
    expect(row).to_have_attribute("aria-selected", "true")

    press(panel, "Copy SSH")
    expect(panel.get_by_text("Copied: ssh")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == machine.ssh_command

    press(panel, "Snapshot")
    panel.get_by_label("Name").fill("x" * 33)
    press(panel, "Take snapshot")
    expect(panel.get_by_role("alert").filter(has_text="at most 32 characters")).to_be_visible()
    panel.get_by_label("Name").fill("before the weekend")
    press(panel, "Take snapshot")
    expect(panel.get_by_text("train: snapshot snap-")).to_be_visible()
    expect(panel.get_by_role("button", name="Park", exact=True)).to_be_enabled()

    press(panel, "▸ Details")
    look_at(page, "panel")
    press(panel, "Park")
    expect(panel.get_by_text("Park train? It is snapshotted and then released")).to_be_visible()
    press(panel, "Park")
    expect(panel.get_by_text("train is parked as snapshot snap-")).to_be_visible()

    press(panel, "▸ Ended machines (1)")
    expect(panel.locator("tr[data-id]", has_text="Finished")).to_contain_text("snap-")
    press(panel, "Unpark")
    expect(panel.get_by_text("nothing is rented above 0.500 Credits per hour")).to_be_visible()
    screenshot(page, "panel-ended")
    press(panel, "Unpark")
    expect(panel.get_by_text("train is there again as ins-")).to_be_visible()

    expect(panel.get_by_role("button", name="Release", exact=True)).to_be_enabled()
    press(panel, "Release")
    expect(panel.get_by_text("what is on its disk is gone for good")).to_be_visible()
    press(panel, "Release for good")
    expect(panel.get_by_text("No machine is there that has not ended.")).to_be_visible()
    press(panel, "▾ Ended machines (2)")


def test_small_panels(page: Page, sandbox: glows.Sandbox) -> None:
    launch(sandbox, "left")
    launch(sandbox, "right")
    run_cells(page, 2, 3, 4)
    snapshots, images, networks = (page.locator(".glows-panel").nth(number) for number in (1, 2, 3))

    expect(snapshots.locator("tr[data-id]", has_text="before the weekend")).to_contain_text("Available")
    snapshots.get_by_label("Machine", exact=True).select_option(index=0)
    press(snapshots, "Take snapshot")
    expect(snapshots.get_by_text("is being taken; the machine pauses")).to_be_visible()

    images.get_by_label("Link").fill("two words")
    press(images, "Submit")
    expect(images.get_by_role("alert").filter(has_text="an image link holds no white space")).to_be_visible()
    images.get_by_label("Link").fill("registry.example.com/team/runtime:cuda12.2")
    press(images, "Submit")
    expect(images.locator("tr[data-id]", has_text="runtime")).to_contain_text("pending (1)")
    expect(images.locator("tr[data-id]", has_text="runtime")).to_contain_text("ready (0)")

    networks.get_by_label("Name").fill("mesh")
    networks.get_by_label("Region").fill("TW-04")
    press(networks, "Create")
    expect(networks.locator("tr[data-id]", has_text="mesh")).to_contain_text("0/5")
    networks.get_by_label("Machines", exact=True).select_option(index=[0, 1])
    press(networks, "Attach")
    expect(networks.locator("tr[data-id]", has_text="mesh")).to_contain_text("2/5")
    expect(networks.locator("tr[data-id]", has_text="right")).to_contain_text("Connected")
    look_at(page, *PANELS)


def look_at(page: Page, *names: str) -> None:
    """Keep pictures of panels in both themes; axe finds nothing serious in either."""
    for colours in ("Dark", "Light"):
        theme(page, colours)
        for name in names:
            page.locator(".glows-panel").nth(list(PANELS).index(name)).scroll_into_view_if_needed()
            screenshot(page, f"{name}-{len(names)}-{colours.lower()}")
        assert serious_violations(page, ".glows-panel") == []


def press(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).last.click()
