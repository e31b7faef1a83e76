"""Spec picker and launch form in real JupyterLab: from a pick to a released machine, by mouse and by keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

import glows_nb as glows
from tests.e2e.axe import serious_violations
from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import command, in_kernel, open_notebook, run_cell, screenshot, theme, write_notebook

SSH_COMMAND = re.compile(r"ssh -p \d+ root@[\w.-]+")
ENV_SECRET = "hf-never-in-a-notebook"
CONNECT = "import glows_nb as glows\nclient = glows.connect({token!r}, {url!r})"


@pytest.fixture(scope="module")
def service() -> Iterator[glows.Sandbox]:
    """The service of this module's notebooks, in the tests' own process, so that its other side is at hand."""
    with glows.sandbox(speed=30) as running:
        yield running


def connect(service: glows.Sandbox) -> str:
    return CONNECT.format(token=service.token, url=service.base_url)


def test_pick_launch_copy_snapshot_release(lab: Lab, page: Page, service: glows.Sandbox) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cells = [connect(service), "picker = glows.spec_picker()\npicker"]
    cells += ["form = glows.launch_form(spec=picker.value, name='by-hand')\nform"]
    write_notebook(lab, "form.ipynb", *cells)
    open_notebook(page, lab, "form.ipynb")
    run_cell(page, 0)
    run_cell(page, 1)
    picker = page.locator(".glows-picker")
    pick_a_4090_in_tw_03(page, picker)
    assert serious_violations(page, ".glows-picker") == []
    screenshot(page, "picker-light")
    theme(page, "Dark")
    assert serious_violations(page, ".glows-picker") == []
    screenshot(page, "picker-dark")
    theme(page, "Light")
    run_cell(page, 2)
    form = page.locator(".glows-form:not(.glows-picker)")
    expect(form.get_by_text("0.490 Credits per hour, 11.76 per day, 352.80 per month")).to_be_visible()
    expect(form.get_by_text("no machine has it")).to_be_visible()
    form.scroll_into_view_if_needed()
    screenshot(page, "form-light")


def pick_a_4090_in_tw_03(page: Page, picker: Locator) -> None:
    """Filter, go to the second row by keys, and see it chosen."""
    rows = picker.locator("tbody tr")
    expect(rows).to_have_count(20)
    picker.get_by_label("GPU", exact=True).fill("4090")
    expect(rows).not_to_have_count(20)
    picker.get_by_label("Region").select_option("TW-03")
    expect(rows).to_have_count(2)
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(picker.get_by_text("Chosen: NVIDIA GeForce RTX 4090")).to_be_visible()
