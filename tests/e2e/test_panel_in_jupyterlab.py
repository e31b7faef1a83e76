"""The panels in real JupyterLab: a machine's life by clicks and by keys, an outage, and nothing left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import glows_nb as glows
from tests.e2e.axe import serious_violations
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import IDLE, command, in_kernel, open_notebook, screenshot, theme

SPEED = 100.0
CONNECT = """
import json, pathlib
import glows_nb as glows
client = glows.Client(**json.loads(pathlib.Path("panel-access.json").read_text()), max_retries=0)
"""
PANELS = {
    "panel": "panel = glows.panel(client=client)\npanel",
    "snapshots": "glows.snapshots_panel(client=client)",
    "images": "glows.images_panel(client=client)",
    "networks": "glows.networks_panel(client=client)",
}
BAD_TOKEN = "glows.panel(client=glows.Client('nonsense', client.base_url, max_retries=0))"
SHOWN = "import pathlib; pathlib.Path('seen.txt').write_text(str(panel._front_end.is_seen))"
THREADS = """
import json, pathlib, threading, time
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("glows")]
    if len(names) < 2:
        break
    time.sleep(0.05)  # a poll with a deadline
pathlib.Path("threads.json").write_text(json.dumps(names))
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[glows.Sandbox]:
    """A server of the module's own, with a file, so that it can go away and come back."""
    path = tmp_path_factory.mktemp("sandbox") / "state.db"
    with glows.sandbox(speed=SPEED, path=path) as running:
        yield running


@pytest.fixture(scope="module")
def machine(sandbox: glows.Sandbox) -> glows.Instance:
    return launch(sandbox, "train")


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, sandbox: glows.Sandbox, machine: glows.Instance) -> Iterator[Page]:
    """One notebook for all tests, connected to the module's own server."""
    access = {"token": sandbox.token, "base_url": sandbox.base_url}
    (lab.folder / "panel-access.json").write_text(json.dumps(access))
    cells = [
        nbformat.v4.new_code_cell(code) for code in (CONNECT, *PANELS.values(), "glows.panel(client=client)", BAD_TOKEN)
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / "panels.ipynb")
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    opened.set_default_timeout(PATIENCE_MS)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_notebook(opened, lab, "panels.ipynb")
    run_cells(opened, 0, 1)
    yield opened
    opened.close()


def launch(sandbox: glows.Sandbox, name: str) -> glows.Instance:
    with sandbox.client() as client:
        return client.instances.launch(
            name=name,
            gpu_name="NVIDIA GeForce RTX 4090",
            region_name="TW-04",
            wait=True,
            from_image_id=client.images.default().image_id,
        )


def run_cells(page: Page, *numbers: int) -> None:
    for number in numbers:
        page.evaluate("number => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = number; }", number)
        command(page, "notebook:run-cell")


def test_machines_life_by_clicks(page: Page, machine: glows.Instance) -> None:
    panel = page.locator(".glows-panel").first
    expect(panel.get_by_text("1 machine running at 0.490 Credits/h")).to_be_visible()
    row = panel.locator("tr[data-id]", has_text="train").first
    row.click()
    expect(row).to_have_attribute("aria-selected", "true")

    press(panel, "Copy SSH")
    expect(panel.get_by_text("Copied: ssh")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == machine.ssh_command
    press(panel, "Run a cell")
    expect(panel.get_by_text("Copied: %%glows run train")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == "%%glows run train\n"

    press(panel, "Snapshot")
    panel.get_by_label("Name").fill("x" * 33)
    press(panel, "Take snapshot")
    expect(panel.get_by_role("alert").filter(has_text="at most 32 characters")).to_be_visible()
    panel.get_by_label("Name").fill("before the weekend")
    press(panel, "Take snapshot")
    expect(panel.get_by_text("train: snapshot snap-")).to_be_visible()
    expect(panel.get_by_role("button", name="Park", exact=True)).to_be_enabled()

    press(panel, "▸ Details")
    screenshot(page, "panel")
    press(panel, "Park")
    expect(panel.get_by_text("Park train? It is snapshotted and then released")).to_be_visible()
    press(panel, "Park")
    expect(panel.get_by_text("train is parked as snapshot snap-")).to_be_visible()

    press(panel, "▸ Ended machines (1)")
    expect(panel.locator("tr[data-id]", has_text="Finished")).to_contain_text("snap-")
    press(panel, "Unpark")
    expect(panel.get_by_text("nothing is rented above 0.500 Credits per hour")).to_be_visible()
    screenshot(page, "panel-ended")
    press(panel, "Unpark")
    expect(panel.get_by_text("train is there again as ins-")).to_be_visible()

    expect(panel.get_by_role("button", name="Release", exact=True)).to_be_enabled()
    press(panel, "Release")
    expect(panel.get_by_text("what is on its disk is gone for good")).to_be_visible()
    press(panel, "Release for good")
    expect(panel.get_by_text("nothing is running, so nothing is charged now")).to_be_visible()
    press(panel, "▾ Ended machines (2)")
    expect(panel.get_by_role("button", name="▸ Ended machines (2)")).to_have_attribute("aria-expanded", "false")


def test_saved_notebook_has_the_last_state_and_no_secret(
    page: Page, lab: Lab, sandbox: glows.Sandbox, machine: glows.Instance
) -> None:
    plain = page.locator(".glows-static")
    expect(plain.first).to_be_hidden()
    expect(plain.first).to_contain_text("nothing is running, so nothing is charged now")
    command(page, "docmanager:save")
    saved = (lab.folder / "panels.ipynb").read_text(encoding="utf-8")
    shown = [output for cell in json.loads(saved)["cells"] for output in cell.get("outputs", ())]
    (html,) = ["".join(output["data"]["text/html"]) for output in shown if "text/html" in output.get("data", {})]
    assert "nothing is running, so nothing is charged now" in html
    assert machine.instance_id in saved, "the notebook is saved with the state of its widgets"
    assert machine.ssh_password is not None
    jupyter = machine.url()
    assert jupyter is not None
    secrets = [
        sandbox.token,
        machine.ssh_password.get_secret_value(),
        jupyter.get_secret_value().partition("token=")[2],
    ]
    assert all(secrets)
    assert [secret for secret in secrets if secret in saved] == []


def test_cell_run_ten_times_leaves_one_thread_and_the_traffic_of_one_panel(
    page: Page, lab: Lab, sandbox: glows.Sandbox
) -> None:
    for _ in range(10):
        run_cells(page, 1)
    expect(page.locator(".glows-panel")).to_have_count(1)
    assert threads(page, lab) == ["glows machines panel"]
    panel = page.locator(".glows-panel")
    # What nobody sees reads nothing, though it would be time 2 seconds after the first reading; then it catches up.
    panel.evaluate("shown => { shown.parentElement.style.display = 'none'; }")
    await_seen(page, lab, "False")
    before = len(sandbox.admin.transcript())
    page.wait_for_timeout(2500)  # a window to count in
    assert len(sandbox.admin.transcript()) == before
    panel.evaluate("shown => { shown.parentElement.style.display = ''; }")
    await_seen(page, lab, "True")
    deadline = time.monotonic() + 10
    while len(sandbox.admin.transcript()) == before:
        assert time.monotonic() < deadline, "nothing is read though the panel is seen again"
        time.sleep(0.05)  # a poll with a deadline
    assert len(sandbox.admin.transcript()) - before <= 2


def test_small_panels(page: Page, sandbox: glows.Sandbox) -> None:
    left, right = launch(sandbox, "left"), launch(sandbox, "right")
    run_cells(page, 2, 3, 4)
    snapshots, images, networks = (page.locator(".glows-panel").nth(number) for number in (1, 2, 3))

    expect(snapshots.locator("tr[data-id]", has_text="before the weekend")).to_contain_text("Available")
    snapshots.get_by_label("Machine", exact=True).select_option(label=f"right ({right.instance_id})")
    press(snapshots, "Take snapshot")
    expect(snapshots.get_by_text("is being taken; the machine pauses")).to_be_visible()

    images.get_by_label("Link").fill("two words")
    press(images, "Submit")
    expect(images.get_by_role("alert").filter(has_text="an image link holds no white space")).to_be_visible()
    images.get_by_label("Link").fill("registry.example.com/team/runtime:cuda12.2")
    press(images, "Submit")
    expect(images.locator("tr[data-id]", has_text="runtime")).to_contain_text("pending (1)")

    networks.get_by_label("Name").fill("mesh")
    networks.get_by_label("Region").fill("TW-04")
    press(networks, "Create")
    expect(networks.locator("tr[data-id]", has_text="mesh")).to_contain_text("0/5")
    networks.get_by_label("Machines", exact=True).select_option(label=f"left ({left.instance_id})")
    press(networks, "Attach")
    expect(networks.locator("tr[data-id]", has_text="mesh")).to_contain_text("1/5")
    expect(networks.locator("tr[data-id]", has_text=left.instance_id)).to_contain_text("Connected")
    look_at(page, *PANELS)


def test_server_goes_away_and_comes_back(page: Page, sandbox: glows.Sandbox) -> None:
    panel = page.locator(".glows-panel").first
    rows = panel.locator("tr[data-id]")
    # Far up the page it has read nothing all the while; now that it is looked at, it catches up.
    panel.scroll_into_view_if_needed()
    expect(rows).to_have_count(2)
    sandbox.close()
    alert = panel.get_by_role("alert").filter(has_text="Can't see the machines since")
    expect(alert).to_contain_text("What is shown is from")
    expect(panel.get_by_text("Out of date")).to_be_visible()
    expect(rows).to_have_count(2)
    screenshot(page, "panel-outage")
    sandbox.start()
    expect(panel.get_by_text("Updated")).to_be_visible()
    expect(alert).to_have_count(0)
    expect(rows).to_have_count(2)


def test_two_panels_by_keys_alone(page: Page) -> None:
    run_cells(page, 5)
    panels = page.locator(".glows-panel:has(.glows-actions)")
    expect(panels).to_have_count(2)
    first, second = panels.nth(0), panels.nth(1)
    expect(second.locator("tr[data-id]")).to_have_count(2)
    second.get_by_role("button", name="Refresh", exact=True).focus()
    tab_to(page, "tr[data-id]")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(second.locator("tr[data-id]").nth(1)).to_have_attribute("aria-selected", "true")
    release = second.get_by_role("button", name="Release", exact=True)
    expect(release).to_be_enabled()
    tab_to(page, "button:text-is('Release')")
    page.keyboard.press("Enter")
    yes = second.get_by_role("button", name="Release for good", exact=True)
    expect(yes).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(yes).to_have_count(0)
    expect(release).to_be_focused()
    page.keyboard.press("Space")
    expect(yes).to_be_focused()
    page.keyboard.press("Enter")
    expect(second.get_by_role("button", name="▸ Details")).to_be_focused()
    expect(second.locator("tr[data-id]")).to_have_count(1)
    first.scroll_into_view_if_needed()
    expect(first.locator("tr[data-id]")).to_have_count(1)


def test_refused_token_is_said_and_asked_no_more(page: Page) -> None:
    run_cells(page, 6)
    panel = page.locator(".glows-panel").last
    alert = panel.get_by_role("alert").filter(has_text="Can't see the machines since")
    expect(alert).to_contain_text("that does not mean that there are none")
    expect(alert).to_contain_text("Nothing is asked any more until you press Retry.")
    expect(panel.get_by_role("button", name="Retry", exact=True)).to_be_enabled()
    expect(panel.locator("tr[data-id]")).to_have_count(0)
    look_at(page)


def test_restarted_kernel_asks_nothing_any_more(page: Page, lab: Lab, sandbox: glows.Sandbox) -> None:
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_function(IDLE)
    before = len(sandbox.admin.transcript())
    page.wait_for_timeout(2500)  # a window to count in
    assert len(sandbox.admin.transcript()) == before
    # What is left on the page says that it is dead, and takes no click that nobody would hear.
    panel = page.locator(".glows-panel").first
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_text("this is not live any more")).to_be_visible()
    assert panel.evaluate("panel => [...panel.children].filter(child => !child.inert).length") == 1
    screenshot(page, "panel-dead")

    run_cells(page, 0, 1)
    panel = page.locator(".glows-panel").first
    expect(panel.get_by_text("Updated")).to_be_visible()
    expect(panel.get_by_text("this is not live any more")).to_have_count(0)
    assert threads(page, lab) == ["glows machines panel"]


def await_seen(page: Page, lab: Lab, is_seen: str) -> None:
    """Wait until the panel in the kernel knows whether it is seen."""
    deadline = time.monotonic() + 10
    while in_kernel(page, SHOWN) or (lab.folder / "seen.txt").read_text() != is_seen:
        assert time.monotonic() < deadline, f"the panel was never told that it is seen: {is_seen}"


def threads(page: Page, lab: Lab) -> list[str]:
    """The names of our threads in the kernel, once those that were asked to end have ended."""
    in_kernel(page, THREADS)
    names: list[str] = json.loads((lab.folder / "threads.json").read_text())
    return names


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what the selector means has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"thirty times Tab, and the focus is not on {selector}")


def look_at(page: Page, *names: str) -> None:
    """Keep pictures of panels in both themes; axe finds nothing serious in either."""
    for colours in ("Dark", "Light"):
        theme(page, colours)
        for name in names:
            page.locator(".glows-panel").nth(list(PANELS).index(name)).scroll_into_view_if_needed()
            screenshot(page, f"{name}-{len(names)}-{colours.lower()}")
        assert serious_violations(page, ".glows-panel") == []


def press(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).last.click()
