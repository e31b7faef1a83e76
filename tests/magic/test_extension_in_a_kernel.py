"""`%load_ext glows_nb` in a real kernel: one notebook, run once, and what its cells showed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

import glows_nb as glows

BAD_TOKEN = "planted-bad-token-4711"
TRAIN = "%glows launch --gpu 4090 --name train --wait --yes"

CELLS = {
    "load": "%load_ext glows_nb",
    "no token": "%glows specs",
    "bad token": """
import os
import glows_nb as glows
client = glows.connect(os.environ["TEST_BAD_TOKEN"], os.environ["TEST_BASE_URL"])
machines = %glows list
""",
    "after bad token": '"machines" in globals()',
    "traceback": "%tb",
    "plain error": "1 / 0",
    "connect": """
os.environ["GLOWS_BASE_URL"], os.environ["GLOWS_SDK_TOKEN"] = os.environ["TEST_BASE_URL"], os.environ["TEST_TOKEN"]
client = glows.connect()
client
""",
    "value": "x = %glows specs --sort price",
    "type of value": "import pandas as pd; isinstance(x, pd.DataFrame), len(x)",
    "table": "%glows specs --gpu 4090",
    "python error": "glows.specs(max_price=-1)",
    "wrong command": "%glows spces",
    "wrong option": "%glows specs --gup 4090",
    "nobody to ask": "%glows launch --gpu 4090",
    "launch": f"first = {TRAIN}\nfirst",
    "launch again": f"second = {TRAIN}\nsecond",
    "same": "first.instance_id == second.instance_id, len(client.instances.all())",
    "show": "%glows show train",
    "list": "%glows list",
    "print": "print(first, repr(first), str(first.accesses), client.instances.list())",
    "url": "first.url()",
    "form": "form = glows.launch_form(name='train'); form",
    "failing call with secrets in reach": f"""
def use(token, password):
    return client.instances.get("ins-{"x" * 70}")
use(os.environ["TEST_TOKEN"], first.ssh_password)
""",
    "traceback with secrets in reach": "%tb",
    "unload": "%unload_ext glows_nb",
    "magic after unload": "%glows specs",
    "machine after unload": "first",
    "load again": "%load_ext glows_nb",
    "magic after load": "y = %glows specs\nlen(y)",
    "load twice": "%load_ext glows_nb\n%reload_ext glows_nb\nz = %glows stats\nz",
    "cancel": "%glows cancel --all --wait --yes",
    "stats": "%glows stats",
    "doctor": "%glows doctor",
    "secrets": """
import json, pathlib
secrets = [os.environ["TEST_TOKEN"], os.environ["TEST_BAD_TOKEN"]]
secrets += [first.ssh_password.get_secret_value(), first.url().get_secret_value().partition("token=")[2]]
pathlib.Path(os.environ["TEST_SECRETS"]).write_text(json.dumps(secrets))
""",
}


@dataclass(frozen=True)
class Shown:
    """What a cell showed."""

    outputs: list[Any]

    @property
    def error(self) -> Any:
        """Its error output; asserts that it is the one."""
        errors = [output for output in self.outputs if output.output_type == "error"]
        assert len(errors) == 1, self.outputs
        return errors[0]

    @property
    def error_lines(self) -> list[str]:
        """What the reader sees of the error, without colours."""
        return [plain(line) for text in self.error.traceback for line in text.splitlines()]

    @property
    def text(self) -> str:
        """Everything that it showed as text, without colours."""
        return plain("\n".join(output.get("text", "") or data(output).get("text/plain", "") for output in self.outputs))

    @property
    def html(self) -> str:
        return "".join(data(output).get("text/html", "") for output in self.outputs)


def data(output: Any) -> dict[str, Any]:
    found: dict[str, Any] = output.get("data", {})
    return found


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def kernel_client(notebook: nbformat.NotebookNode, **options: Any) -> NotebookClient:
    config = Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})
    return NotebookClient(notebook, timeout=60, config=config, **options)


@dataclass(frozen=True)
class Run:
    """The notebook after its run, and the secrets that were in its kernel."""

    cells: dict[str, Shown]
    whole: str
    secrets: list[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder of its own for kernels, so that nobody's start-up files run in them."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder))
        for name in ("GLOWS_SDK_TOKEN", "GLOWS_BASE_URL", "GLOWS_PROFILE"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    notebook = notebook_of(*CELLS.values())
    with glows.sandbox(speed=200) as sandbox:
        places = {
            "TEST_BASE_URL": sandbox.base_url,
            "TEST_TOKEN": sandbox.token,
            "TEST_BAD_TOKEN": BAD_TOKEN,
            "TEST_SECRETS": str(home / "secrets.json"),
        }
        kernel_client(notebook, allow_errors=True).execute(env={**os.environ, **places})
    cells = dict(zip(CELLS, (Shown(cell.outputs) for cell in notebook.cells), strict=True))
    return Run(cells, nbformat.writes(notebook), json.loads((home / "secrets.json").read_text()))


TRACEBACKS = {"traceback", "traceback with secrets in reach"}
WITH_ERRORS = {
    "no token",
    "bad token",
    "plain error",
    "python error",
    "wrong command",
    "wrong option",
    "nobody to ask",
    "failing call with secrets in reach",
}


def test_only_the_cells_that_should_fail_do(run: Run) -> None:
    failed = {
        name: output for name, cell in run.cells.items() for output in cell.outputs if output.output_type == "error"
    }
    assert set(failed) == WITH_ERRORS | TRACEBACKS


def test_value_of_the_magic_is_a_frame_and_shows_nothing_by_itself(run: Run) -> None:
    assert run.cells["value"].outputs == []
    assert run.cells["type of value"].text == "(True, 20)"


def test_table_shows_in_html_and_text_with_the_sandbox_marked(run: Run) -> None:
    table = run.cells["table"]
    assert "SANDBOX" in table.html
    assert "<table" in table.html
    assert table.text.startswith("SANDBOX · 4 offers")


@pytest.mark.parametrize("name", sorted(WITH_ERRORS - {"plain error"}))
def test_error_of_glows_is_one_sentence_and_a_hint(name: str, run: Run) -> None:
    lines = run.cells[name].error_lines
    assert len(lines) == 2, lines
    assert lines[0].startswith(f"{run.cells[name].error.ename}: ")
    assert "%tb" in lines[1]
    assert "Traceback" not in "\n".join(lines)


def test_other_errors_keep_their_traceback(run: Run) -> None:
    assert "Traceback" in "\n".join(run.cells["plain error"].error_lines)


def test_no_token_says_the_ways_to_give_one_and_the_sandbox(run: Run) -> None:
    assert run.cells["no token"].error.ename == "ConfigError"
    for way in ("glows.connect(token=", "GLOWS_SDK_TOKEN", "profiles.toml", "%glows sandbox"):
        assert way in run.cells["no token"].error_lines[0]


def test_bad_token_is_an_error_and_no_empty_table(run: Run) -> None:
    assert run.cells["bad token"].error.ename == "AuthError"
    assert "code 176" in run.cells["bad token"].error_lines[0]
    assert run.cells["after bad token"].text == "False"


def test_wrong_words_name_the_nearest_right_ones(run: Run) -> None:
    assert "'specs'" in run.cells["wrong command"].error_lines[0]
    assert "'--gpu'" in run.cells["wrong option"].error_lines[0]


def test_error_of_a_plain_call_is_short_too(run: Run) -> None:
    assert run.cells["python error"].error_lines[0].startswith("InvalidRequest: max_price: ")


def test_launch_where_nobody_can_be_asked_rents_nothing(run: Run) -> None:
    assert "add --yes" in run.cells["nobody to ask"].error_lines[0]
    assert run.cells["same"].text == "(True, 1)"


@pytest.mark.parametrize(
    ("name", "error", "where"),
    [
        ("traceback", "AuthError", "list_machines"),
        ("traceback with secrets in reach", "InvalidRequest", "use(token, password)"),
    ],
)
def test_whole_traceback_is_one_line_away(name: str, error: str, where: str, run: Run) -> None:
    lines = run.cells[name].error_lines
    assert any("Traceback (most recent call last)" in line for line in lines)
    assert any(where in line for line in lines)
    assert lines[-1].startswith(f"{error}: ")
    assert len(lines) > 10


def test_same_launch_cell_twice_rents_one_machine(run: Run) -> None:
    assert run.cells["same"].text == "(True, 1)"
    assert "Rents 1 ×" in run.cells["launch"].text
    assert "Nothing new is rented" in run.cells["launch again"].text


def test_machine_shows_what_one_wants_to_know_of_it(run: Run) -> None:
    for name in ("launch", "launch again", "show"):
        assert "Running" in run.cells[name].html
        assert re.search(r"ssh -p \d+ root@", run.cells[name].html)
        assert "SANDBOX" in run.cells[name].html
        assert "0.390 Credits/h, 9.36 Credits per day" in run.cells[name].text


def test_form_has_a_plain_form_for_places_without_widgets(run: Run) -> None:
    widget, plain = run.cells["form"].outputs
    assert "application/vnd.jupyter.widget-view+json" in widget.data
    assert "LaunchForm SANDBOX" in widget.data["text/plain"]
    assert "Launch a machine" in plain.data["text/html"]
    assert "SANDBOX" in plain.data["text/html"]


def test_no_secret_is_in_the_notebook(run: Run) -> None:
    assert len(run.secrets) == 4
    assert all(len(secret) >= 8 for secret in run.secrets)
    # The saved state of widgets is in the notebook's metadata.
    assert "application/vnd.jupyter.widget-state+json" in run.whole
    assert [secret for secret in run.secrets if secret in run.whole] == []


def test_unloaded_extension_takes_the_magic_and_the_form_of_machines_away(run: Run) -> None:
    assert "`%glows` not found" in run.cells["magic after unload"].text
    assert "<table" not in run.cells["machine after unload"].html
    assert "<Instance ins-" in run.cells["machine after unload"].text


def test_extension_loads_again_and_twice_does_no_harm(run: Run) -> None:
    assert run.cells["magic after load"].text == "20"
    assert run.cells["load twice"].text.splitlines()[-1] == "{'Running': 1}"


def test_released_machines_are_ended_when_the_cell_returns(run: Run) -> None:
    assert run.cells["stats"].text == "{'Finished': 1}"


def test_doctor_tells_the_kernel_and_what_it_lacks(run: Run) -> None:
    doctor = run.cells["doctor"]
    assert "SANDBOX" in doctor.html
    assert "✗ fail" not in doctor.html
    assert "a notebook&#x27;s kernel (ipykernel)" in doctor.html
    assert re.search(r"! warn +questions +nobody can be asked here", doctor.text)


def test_run_all_stops_at_an_error_of_glows(home: Path) -> None:
    notebook = notebook_of("%load_ext glows_nb", "%glows spces", "print('went on')")
    with pytest.raises(CellExecutionError) as stopped:
        kernel_client(notebook).execute()
    assert stopped.value.ename == "CommandError"
    assert notebook.cells[-1].outputs == []


def test_papermill_rents_nothing_unasked_and_stops_at_the_refusal(
    home: Path, sandbox: glows.Sandbox, client: glows.Client
) -> None:
    notebook = notebook_of("%load_ext glows_nb", "machine = %glows launch --gpu 4090 --name train", "print('went on')")
    nbformat.write(notebook, home / "unasked.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "unasked.ipynb", "out.ipynb"],
        cwd=home,
        env={**os.environ, "GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "CommandError: Nobody can be asked here, so nothing was done; add --yes" in plain(done.stderr)
    written = nbformat.read(home / "out.ipynb", as_version=4)
    assert "went on" not in str([cell.get("outputs") for cell in written.cells])
    assert sandbox.token not in nbformat.writes(written)
    assert client.instances.all() == []
