"""The whole job in one notebook, by clicks: from picking an offer to releasing the machine that came back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import glows_nb as glows
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import open_notebook, run_cell, screenshot, write_notebook

CONNECT = """
import json, pathlib
import glows_nb as glows
client = glows.connect(**json.loads(pathlib.Path("flow-access.json").read_text()))
"""
PICKER, FORM, PANEL = 1, 2, 3
"""The cells after the first."""
CELLS = (
    "picker = glows.spec_picker()\npicker",
    "glows.launch_form(spec=picker.value, name='flow')",
    "glows.panel()",
)


@pytest.fixture
def sandbox() -> Iterator[glows.Sandbox]:
    with glows.sandbox(speed=100) as running:
        yield running


@pytest.fixture
def account(sandbox: glows.Sandbox) -> Iterator[glows.Client]:
    with sandbox.client() as connected:
        yield connected


@pytest.fixture
def page(browser: Browser, lab: Lab, sandbox: glows.Sandbox) -> Iterator[Page]:
    (lab.folder / "flow-access.json").write_text(json.dumps({"token": sandbox.token, "base_url": sandbox.base_url}))
    write_notebook(lab, "flow.ipynb", CONNECT, *CELLS)
    opened = browser.new_page(viewport={"width": 1300, "height": 1600})
    opened.set_default_timeout(PATIENCE_MS)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_notebook(opened, lab, "flow.ipynb")
    run_cell(opened, 0)
    yield opened
    opened.close()


def press(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).last.click()


def test_pick_launch_copy_snapshot_park_unpark_release(page: Page, account: glows.Client) -> None:

    run_cell(page, PICKER)
    picker = page.locator(".glows-picker")
    picker.get_by_label("GPU", exact=True).fill("4090")
    picker.get_by_label("Region", exact=True).select_option("TW-04")
    expect(picker.locator("tbody tr")).to_have_count(1)
    picker.locator("tbody tr").click()
    expect(picker.get_by_text("Chosen: NVIDIA GeForce RTX 4090")).to_be_visible()

    run_cell(page, FORM)
    form = page.locator(".glows-form-box").nth(1)
    expect(form.get_by_text("Plan: Rents")).to_be_visible()
    form.get_by_role("button", name="Launch", exact=True).click()
    form.get_by_role("button", name="Rent now").click()
    expect(form.get_by_text("✓ Reachable")).to_be_visible()

    run_cell(page, PANEL)
    panel = page.locator(".glows-panel")
    row = panel.locator("tr[data-id]", has_text="flow")
    expect(row).to_contain_text("Running")
    row.click()
    press(panel, "Copy SSH")
    expect(panel.get_by_text("Copied: ssh")).to_be_visible()
    (machine,) = account.instances.all()
    assert page.evaluate("() => navigator.clipboard.readText()") == machine.ssh_command

    press(panel, "Snapshot")
    panel.get_by_label("Name").fill("half way")
    press(panel, "Take snapshot")
    expect(panel.get_by_text(re.compile(r"flow: snapshot sn\w+-\w+ is being taken"))).to_be_visible()
    expect(panel.get_by_role("button", name="Park", exact=True)).to_be_enabled()

    press(panel, "Park")
    expect(panel.get_by_text("Park flow? It is snapshotted and then released")).to_be_visible()
    press(panel, "Park")
    expect(panel.get_by_text("flow is parked as snapshot")).to_be_visible()
    expect(panel.get_by_text("nothing is running, so nothing is charged now")).to_be_visible()
    assert [one.status for one in account.instances.all()] == ["Finished"]

    press(panel, "Unpark")
    expect(panel.get_by_text("nothing is rented above")).to_be_visible()
    press(panel, "Unpark")
    expect(panel.get_by_text("flow is there again as ins-")).to_be_visible()
    expect(panel.get_by_text("1 machine running at 0.490 Credits/h")).to_be_visible()
    screenshot(page, "flow")

    press(panel, "Release")
    press(panel, "Release for good")
    expect(panel.get_by_text("there is no snapshot of it")).to_be_visible()
    expect(panel.get_by_text("nothing is running, so nothing is charged now")).to_be_visible()
    machines = account.instances.all()
    assert [one.status for one in machines] == ["Finished", "Finished"]
    assert machines[0].base_snap is not None, "it came back from its snapshot"
