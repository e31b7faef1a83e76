"""The pictures in real JupyterLab, in both themes."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import command, open_notebook, screenshot, theme, write_notebook

CODE = """
import glows_nb as glows
%load_ext glows_nb
%glows sandbox
glows.plots.prices(glows.specs())
"""


def test_a_picture_shows_itself_without_any_backend_being_set(lab: Lab, page: Page) -> None:
    write_notebook(lab, "picture.ipynb", CODE)
    open_notebook(page, lab, "picture.ipynb")
    command(page, "notebook:run-all-cells")
    picture = page.locator(".jp-RenderedSVG img, .jp-RenderedSVG svg")
    expect(picture).to_be_visible()
    assert picture.evaluate("shown => shown.naturalWidth ?? shown.getBoundingClientRect().width") > 300
    screenshot(page, "prices-light")
    theme(page, "Dark")
    screenshot(page, "prices-dark")
