"""Spec picker and launch form in Notebook 7, by keys: they are the widget's, and none is the notebook's."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.e2e.axe import serious_violations
from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import in_kernel, open_in_notebook_7, run_cell, write_notebook

CONNECT = """
import json, pathlib
import glows_nb as glows
%load_ext glows_nb
%glows sandbox
"""
PICKER = "picker = glows.spec_picker()\npicker"
FORM = "form = glows.launch_form()\nform"
NOTE = "pathlib.Path('keys.json').write_text(json.dumps([picker.value.region_name, picker.value.resource_id]))"


def test_rows_and_menus_are_chosen_by_keys_and_the_notebook_takes_none(lab: Lab, page: Page) -> None:
    write_notebook(lab, "keys.ipynb", CONNECT, PICKER, FORM)
    open_in_notebook_7(page, lab, "keys.ipynb")
    for cell in range(3):
        run_cell(page, cell)
    picker, form = page.locator(".glows-picker"), page.locator(".glows-launch-form")
    rows = picker.locator("tbody tr")
    expect(rows).to_have_count(20)

    rows.first.focus()
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("End", 19), ("ArrowUp", 18), ("Home", 0), ("ArrowDown", 1)):
        page.keyboard.press(key)
        expect(rows.nth(place)).to_have_attribute("aria-selected", "true")
        expect(rows.nth(place)).to_be_focused()
    # In the notebook these delete, cut, add and change cells.
    for key in ("d", "d", "x", "a", "b", "m"):
        page.keyboard.press(key)
    expect(page.locator(".jp-Notebook-cell")).to_have_count(3)
    expect(page.locator(".jp-MarkdownCell")).to_have_count(0)

    chosen = rows.nth(1).get_attribute("data-id")
    picker.get_by_role("button", name="GPU", exact=True).focus()
    page.keyboard.press("Enter")
    expect(picker.get_by_role("columnheader", name="GPU ▲")).to_have_attribute("aria-sort", "ascending")
    picker.get_by_role("button", name="Refresh").focus()
    page.keyboard.press("Enter")
    expect(picker.get_by_role("button", name="Refresh")).to_be_enabled()
    expect(picker.locator("tr[aria-selected='true']")).to_have_attribute("data-id", str(chosen))
    # What was chosen last has reached the kernel when it says so.
    said = picker.get_by_role("status").filter(has_text="Chosen:")
    expect(said).to_contain_text(str(chosen).partition("/")[0])
    in_kernel(page, NOTE)
    assert "/".join(json.loads((lab.folder / "keys.json").read_text())) == chosen

    region = form.get_by_label("Region", exact=True)
    expect(region).to_have_value("anywhere")
    region.focus()
    page.keyboard.press("ArrowDown")
    expect(region).not_to_have_value("anywhere")
    assert serious_violations(page, ".glows-picker") == []
    assert serious_violations(page, ".glows-launch-form") == []
