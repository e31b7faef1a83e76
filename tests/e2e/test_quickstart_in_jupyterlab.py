"""The quickstart's form in real JupyterLab: choose a GPU, press Launch, get the SSH command."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import IDLE, command, in_kernel, open_notebook, screenshot, theme

SSH_COMMAND = re.compile(r"ssh -p \d+ root@[\w.-]+")
RUN_UP_TO_FORM = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = panel.content.widgets;
    const form = cells.findIndex(cell => cell.model.id === 'form-cell');
    panel.content.activeCellIndex = form;
    await window.jupyterapp.commands.execute('notebook:run-all-above');
    await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
WRITE_SECRETS = """
import json, os, pathlib
secrets = [os.environ["GLOWS_SDK_TOKEN"]]
for machine in client.instances.all():
    secrets.append(machine.ssh_password.get_secret_value())
    addresses = [access.url.get_secret_value() for access in machine.accesses]
    secrets += [address.partition("token=")[2] for address in addresses if "token=" in address]
pathlib.Path("secrets.json").write_text(json.dumps(secrets))
"""


def test_form_launches_a_machine_once_and_saves_no_secret(lab: Lab, page: Page) -> None:
    open_notebook(page, lab, "quickstart.ipynb")
    page.evaluate(RUN_UP_TO_FORM)
    page.wait_for_function(IDLE)

    machine_id = launch_from_the_form(page)
    screenshot(page, "form-light")
    theme(page, "Dark")
    screenshot(page, "form-dark")

    command(page, "notebook:run-cell")
    assert launch_from_the_form(page) == machine_id

    command(page, "docmanager:save")
    saved = (lab.folder / "quickstart.ipynb").read_text(encoding="utf-8")
    assert machine_id in saved, "the notebook is saved with the state of its widgets"
    secrets = secrets_of_the_sandbox(lab, page)
    assert len(secrets) >= 3, "the token, a password and an access token at least"
    assert [secret for secret in secrets if secret in saved] == []


def launch_from_the_form(page: Page) -> str:
    """Choose a 4090 in TW-03, press Launch and say yes; gives the id of the machine that came up."""
    form = page.locator(".jp-OutputArea-output:has(button:text-is('Launch'))").last
    form.scroll_into_view_if_needed()
    region, gpu = form.get_by_label("Region", exact=True), form.get_by_label("GPU", exact=True)
    region.select_option(label="TW-03")
    # Picking a region leaves only what is there: TW-03 has two offers, both of this GPU.
    expect(gpu.locator("option")).to_have_text([re.compile(r"RTX\s4090")] * 2)
    gpu.select_option(index=0)
    expect(form.get_by_text("0.490 Credits per hour, 11.76 per day")).to_be_visible()
    expect(form.get_by_text(re.compile("Plan: (Rents|Nothing new)"))).to_be_visible()
    is_new = form.get_by_text("Plan: Rents").is_visible()
    form.get_by_role("button", name="Launch", exact=True).click()
    if is_new:
        form.get_by_role("button", name="Rent now").click()
    machine = form.locator(".glows-machine")
    expect(machine.get_by_text("Running", exact=True)).to_be_visible()
    expect(machine.locator("code")).to_have_text(SSH_COMMAND)
    expect(form.get_by_role("button", name="Launch", exact=True)).to_be_enabled()
    shown = re.search(r"ins-\w+", machine.inner_text())
    assert shown
    return shown[0]


def secrets_of_the_sandbox(lab: Lab, page: Page) -> list[str]:
    """What must not be saved: the token, and the passwords and access tokens of all machines, from the kernel."""
    in_kernel(page, WRITE_SECRETS)
    secrets: list[str] = json.loads((lab.folder / "secrets.json").read_text())
    return secrets
