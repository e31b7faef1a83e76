"""A machine in JupyterLab's menu of kernels: a notebook runs there, and one whose machine is gone says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

import glows_nb as glows
from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import open_notebook, run_cell, screenshot, write_notebook
from tests.sandbox.machines.real import IS_REAL_HERE, RealSandbox, sandbox_with_machine

pytestmark = IS_REAL_HERE

ADD = "import glows_nb as glows\nglows.connect(profile='rehearsal')\n%load_ext glows_nb\n%glows kernel add train"
WHERE = "import os\nos.getcwd()"
SLIDER = "import ipywidgets\nslider = ipywidgets.IntSlider(value=3, description='Layers')\nslider"
HOSTILE = """
from IPython.display import HTML, Javascript, display
display(Javascript("window.wasRun = 1"))
display(HTML("<b>seen</b><img src=x onerror='window.wasRun = 1'><script>window.wasRun = 1</script>"))
ipywidgets.HTML("<i>kept</i><img src=x onerror='window.wasRun = 1'>")
"""
SLEEP = "import time\nprint('sleeps')\ntime.sleep(1000)"
MOVE = "document.querySelector('.noUi-handle').focus()"
KERNEL = "glows-train"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealSandbox, glows.Instance]]:
    with sandbox_with_machine(tmp_path_factory.mktemp("sandbox")) as made:
        yield made


def test_notebook_runs_on_the_machine_until_that_is_gone(
    page: Page, lab: Lab, both: tuple[RealSandbox, glows.Instance]
) -> None:
    sandbox, machine = both
    profiles = lab.folder.parent / "profiles.toml"
    profiles.touch(mode=0o600)
    profiles.write_text(f'[rehearsal]\ntoken = "{sandbox.token}"\nbase_url = "{sandbox.base_url}"\n')
    write_notebook(lab, "add.ipynb", ADD)
    open_notebook(page, lab, "add.ipynb")
    run_cell(page, 0)
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("now has “train (GLOWS)”")

    page.goto(f"{lab.url}/lab?reset&token={lab.token}")
    page.get_by_role("menuitem", name="File", exact=True).wait_for()
    page.evaluate("() => { window.jupyterapp.commands.execute('launcher:create'); }")
    expect(page.locator(".jp-LauncherCard[title*='train (GLOWS)']").first).to_be_visible()
    screenshot(page, "kernel-launcher")

    write_notebook(lab, "there.ipynb", WHERE, SLIDER, "slider.value", HOSTILE, SLEEP, WHERE, kernel=KERNEL)
    open_notebook(page, lab, "there.ipynb")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    run_cell(page, 0)
    expect(cells.nth(0).locator(".jp-OutputArea-output")).to_contain_text("/root'")
    run_cell(page, 1)
    expect(cells.nth(1).locator(".widget-slider")).to_contain_text("Layers")
    page.evaluate(MOVE)
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1).locator(".widget-readout")).to_have_text("4")
    run_cell(page, 2)
    expect(cells.nth(2).locator(".jp-OutputArea-output")).to_have_text("4")
    run_cell(page, 3)
    expect(cells.nth(3).locator(".jp-OutputArea-output b")).to_have_text("seen")
    expect(cells.nth(3).locator(".widget-html i")).to_have_text("kept")
    assert page.evaluate("window.wasRun") is None
    screenshot(page, "kernel-notebook")

    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 4;"
        " window.jupyterapp.commands.execute('notebook:run-cell'); }"
    )
    expect(cells.nth(4).locator(".jp-OutputArea-output")).to_contain_text("sleeps")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:interrupt-kernel'); }")
    expect(cells.nth(4)).to_contain_text("KeyboardInterrupt")

    with sandbox.client() as client:
        client.instances.cancel(machine.instance_id)
        client.instances.wait(machine.instance_id, until="Finished")
    write_notebook(lab, "gone.ipynb", WHERE, kernel=KERNEL)
    page.goto(f"{lab.url}/lab/tree/gone.ipynb?reset&token={lab.token}")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("train")
    screenshot(page, "kernel-gone")
    text = dialog.locator("pre")
    expect(text).to_contain_text("is Finished: it has ended")
    assert text.evaluate("text => text.scrollWidth <= text.clientWidth"), "all of it is seen"
