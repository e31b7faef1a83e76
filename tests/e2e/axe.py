"""axe-core, the accessibility checker, run on a part of a page; it comes from npm and is put into the page locally."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page

PATH_VARIABLE = "GLOWS_NB_AXE"
PACKAGE = "axe-core@4"
RUN = """async selector => {
    const {violations} = await axe.run(selector);
    const serious = violations.filter(({impact}) => impact === 'serious' || impact === 'critical');
    return serious.flatMap(({id, nodes}) => nodes.map(node => `${id}: ${node.html} ${node.failureSummary}`));
}"""


def serious_violations(page: Page, selector: str) -> list[str]:
    """What axe finds serious or critical within the elements that a CSS selector means, one text a finding."""
    assert page.locator(selector).count() > 0, f"nothing is {selector}, so nothing would be checked"
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(content=_script())
    found: list[str] = page.evaluate(RUN, selector)
    return found


@cache
def _script() -> str:
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named).read_text(encoding="utf-8")
    if shutil.which("npm") is None:
        reason = f"axe-core is not there: {PATH_VARIABLE} names no axe.min.js, and npm is not installed"
        if os.environ.get("GLOWS_NB_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", PACKAGE]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own command
        (archive,) = Path(folder).glob("axe-core-*.tgz")
        with tarfile.open(archive) as packed:
            member = packed.extractfile("package/axe.min.js")
            assert member is not None
            return member.read().decode()
