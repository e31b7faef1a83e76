"""The table widget in real JupyterLab: sort, filter, choose by keys, copy, in both themes."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import command, in_kernel, open_notebook, picture, screenshot, theme, write_notebook

CODE = """
import glows_nb as glows
%load_ext glows_nb
%glows sandbox
table = glows.show(glows.specs())
table
"""


def test_rows_are_sorted_filtered_chosen_by_keys_and_copied(lab: Lab, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_viewport_size({"width": 1700, "height": 1100})
    write_notebook(lab, "table.ipynb", CODE)
    open_notebook(page, lab, "table.ipynb")
    command(page, "notebook:run-all-cells")
    table = page.locator(".glows-table")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(20)
    expect(table.get_by_text("SANDBOX")).to_be_visible()

    price = table.get_by_role("columnheader", name="price per hour (Credits)")
    price.get_by_role("button").click()
    expect(price).to_have_attribute("aria-sort", "ascending")
    expect(rows.first.locator("td").nth(9)).to_have_text("0.070")
    price.get_by_role("button").click()
    expect(rows.first.locator("td").nth(9)).to_have_text("23.680")
    # README's picture of it, in a window that is wide enough for the prices, which the click scrolled to.
    page.set_viewport_size({"width": 1900, "height": 900})
    table.evaluate("shown => shown.querySelectorAll('*').forEach(part => { part.scrollLeft = 0; })")
    picture(table, "table")
    theme(page, "Dark")
    picture(table, "table-dark")
    theme(page, "Light")

    table.get_by_role("searchbox").fill("4090 tw-03")
    expect(rows).to_have_count(2)
    rows.first.click()
    expect(rows.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    expect(rows.first).to_have_attribute("aria-selected", "false")
    expect(rows.nth(1)).to_be_focused()

    in_kernel(page, "import json, pathlib; pathlib.Path('chosen.json').write_text(json.dumps(table.selected))")
    assert json.loads((lab.folder / "chosen.json").read_text()).startswith("TW-03/")
    table.get_by_role("button", name="Copy as CSV").click()
    expect(table.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()").splitlines()
    assert copied[0].startswith("region,machine_category,gpu")
    assert [line.partition(",")[0] for line in copied[1:]] == ["TW-03", "TW-03"]


MACHINES = """
import glows_nb as glows
%load_ext glows_nb
%glows sandbox
%glows launch --gpu 4090 --name first --wait --yes
%glows cancel first --wait --yes
%glows launch --gpu 4090 --name second --yes
%glows wait second
glows.show(glows.instances())
"""


def test_statuses_have_a_sign_and_a_word_beside_their_colour(lab: Lab, page: Page) -> None:
    write_notebook(lab, "machines.ipynb", MACHINES)
    open_notebook(page, lab, "machines.ipynb")
    command(page, "notebook:run-all-cells")
    table = page.locator(".glows-table")
    expect(table.get_by_role("gridcell", name="Running").first).to_be_visible()
    expect(table.locator("td", has_text="● Running").first).to_be_visible()
    expect(table.locator("td", has_text="○ Finished").first).to_be_visible()
    screenshot(page, "machines-light")
    theme(page, "Dark")
    screenshot(page, "machines-dark")
