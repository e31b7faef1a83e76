"""Work on a real machine by clicks and keys in JupyterLab: a folder there and back, a command, its output, its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import glows_nb as glows
from tests.e2e.axe import serious_violations
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import command, open_notebook, picture, run_cell, screenshot, theme, write_notebook
from tests.sandbox.machines.real import IS_REAL_HERE, RealSandbox, eventually, runs, sandbox_with_machine

pytestmark = IS_REAL_HERE

CONNECT = """
import json, pathlib
import glows_nb as glows
client = glows.Client(**json.loads(pathlib.Path("work-access.json").read_text()))
"""
PANEL = "panel = glows.panel(client=client)\npanel"
CARD = "form = glows.launch_form(client=client)\nform.card.follow(client.instances.find('train'))\nform"
WIDTHS = (900, 1280)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealSandbox, glows.Instance]]:
    with sandbox_with_machine(tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox(both: tuple[RealSandbox, glows.Instance]) -> RealSandbox:
    return both[0]


@pytest.fixture(scope="module")
def machine(both: tuple[RealSandbox, glows.Instance]) -> glows.Instance:
    return both[1]


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, sandbox: RealSandbox, machine: glows.Instance) -> Iterator[Page]:
    access = {"token": sandbox.token, "base_url": sandbox.base_url}
    (lab.folder / "work-access.json").write_text(json.dumps(access))
    (lab.folder / "data" / "deep").mkdir(parents=True)
    (lab.folder / "data" / "deep" / "note.txt").write_text("what was sent\n")
    write_notebook(lab, "work.ipynb", CONNECT, PANEL, CARD)
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    opened.set_default_timeout(PATIENCE_MS)
    open_notebook(opened, lab, "work.ipynb")
    run_cell(opened, 0)
    run_cell(opened, 1)
    yield opened
    opened.close()


@pytest.fixture
def work(page: Page) -> Locator:
    """Where one works in the panel."""
    return page.locator(".glows-panel .glows-work")


def press(work: Locator, name: str) -> None:
    work.get_by_role("button", name=name, exact=True).click()


def said(work: Locator, line: str) -> Locator:
    """What stands below a line of fields."""
    return work.get_by_role("group", name=line, exact=True).get_by_role("status")


SENDING = "Send a file or a folder to the machine"
FETCHING = "Fetch a file or a folder from the machine"
COMMAND = "Run one command on the machine"


def test_folder_is_sent_by_keys_alone(page: Page, work: Locator) -> None:
    opener = work.get_by_role("button", name="Send…", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    here, there = work.get_by_label("Path here").first, work.get_by_label("Path there").first
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(here).to_be_focused()
    page.keyboard.press("Escape")
    expect(here).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Space")
    expect(here).to_be_focused()
    page.keyboard.press("Enter")
    expect(here).to_be_focused()
    page.keyboard.type("data")
    page.keyboard.press("Tab")
    expect(there).to_be_focused()
    page.keyboard.press("Enter")
    expect(said(work, SENDING)).to_contain_text("1 file sent, 14 B")
    assert there.input_value() == ""


def test_command_says_what_was_sent(page: Page, work: Locator) -> None:
    press(work, "Command…")
    work.get_by_label("Command", exact=True).fill("cat data/deep/note.txt")
    press(work, "Run")
    expect(work.get_by_role("region", name="Output of the command")).to_have_text("what was sent\n")
    expect(said(work, COMMAND)).to_contain_text("Exit status 0 after")


def test_folder_comes_back(work: Locator, lab: Lab) -> None:
    press(work, "Fetch…")
    line = work.get_by_role("group", name=FETCHING, exact=True)
    line.get_by_label("Path there").fill("data")
    line.get_by_label("Path here").fill("back")
    press(line, "Fetch")
    expect(said(work, FETCHING)).to_contain_text("1 file fetched, 14 B")
    assert (lab.folder / "back" / "deep" / "note.txt").read_text() == "what was sent\n"


def test_stop_ends_the_command_and_a_cell_that_runs_again_goes_on_with_it(page: Page, work: Locator) -> None:
    work.get_by_label("Command", exact=True).fill("echo $$; echo '<b>no HTML</b>'; sleep 1000")
    work.get_by_label("Command", exact=True).press("Enter")
    output = work.get_by_role("region", name="Output of the command")
    expect(output).to_contain_text("<b>no HTML</b>")
    pid = int(output.inner_text().split()[0])
    look_at(page, page.locator(".glows-panel"), "work-running")
    run_cell(page, 1)
    expect(page.locator(".glows-panel")).to_have_count(1)
    opener = work.get_by_role("button", name="Command… (running)", exact=True)
    opener.click()
    expect(output).to_contain_text("<b>no HTML</b>")
    stop = work.get_by_role("button", name="Stop the command", exact=True)
    stop.focus()
    page.keyboard.press("Enter")
    expect(said(work, COMMAND)).to_contain_text("Stopped. It was ended on")
    expect(work.get_by_role("button", name="Run", exact=True)).to_be_focused()
    eventually(lambda: not runs(pid))
    expect(work.get_by_role("button", name="Command…", exact=True)).to_be_visible()


def test_long_output_is_scrolled_to_its_end_unless_somebody_reads_further_up(
    work: Locator, sandbox: RealSandbox, machine: glows.Instance
) -> None:
    command_line, output = work.get_by_label("Command", exact=True), work.get_by_role("region")
    command_line.fill("for i in $(seq 1000); do echo line $i; done; exit 3")
    press(work, "Run")
    expect(said(work, COMMAND)).to_contain_text("✗ Exit status 3")
    expect(output).to_contain_text("line 1000")
    expect(output).to_contain_text("[what came before is not shown]")
    below = "box => box.scrollHeight - box.scrollTop - box.clientHeight"
    assert output.evaluate(below) < 2
    assert output.evaluate("box => box.clientHeight") < 400
    # One that waits, and goes on once somebody has read further up.
    command_line.fill("mkfifo go; for i in $(seq 60); do echo row $i; done; cat go; rm go; echo more")
    press(work, "Run")
    expect(output).to_contain_text("row 60")
    output.evaluate("box => { box.scrollTop = 0; }")
    with sandbox.client() as client:
        glows.Machine(machine, client=client).exec("echo >go", quiet=True)
    expect(output).to_contain_text("more")
    assert output.evaluate("box => box.scrollTop") == 0


def test_what_goes_wrong_stands_at_its_line(page: Page, work: Locator) -> None:
    press(work, "Send…")
    work.get_by_label("Path here").first.fill("no-such-folder")
    press(work, "Send")
    expect(said(work, SENDING)).to_contain_text("✗ InvalidRequest: ")
    press(work, "Fetch…")
    line = work.get_by_role("group", name=FETCHING, exact=True)
    line.get_by_label("Path there").fill("no-such-folder")
    press(line, "Fetch")
    expect(said(work, FETCHING)).to_contain_text("✗ TransferError: ")
    look_at(page, page.locator(".glows-panel"), "work-errors")


def test_card_has_the_same(page: Page) -> None:
    run_cell(page, 2)
    card = page.locator(".glows-machine")
    work = card.locator(".glows-work")
    press(work, "Command…")
    expect(work.get_by_label("Command", exact=True)).to_be_focused()
    page.keyboard.type("ls -l data")
    page.keyboard.press("Enter")
    expect(work.get_by_role("region")).to_contain_text("deep")
    look_at(page, card, "work-card")


def test_saved_notebook_has_nothing_that_was_typed_or_said(page: Page, lab: Lab, machine: glows.Instance) -> None:
    command(page, "docmanager:save")
    saved = (lab.folder / "work.ipynb").read_text(encoding="utf-8")
    assert machine.instance_id in saved, "the notebook is saved with the state of its widgets"
    typed_or_said = ["deep/note", "what was sent", "no HTML", "no-such-folder", "line 1000", "ls -l", "14 B"]
    assert [words for words in typed_or_said if words in saved] == []


def look_at(page: Page, part: Locator, name: str) -> None:
    """Keep pictures in both themes and two widths; axe finds nothing serious in either theme."""
    for colours in ("Dark", "Light"):
        theme(page, colours)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            part.scroll_into_view_if_needed()
            assert part.evaluate("part => part.scrollWidth <= part.clientWidth + 1"), "nothing sticks out"
            picture(part, f"{name}-{colours.lower()}-{width}")
            screenshot(page, f"{name}-page-{colours.lower()}-{width}")
        assert serious_violations(page, ".glows-work") == []
