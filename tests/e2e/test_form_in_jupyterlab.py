"""Spec picker and launch form in real JupyterLab: from a pick to a released machine, by mouse and by keys."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import glows_nb as glows
from tests.e2e.axe import serious_violations
from tests.e2e.conftest import PATIENCE_MS, Lab
from tests.e2e.jupyterlab import command, in_kernel, open_notebook, picture, run_cell, theme, write_notebook

CONNECT, PICKER, FORM, OPEN, SOLD_OUT, BAD_TOKEN, AGAIN = range(7)
"""The cells of the notebook."""
SSH_COMMAND = re.compile(r"ssh -p \d+ root@[\w.-]+")
ENV_SECRET = "hf-never-in-a-notebook"
WRITE_THREADS = """
import json, pathlib, threading, time
deadline = time.monotonic() + 5
while names := [thread.name for thread in threading.enumerate() if "glows" in thread.name]:
    if time.monotonic() > deadline:
        break
    time.sleep(0.01)  # a poll with a deadline
pathlib.Path("threads.json").write_text(json.dumps(names))
"""


@pytest.fixture(scope="module")
def service() -> Iterator[glows.Sandbox]:
    """The service of this module's notebooks, in the tests' own process, so that its other side is at hand."""
    with glows.sandbox(speed=100) as running:
        yield running


@pytest.fixture(scope="module")
def account(service: glows.Sandbox) -> Iterator[glows.Client]:
    with service.client() as connected:
        yield connected


@pytest.fixture(autouse=True)
def no_faults(service: glows.Sandbox) -> None:
    service.admin.clear()


@pytest.fixture(scope="module")
def page(lab: Lab, browser: Browser, service: glows.Sandbox) -> Iterator[Page]:
    """One page, notebook and kernel for all tests here; each has cells of its own."""
    (lab.folder / "token.txt").write_text(service.token)
    sold_out = sold_out_spec(service)
    cells = {
        # The token comes from a file, since code is saved with the notebook.
        CONNECT: "import pathlib, glows_nb as glows\n"
        f"client = glows.connect(pathlib.Path('token.txt').read_text(), {service.base_url!r})",
        PICKER: "picker = glows.spec_picker()\npicker",
        FORM: "form = glows.launch_form(spec=picker.value, name='by-hand')\nform",
        OPEN: "%load_ext glows_nb\n%glows open by-hand",
        SOLD_OUT: f"spec = next(s for s in client.specs.all() if s.resource_id == {sold_out.resource_id!r})\n"
        "glows.launch_form(spec=spec, name='keys')",
        BAD_TOKEN: f"glows.launch_form(client=glows.Client('nonsense', {service.base_url!r}))",
        AGAIN: "glows.launch_form(name='again')",
    }
    write_notebook(lab, "form.ipynb", *cells.values())
    context = browser.new_context(viewport={"width": 1300, "height": 2000})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    open_notebook(opened, lab, "form.ipynb")
    run_cell(opened, CONNECT)
    yield opened
    context.close()


def test_pick_launch_copy_snapshot_release(lab: Lab, page: Page, service: glows.Sandbox, account: glows.Client) -> None:
    picker = run(page, PICKER)
    pick_a_4090_in_tw_03(page, picker)
    looks_well(page, picker, "spec-picker")
    form = run(page, FORM)
    expect(form.get_by_text("0.490 Credits per hour, 11.76 per day, 352.80 per month")).to_be_visible()
    expect(form.get_by_text("no machine has it")).to_be_visible()
    fill_in(form)
    form.get_by_role("button", name="The same as Python").click()
    form.get_by_role("button", name="Copy the code").click()
    expect(form.get_by_text("Copied")).to_be_visible()
    code = clipboard(page)
    assert 'os.environ["HF_TOKEN"]' in code
    assert 'ports=["8000/http"]' in code
    assert 'regions=["TW-04", "TW-01"]' in code
    form.get_by_role("button", name="The same as Python").click()
    form.get_by_role("button", name="Launch", exact=True).click()
    expect(form.get_by_text("Rent it?")).to_be_visible()
    assert account.instances.all() == [], "nothing is rented before the second click"
    form.get_by_role("button", name="Rent now").click()
    expect(form.get_by_text("✓ Reachable")).to_be_visible()
    looks_well(page, form, "launch-form")

    form.get_by_role("button", name="Copy SSH").click()
    expect(form.get_by_text("Copied")).to_be_visible()
    (machine,) = account.instances.all()
    assert clipboard(page) == machine.ssh_command
    assert machine.envs.get_secret_value() == f"HF_TOKEN={ENV_SECRET}"
    # The code that was copied, run as it stands, finds the same machine.
    in_kernel(page, f"import os; os.environ['HF_TOKEN'] = {ENV_SECRET!r}")
    again = code.replace("client.instances.launch(", "again = client.instances.launch(")
    in_kernel(page, f"{again}\npathlib.Path('again.txt').write_text(again.instance_id)")
    assert (lab.folder / "again.txt").read_text() == machine.instance_id
    assert len(account.instances.all()) == 1
    with page.expect_popup() as opened:
        form.get_by_role("button", name="Open Jupyter").click()
    opened.value.close()
    run_cell(page, OPEN)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Open", exact=True).click()
    assert opened.value.url.startswith(machine.url().get_secret_value().partition("?")[0])
    opened.value.close()

    form.get_by_role("button", name="Snapshot", exact=True).click()
    form.locator(".glows-machine").get_by_label("Name", exact=True).fill("before the night")
    form.get_by_role("button", name="Take snapshot").click()
    expect(form.get_by_text(re.compile(r"Snapshot sn\w+-\w+ is taken"))).to_be_visible()
    form.get_by_role("button", name="Release", exact=True).click()
    form.get_by_role("button", name="Release for good").click()
    expect(form.get_by_text("has ended and costs nothing any more")).to_be_visible()
    assert [one.status for one in account.instances.all()] == ["Finished"]

    command(page, "docmanager:save")
    saved = (lab.folder / "form.ipynb").read_text(encoding="utf-8")
    assert machine.instance_id in saved, "the notebook is saved with the state of its widgets"
    assert "glows-static" in saved, "and with that state as plain HTML"
    expect(page.locator(".glows-static").first).to_be_hidden()
    assert machine.ssh_password is not None
    secrets = [
        service.token,
        machine.ssh_password.get_secret_value(),
        machine.url().get_secret_value().partition("token=")[2],
    ]
    assert [secret for secret in [*secrets, ENV_SECRET] if secret in saved] == []


def test_bad_token_is_an_error_beside_a_way_to_try_again(page: Page) -> None:
    form = run(page, BAD_TOKEN)
    expect(form.get_by_text("AuthError")).to_be_visible()
    expect(form.get_by_role("button", name="Retry")).to_be_enabled()
    expect(form.get_by_role("button", name="Launch", exact=True)).to_be_disabled()


def test_sold_out_spec_is_said_and_another_one_launched_by_keys_alone(
    page: Page, service: glows.Sandbox, account: glows.Client
) -> None:
    sold_out = sold_out_spec(service)
    service.admin.order("no_stock", region=sold_out.region_name, gpu_name=sold_out.hardware_name)
    form = run(page, SOLD_OUT)
    expect(form.get_by_text("is sold out, or not for this image")).to_be_visible()
    expect(form.get_by_role("button", name="Launch", exact=True)).to_be_disabled()

    # From here on there is no mouse: from the first field to the machine by keys alone.
    form.get_by_label("Start from").focus()
    tab_to(page, "GPU")
    page.keyboard.press("ArrowDown")
    expect(form.get_by_label("GPU", exact=True)).not_to_have_value("")
    tab_to(page, "Add a port")
    page.keyboard.press("Enter")
    page.keyboard.type("9000")
    tab_to(page, "Launch")
    expect(form.get_by_text("Plan: Rents")).to_be_visible()
    page.keyboard.press("Enter")
    expect(form.get_by_role("button", name="Rent now")).to_be_focused()
    page.keyboard.press("Enter")
    expect(form.get_by_text("✓ Reachable")).to_be_visible()
    assert form.evaluate("form => form.contains(document.activeElement)"), "the next key is still the form's"
    machine = account.instances.find("keys")
    assert 9000 in {access.listen_port for access in machine.accesses}
    tab_to(page, "Release")
    page.keyboard.press("Enter")
    expect(form.get_by_role("button", name="Release for good")).to_be_focused()
    page.keyboard.press("Enter")
    expect(form.get_by_role("group", name="The machine", exact=True)).to_be_focused()
    expect(form.get_by_text("has ended and costs nothing any more")).to_be_visible()
    expect(form.get_by_role("group", name="The machine", exact=True)).to_be_focused()


def test_cell_run_ten_times_and_a_restart_leave_nothing_behind(
    lab: Lab, page: Page, service: glows.Sandbox, account: glows.Client
) -> None:
    form = run(page, AGAIN)
    form.get_by_label("Region", exact=True).select_option("TW-04")
    expect(form.get_by_text("Plan: Rents")).to_be_visible()
    for _ in range(10):
        form = run(page, AGAIN)
    expect(form.get_by_label("Region", exact=True)).to_have_value("TW-04")
    expect(form.get_by_text("Plan: Rents")).to_be_visible()
    form.get_by_role("button", name="Launch", exact=True).click()
    form.get_by_role("button", name="Rent now").click()
    expect(form.get_by_text("✓ Reachable")).to_be_visible()
    form = run(page, AGAIN)
    expect(form.get_by_text("✓ Reachable")).to_be_visible()
    expect(form.get_by_text("Plan: Nothing new is rented")).to_be_visible()
    in_kernel(page, WRITE_THREADS)
    assert json.loads((lab.folder / "threads.json").read_text()) == []
    assert calls_within_a_second(service) == 0

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    assert calls_within_a_second(service) == 0
    run_cell(page, CONNECT)
    form = run(page, AGAIN)
    expect(form.get_by_text("· Found again")).to_be_visible()
    expect(form.get_by_text("✓ Reachable")).to_be_visible()
    (machine,) = [one for one in account.instances.all() if one.remark == "again"]
    account.instances.cancel(machine.instance_id)


def run(page: Page, cell: int) -> Locator:
    """Run a cell and give the widget that it shows."""
    run_cell(page, cell)
    widget = page.locator(".jp-Notebook-cell").nth(cell).locator(".glows-form-box")
    expect(widget).to_have_count(1)
    return widget


def sold_out_spec(service: glows.Sandbox) -> glows.Spec:
    """What one test sells out."""
    with service.client() as client:
        return next(spec for spec in client.specs.all() if "5090" in spec.hardware_name)


def clipboard(page: Page) -> str:
    text: str = page.evaluate("() => navigator.clipboard.readText()")
    return text


def calls_within_a_second(service: glows.Sandbox) -> int:
    """How many calls reach the service while nobody does anything."""
    before = calls(service)
    time.sleep(1)  # a window to count in
    return len([call for call in calls(service) if call not in before])


def calls(service: glows.Sandbox) -> list[dict[str, Any]]:
    return service.admin.transcript()


def pick_a_4090_in_tw_03(page: Page, picker: Locator) -> None:
    """Filter, go to the second row and back by keys, and see it chosen."""
    rows = picker.locator("tbody tr")
    expect(rows).to_have_count(20)
    picker.get_by_label("GPU", exact=True).fill("4090")
    expect(rows).not_to_have_count(20)
    picker.get_by_label("Region", exact=True).select_option("TW-03")
    expect(rows).to_have_count(2)
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(picker.get_by_text("Chosen: NVIDIA GeForce RTX 4090")).to_be_visible()
    picker.get_by_label("Region", exact=True).select_option("any")


def fill_in(form: Locator) -> None:
    """A port, and a variable with a secret in it."""
    form.get_by_role("button", name="Add a port").click()
    form.get_by_label("Port 1", exact=True).fill("8888")
    expect(form.get_by_text("8888 is taken inside by Jupyter")).to_be_visible()
    form.get_by_label("Port 1", exact=True).fill("8000")
    expect(form.get_by_text("8888 is taken inside by Jupyter")).to_be_hidden()
    form.get_by_role("button", name="More:").click()
    form.get_by_role("button", name="Add a variable").click()
    form.get_by_label("Variable 1", exact=True).fill("HF_TOKEN")
    form.get_by_label("Value of variable 1").fill(ENV_SECRET)
    form.get_by_label("Price cap").fill("0.1")
    expect(form.get_by_text("The cap is below the price")).to_be_visible()
    expect(form.get_by_label("Price cap")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Price cap").fill("")
    # Each new row begins with another region, and their order can be changed.
    for _ in range(2):
        form.get_by_role("button", name="Add a region").click()
    expect(form.get_by_label("Region 1", exact=True)).to_have_value("TW-01")
    expect(form.get_by_label("Region 2", exact=True)).to_have_value("TW-04")
    form.get_by_role("button", name="Move up region 2").click()
    expect(form.get_by_label("Region 1", exact=True)).to_have_value("TW-04")
    expect(form.get_by_label("Region 1", exact=True)).to_be_focused()
    expect(form.get_by_text("Plan: Rents")).to_be_visible()


def looks_well(page: Page, widget: Locator, name: str) -> None:
    """Light, dark and narrow: nothing that a checker calls serious, and pictures of all to be looked at."""
    widget.evaluate("element => element.id = 'looked-at'")
    assert serious_violations(page, "#looked-at") == []
    picture(widget, name)
    theme(page, "Dark")
    assert serious_violations(page, "#looked-at") == []
    picture(widget, f"{name}-dark")
    theme(page, "Light")
    widget.evaluate("element => element.style.width = '22em'")
    is_inside = widget.evaluate("element => element.scrollWidth <= element.clientWidth")
    picture(widget, f"{name}-narrow")
    widget.evaluate("element => { element.id = ''; element.style.width = ''; }")
    assert is_inside, "nothing sticks out of a narrow widget"


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this label has the focus."""
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "() => document.activeElement.ariaLabel ?? document.activeElement.labels?.[0]?.textContent "
            "?? document.activeElement.textContent"
        )
        if label.strip() == name:
            return
        reached.append(label.strip())
    pytest.fail(f"Tab never reached {name}, but {reached}")
