"""The quickstart's form in real JupyterLab: choose a GPU, press Launch, get the SSH command."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab

SSH_COMMAND = re.compile(r"ssh -p \d+ root@[\w.-]+")
ALL_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return context?.session?.kernel?.status === 'idle';
}"""
RUN_UP_TO_FORM = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.widgets;
    const form = cells.findIndex(cell => cell.model.id === 'form-cell');
    panel.content.activeCellIndex = form;
    await window.jupyterapp.commands.execute('notebook:run-all-above');
    await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
RUN_FORM_AGAIN = "() => window.jupyterapp.commands.execute('notebook:run-cell')"
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
DARK = "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
RUN_SILENTLY = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    await kernel.requestExecute({code, silent: true}).done;
}"""
WRITE_SECRETS = """
import json, os, pathlib
secrets = [os.environ["GLOWS_SDK_TOKEN"]]
for machine in client.instances.all():
    secrets.append(machine.ssh_password.get_secret_value())
    secrets += [access.url.partition("token=")[2] for access in machine.accesses if "token=" in access.url]
pathlib.Path("secrets.json").write_text(json.dumps(secrets))
"""


def test_form_launches_a_machine_once_and_saves_no_secret(lab: Lab, page: Page) -> None:
    page.goto(f"{lab.url}/lab/tree/quickstart.ipynb?token={lab.token}")
    page.wait_for_function(ALL_IDLE)
    page.evaluate(RUN_UP_TO_FORM)
    page.wait_for_function(ALL_IDLE)

    machine_id = launch_from_the_form(page)
    screenshot(page, "form-light")
    page.evaluate(DARK)
    expect(page.locator("body[data-jp-theme-light='false']")).to_be_attached()
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    screenshot(page, "form-dark")

    page.evaluate(RUN_FORM_AGAIN)
    page.wait_for_function(ALL_IDLE)
    assert launch_from_the_form(page) == machine_id

    page.evaluate(SAVE)
    saved = (lab.folder / "quickstart.ipynb").read_text(encoding="utf-8")
    assert machine_id in saved, "the notebook is saved with the state of its widgets"
    secrets = secrets_of_the_sandbox(lab, page)
    assert len(secrets) >= 3, "the token, a password and an access token at least"
    assert [secret for secret in secrets if secret in saved] == []


def launch_from_the_form(page: Page) -> str:
    """Choose a 4090 in TW-03 and press Launch; gives the id of the machine that came up."""
    form = page.locator(".jp-OutputArea-output:has(button:text-is('Launch'))").last
    form.scroll_into_view_if_needed()
    region, gpu = form.get_by_label("Region"), form.get_by_label("GPU")
    region.select_option(label="TW-03")
    # Picking a region leaves only what is there: TW-03 has two offers, both of this GPU.
    expect(gpu.locator("option")).to_have_text([re.compile(r"RTX\s4090")] * 2)
    gpu.select_option(index=0)
    expect(form.get_by_text("0.490 Credits per hour, 11.76 per day")).to_be_visible()
    form.get_by_role("button", name="Launch", exact=True).click()
    expect(form.get_by_text("Running", exact=True)).to_be_visible()
    expect(form.locator("code")).to_have_text(SSH_COMMAND)
    shown = re.search(r"ins-\w+", form.inner_text())
    assert shown
    return shown[0]


def secrets_of_the_sandbox(lab: Lab, page: Page) -> list[str]:
    """What must not be saved: the token, and the passwords and access tokens of all machines, from the kernel."""
    page.evaluate(RUN_SILENTLY, WRITE_SECRETS)
    secrets: list[str] = json.loads((lab.folder / "secrets.json").read_text())
    return secrets


def screenshot(page: Page, name: str) -> None:
    """Keep a picture where GLOWS_NB_SCREENSHOTS says so."""
    folder = os.environ.get("GLOWS_NB_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
