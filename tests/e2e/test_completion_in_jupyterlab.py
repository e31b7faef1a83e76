"""Tab on a line of %glows in real JupyterLab: what the list shows, and what is put in."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import command, in_kernel, open_notebook, screenshot, write_notebook

CODE = """
%load_ext glows_nb
%glows sandbox
offers = %glows specs
pictures = %glows images
"""
SOURCE = "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"


def test_tab_offers_live_values_with_what_they_are_and_puts_the_chosen_one_in(lab: Lab, page: Page) -> None:
    write_notebook(lab, "completion.ipynb", CODE)
    open_notebook(page, lab, "completion.ipynb")
    command(page, "notebook:run-all-cells")
    command(page, "notebook:insert-cell-below")
    command(page, "notebook:enter-edit-mode")

    page.keyboard.type("%glows specs --gpu 40")
    page.keyboard.press("Tab")
    offered = page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item")
    expect(offered).to_have_count(3)
    expect(offered.first).to_contain_text("NVIDIA GeForce RTX 4090")
    expect(offered.first).to_contain_text("from\u00a00.390", ignore_case=True)
    screenshot(page, "completion-gpu")
    page.keyboard.press("Enter")
    expect(offered).to_have_count(0)
    assert page.evaluate(SOURCE) == '%glows specs --gpu "NVIDIA GeForce RTX 4090"'

    page.keyboard.type(" --reg")
    page.keyboard.press("Tab")
    expect(offered).to_have_count(1)
    page.keyboard.press("Enter")
    expect(offered).to_have_count(0)
    page.keyboard.type(" ")
    page.keyboard.press("Tab")
    # Below ours JupyterLab lists words of the cell itself, which no completer of a kernel can keep away.
    expect(offered.first).to_contain_text("JP-01")
    expect(offered.filter(has_text="TW-07").first).to_contain_text("region")
    screenshot(page, "completion-region")
    page.keyboard.press("Escape")

    # An editor writes the closing quotation mark by itself; and an image is found by its name and put in by its id.
    page.keyboard.press("Enter")
    page.keyboard.type('x = %glows launch --image="torch2.8')
    page.keyboard.press("Tab")
    expect(offered).to_have_count(1)
    expect(offered).to_contain_text("Torch2.8", ignore_case=True)
    screenshot(page, "completion-image")
    page.keyboard.press("Enter")
    page.wait_for_function(f"""() => /\\nx = %glows launch --image="img-\\w+"$/.test(({SOURCE})())""")

    command(page, "notebook:insert-cell-below")
    command(page, "notebook:enter-edit-mode")
    page.keyboard.type("%glows ")
    page.keyboard.press("Tab")
    expect(offered.filter(has_text="launch").first).to_contain_text("command")
    screenshot(page, "completion-commands")
    page.keyboard.press("Escape")

    in_kernel(page, "import json, pathlib; pathlib.Path('seen.json').write_text(json.dumps(len(offers)))")
    assert json.loads((lab.folder / "seen.json").read_text()) == 20
