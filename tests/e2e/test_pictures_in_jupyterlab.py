"""The pictures in real JupyterLab, in both themes."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import command, open_notebook, screenshot, theme, write_notebook

CODE = """
import glows_nb as glows
%load_ext glows_nb
%glows sandbox
%glows launch --gpu 4090 --name drawn --wait --yes
import time
time.sleep(2)  # it is billed by the full second
%glows cancel drawn --wait --yes
display(glows.plots.prices(glows.specs()))
display(glows.plots.spending(glows.spending()))
display(glows.plots.timeline(glows.timeline("drawn")))
"""


def test_pictures_show_themselves_without_any_backend_being_set(lab: Lab, page: Page) -> None:
    page.set_viewport_size({"width": 1300, "height": 1900})
    write_notebook(lab, "pictures.ipynb", CODE)
    open_notebook(page, lab, "pictures.ipynb")
    command(page, "notebook:run-all-cells")
    pictures = page.locator(".jp-RenderedSVG img, .jp-RenderedSVG svg")
    expect(pictures).to_have_count(3)
    for picture in pictures.all():
        assert picture.evaluate("shown => shown.naturalWidth ?? shown.getBoundingClientRect().width") > 300
    screenshot(page, "pictures-light")
    theme(page, "Dark")
    screenshot(page, "pictures-dark")
