"""Cells that run on a machine, in JupyterLab: their widgets move, and what a machine shows does nothing in the page."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

import glows_nb as glows
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import command, open_notebook, run_cell, screenshot, theme, write_notebook
from tests.sandbox.machines.real import IS_REAL_HERE, RealSandbox, sandbox_with_machine

pytestmark = IS_REAL_HERE

CONNECT = """
import json, pathlib
import glows_nb as glows
glows.connect(**json.loads(pathlib.Path("cells-access.json").read_text()))
%load_ext glows_nb
"""
SLIDER = """%%glows run train
import ipywidgets, os
slider, told = ipywidgets.IntSlider(3, description="of there"), ipywidgets.Label("not moved")
slider.observe(lambda change: setattr(told, "value", f"{change.new} in {os.getcwd()}"), "value")
ipywidgets.VBox([slider, told])"""
INTERACT = """%%glows run train
@ipywidgets.interact(n=(0, 10))
def times(n=2):
    print(n, "times seven is", 7 * n)"""
CAPTURED = """%%glows run train
out, button = ipywidgets.Output(), ipywidgets.Button(description="Say it there")
button.on_click(lambda _: out.append_stdout("said there\\n"))
with out:
    print("captured there")
ipywidgets.VBox([button, out])"""
PROGRESS = """%%glows run train
from tqdm.auto import tqdm
for _ in tqdm(range(5), desc="epochs"): pass"""
HOSTILE = """%%glows run train
import ipywidgets, anywidget, traitlets
from IPython.display import HTML, SVG, Javascript, Markdown, Latex, display
bad = "<b>seen</b><script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>x</a>"
display(HTML(bad), Markdown(bad), Javascript("alert(4)"), Latex(r"$\\href{javascript:alert(5)}{x}$"))
picture = "onload='alert(6)'><script>alert(7)</script><rect width='9' height='9'/></svg>"
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' " + picture))
display({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "none"}, raw=True)
class Own(anywidget.AnyWidget):
    _esm = "export default { render({el}) { alert(8); el.textContent = 'own code' } }"
display(Own())
page = ipywidgets.HTML(bad)
display(page)
page.value = bad + "<iframe srcdoc='<script>parent.alert(9)</script>'></iframe>"
shown = {"text/html": bad, "application/javascript": "alert(10)"}
held = ipywidgets.Output(outputs=({"output_type": "display_data", "metadata": {}, "data": shown},))
display(held)
page.comm.send({"method": "update", "state": {"_view_module": "anywidget"}, "buffer_paths": []})
print("\\x1b]0;title\\x07and the end")"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealSandbox, glows.Instance]]:
    with sandbox_with_machine(tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture
def opened(browser: Browser, lab: Lab, both: tuple[RealSandbox, glows.Instance]) -> Iterator[Page]:
    sandbox, _ = both
    access = {"token": sandbox.token, "base_url": sandbox.base_url}
    (lab.folder / "cells-access.json").write_text(json.dumps(access))
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


def output(page: Page, number: int) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea").first


def test_widgets_made_there_move_here(opened: Page, lab: Lab) -> None:
    write_notebook(lab, "cells.ipynb", CONNECT, SLIDER, INTERACT, CAPTURED, PROGRESS)
    open_notebook(opened, lab, "cells.ipynb")
    for number in range(5):
        run_cell(opened, number)
    slider = output(opened, 1).get_by_role("slider")
    expect(output(opened, 1)).to_contain_text("not moved")
    slider.press("ArrowRight")
    expect(output(opened, 1)).to_contain_text("4 in ")
    expect(output(opened, 2)).to_contain_text("2 times seven is 14")
    output(opened, 2).get_by_role("slider").press("ArrowRight")
    expect(output(opened, 2)).to_contain_text("3 times seven is 21")
    expect(output(opened, 2)).not_to_contain_text("2 times seven is 14")
    expect(output(opened, 3)).to_contain_text("captured there")
    output(opened, 3).get_by_role("button", name="Say it there").click()
    expect(output(opened, 3)).to_contain_text("said there")
    expect(output(opened, 4)).to_contain_text("5/5")
    screenshot(opened, "cells-light")
    theme(opened, "Dark")
    screenshot(opened, "cells-dark")
    command(opened, "docmanager:save")
    open_notebook(opened, lab, "cells.ipynb")
    expect(output(opened, 1)).to_contain_text("4 in ")
    output(opened, 1).get_by_role("slider").press("ArrowRight")
    expect(output(opened, 1)).to_contain_text("5 in ")


def test_nothing_of_a_machine_runs_in_the_page(opened: Page, lab: Lab) -> None:
    alerts: list[str] = []

    def alerted(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    opened.on("dialog", alerted)
    write_notebook(lab, "hostile.ipynb", CONNECT, HOSTILE)
    open_notebook(opened, lab, "hostile.ipynb")
    run_cell(opened, 0)
    run_cell(opened, 1)
    expect(output(opened, 1)).to_contain_text("and the end")
    expect(output(opened, 1).locator("b", has_text="seen").first).to_be_visible()
    screenshot(opened, "cells-hostile")
    expect(output(opened, 1)).to_contain_text("__main__.Own object")
    expect(output(opened, 1).get_by_text("own code", exact=True)).to_have_count(0)
    assert alerts == []
