"""The quickstart: what it shows, and how `glows-nb demo`, from the wheel, runs it from top to bottom."""

from __future__ import annotations

import json
import re
import subprocess
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import pytest

from glows_nb.jupyter import quickstart
from tests.install.wheel import Installed

MOST_SECONDS = 60
PRICED_ROW = re.compile(r"^ *(?:TW|JP)-\d\d .*? (\d+\.\d{3}) .* (?:yes|no) ", re.MULTILINE)


@dataclass(frozen=True)
class Demo:
    """What `glows-nb demo` left behind."""

    status: int
    output: str
    errors: str
    seconds: float
    page: str


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(quickstart().read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def demo(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    own_places = {name: str(folder / "home") for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "IPYTHONDIR")}
    environment = {name: value for name, value in installed.variables.items() if not name.startswith("GLOWS_")}
    started = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own command
        [installed.program, "demo"],
        cwd=folder,
        env={**environment, **own_places, "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * MOST_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    page = (folder / "glows-demo.html").read_text(encoding="utf-8")
    return Demo(done.returncode, done.stdout, done.stderr, seconds, page)


def test_notebook_shows_the_whole_job(notebook: dict[str, Any]) -> None:
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    for step in (
        "%glows specs",
        "%glows launch",
        "glows.launch_form(",
        "glows.panel(",
        "%glows list",
        "%glows wait",
        "%glows cancel",
    ):
        assert step in code


def test_demo_ends_within_a_minute(demo: Demo) -> None:
    assert demo.status == 0
    assert demo.seconds < MOST_SECONDS


def test_demo_prints_a_table_of_at_least_17_priced_offers(demo: Demo) -> None:
    prices = [float(price) for price in PRICED_ROW.findall(demo.output)]
    table, _, _ = demo.output.partition("Rents 1 ×")
    assert len(PRICED_ROW.findall(table)) >= 17
    assert min(prices) > 0
    assert "SANDBOX" in demo.output


def test_demo_prints_machines_that_ran_and_were_released(demo: Demo) -> None:
    ran = set(re.findall(r"(ins-\w{8}) +\S+ +Running ", demo.output))
    released = set(re.findall(r"(ins-\w{8}) +\S+ +Finished ", demo.output))
    assert len(ran) == 2
    assert released == ran
    assert re.search(r"ssh -p \d+ root@", demo.output)


def test_demo_says_nothing_of_errors(demo: Demo) -> None:
    assert "Traceback" not in demo.output + demo.errors
    assert "Error" not in demo.output


def test_page_shows_the_run_and_says_where_it_is(demo: Demo) -> None:
    assert re.search(r"page: .*glows-demo\.html", demo.output)
    for sign in ("<html", "SANDBOX", "NVIDIA GeForce RTX 4090", "Launch a machine", "“from-the-form”", "Finished"):
        assert sign in demo.page


def test_page_shows_the_panel_as_it_was_last(demo: Demo) -> None:
    assert "Machines: nothing is running, so nothing is charged now" in demo.page
    assert "Machines: 2 machines running" not in demo.page
    assert re.search(r"As of \d{4}-\d\d-\d\d \d\d:\d\d UTC", demo.page)


def test_page_and_output_hold_no_token(demo: Demo) -> None:
    # Each JWT begins with the header, {"alg":…, in base64; an access token follows "token=".
    jwt = urlsafe_b64encode(b'{"alg"').decode().rstrip("=")[:8]
    for text in (demo.page, demo.output, demo.errors):
        assert jwt not in text
        assert not re.search(r"token=\w{8}\b", text)
    assert jwt == "eyJhbGci"
