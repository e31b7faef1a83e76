"""A panel and whether anybody looks at it, in real JupyterLab: counted is what reaches the sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

import glows_nb as glows
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import IDLE, command, open_notebook, run_cell, write_notebook

NAME = "page-of-panel.ipynb"
SEEN_SECONDS = 25
"""More than the 20 seconds after which a view says again that it is seen."""
CONNECT = f"""
import json, pathlib, time
import glows_nb as glows
from glows_nb.widgets import front_end
from glows_nb.widgets.panel import polling, polling_interval as interval
client = glows.Client(**json.loads(pathlib.Path("page-access.json").read_text()), max_retries=0)
front_end.SEEN_SECONDS, polling.BUSY_SECONDS, interval.SHORTEST, interval.LONGEST = {SEEN_SECONDS}, 3, 0.5, 0.5
"""
PANEL, SPACE, PANEL_AGAIN, BUSY = 1, 2, 3, 4
"""The cells after the first."""
CELLS = (
    "panel = glows.panel(client=client)\npanel",
    "import ipywidgets\nipywidgets.HTML(layout={'height': '3000px'})",
    "panel",
    "time.sleep(10)",  # a kernel that is busy
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[glows.Sandbox]:
    with glows.sandbox(speed=100) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, sandbox: glows.Sandbox) -> Iterator[Page]:
    access = {"token": sandbox.token, "base_url": sandbox.base_url}
    (lab.folder / "page-access.json").write_text(json.dumps(access))
    write_notebook(lab, NAME, CONNECT, *CELLS)
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    opened.set_default_timeout(PATIENCE_MS)
    open_notebook(opened, lab, NAME)
    for number in (0, PANEL, SPACE, PANEL_AGAIN):
        run_cell(opened, number)
    yield opened
    opened.close()


def requests(sandbox: glows.Sandbox) -> int:
    return len(sandbox.admin.transcript())


def await_readings(sandbox: glows.Sandbox) -> None:
    """Wait until the panel reads again and again."""
    before, deadline = requests(sandbox), time.monotonic() + 20
    while requests(sandbox) < before + 3:
        assert time.monotonic() < deadline, "the panel does not read"
        time.sleep(0.05)  # a poll with a deadline


def await_silence(sandbox: glows.Sandbox, seconds: float) -> None:
    """Wait until nothing is asked for two seconds, in which four readings would be due."""
    deadline = time.monotonic() + seconds
    while True:
        before = requests(sandbox)
        time.sleep(2)  # a window to count in
        if requests(sandbox) == before:
            return
        assert time.monotonic() < deadline, "the panel goes on reading"


def test_panel_that_is_shown_twice_is_read_while_either_place_is_on_the_screen(
    page: Page, sandbox: glows.Sandbox
) -> None:
    panels = page.locator(".glows-panel")
    expect(panels).to_have_count(2)
    for place in (1, 0, 1, 0):
        panels.nth(place).scroll_into_view_if_needed()
        await_readings(sandbox)
    page.locator(".jp-Notebook-cell").nth(SPACE).locator(".widget-html").evaluate(
        "space => space.scrollIntoView({block: 'center'})"
    )
    await_silence(sandbox, 10)
    panels.nth(0).scroll_into_view_if_needed()
    await_readings(sandbox)


def test_panel_rests_while_another_cell_keeps_the_kernel_busy_and_goes_on_after(
    page: Page, sandbox: glows.Sandbox
) -> None:
    page.evaluate(
        """number => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = number;
            window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        BUSY,
    )
    page.locator(".glows-panel").first.scroll_into_view_if_needed()
    await_readings(sandbox)  # a cell that runs for a moment stops nothing
    await_silence(sandbox, 8)
    page.wait_for_function(IDLE)
    await_readings(sandbox)


def test_panel_that_stays_on_the_screen_stays_alive_and_one_whose_tab_was_closed_rests(
    page: Page, sandbox: glows.Sandbox
) -> None:
    page.locator(".glows-panel").first.scroll_into_view_if_needed()
    page.wait_for_timeout(1000 * (SEEN_SECONDS + 2))  # longer than one word of its page holds
    await_readings(sandbox)

    command(page, "docmanager:save")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.close()")
    expect(page.locator(".glows-panel")).to_have_count(0)
    await_silence(sandbox, SEEN_SECONDS + 10)

    page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', {path})", NAME)
    page.wait_for_function(IDLE)
    expect(page.locator(".glows-panel").first.get_by_text("Updated")).to_be_visible()
    await_readings(sandbox)
