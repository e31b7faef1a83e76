"""How errors look in a notebook wherever they come from, with and without the extension, and that they stop a run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import glows_nb as glows
from tests.magic.live_kernel import LiveKernel, live_kernel

FAILING = "glows.specs(max_price=-1)"
SENTENCE = "InvalidRequest: max_price: -1 is not a number of at least 0."
HINT = "(%tb shows where it came from)"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    """A kernel in which nobody loads the extension; a file to run lies beside it."""
    home = tmp_path_factory.mktemp("home")
    script = home / "script.py"
    script.write_text(f"import glows_nb as glows\n{FAILING}\n")
    with pytest.MonkeyPatch.context() as patch, glows.sandbox(speed=200) as sandbox:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(home))
        environment = {
            "GLOWS_BASE_URL": sandbox.base_url,
            "GLOWS_SDK_TOKEN": sandbox.token,
            "TEST_SCRIPT": str(script),
        }
        with live_kernel(environment) as running:
            assert running.run("import os, glows_nb as glows").error is None
            yield running


@pytest.mark.parametrize(
    "cell",
    [
        FAILING,
        f"before = 1\n{FAILING}\nbefore = 2",
        f"def mine():\n    return {FAILING}\nmine()",
        f"%%time\n{FAILING}",
        f"%timeit -n1 -r1 {FAILING}",
        "script = os.environ['TEST_SCRIPT']\n%run $script",
        f"import ipywidgets\nwith ipywidgets.Output():\n    {FAILING}",
        f"async def mine():\n    {FAILING}\nawait mine()",
        f"try:\n    {FAILING}\nexcept glows.GlowsError:\n    raise",
        f"try:\n    {FAILING}\nexcept glows.GlowsError as error:\n    kept = error\nraise kept",
    ],
)
def test_error_is_one_sentence_where_the_extension_is_not_loaded(cell: str, kernel: LiveKernel) -> None:
    shown = kernel.run(cell)
    assert shown.error["ename"] == "InvalidRequest"
    assert shown.error_lines == [SENTENCE, HINT]
    whole = kernel.run("%tb")
    assert "Traceback (most recent call last)" in "\n".join(whole.error_lines)
    assert whole.error_lines[-1] == SENTENCE
    assert len(whole.error_lines) > 10


def test_error_of_an_awaited_call_is_one_sentence(kernel: LiveKernel) -> None:
    shown = kernel.run("await glows.AsyncClient().instances.get('ins-nobody')")
    assert shown.error["ename"] == "ParamIllegal"
    assert len(shown.error_lines) == 2


def test_error_that_was_made_from_one_of_glows_keeps_its_traceback(kernel: LiveKernel) -> None:
    shown = kernel.run(
        f"try:\n    {FAILING}\nexcept glows.GlowsError as error:\n    raise RuntimeError('x') from error"
    )
    assert shown.error["ename"] == "RuntimeError"
    assert SENTENCE in shown.error_lines
    assert len(shown.error_lines) > 10


def test_extension_leaves_the_error_hook_of_others_alone(kernel: LiveKernel) -> None:
    hook = "def hook(shell, kind, error, traceback, tb_offset=None):\n    print('theirs')\n    return []\n"
    kernel.run(f"{hook}get_ipython().set_custom_exc((ZeroDivisionError,), hook)")
    kernel.run("%load_ext glows_nb")
    kernel.run("%unload_ext glows_nb")
    assert kernel.run("1 / 0").stdout == "theirs\n"


def test_papermill_stops_at_the_error_and_keeps_it_in_the_notebook(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in (f"import glows_nb as glows\n{FAILING}", "print('went on')")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    stopped = program("-m", "papermill", str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"))
    assert stopped.returncode == 1
    assert stopped.stderr.rstrip().endswith(HINT)
    outputs = [cell.outputs for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells if cell.cell_type == "code"]
    assert [output.evalue for output in outputs[0]] == [SENTENCE.partition(" ")[2]]
    assert outputs[1:] == [[]]


def test_outside_of_notebooks_an_error_is_an_ordinary_one() -> None:
    code = f"import glows_nb as glows\n{FAILING}\n"
    done = program("-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.splitlines()[-1].endswith(SENTENCE)


def test_interrupted_wait_of_a_plain_call_says_how_to_go_on(kernel: LiveKernel) -> None:
    shown = kernel.run(
        "import signal\n"
        "client = glows.connect()\n"
        "image_id = client.images.default().image_id\n"
        "offer = dict(gpu_name='NVIDIA GeForce RTX 4090', region_name='TW-01', from_image_id=image_id)\n"
        "stop = lambda machine: signal.raise_signal(signal.SIGINT)\n"
        "client.instances.launch(name='cut', wait=True, on_change=stop, **offer)"
    )
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert re.fullmatch(
        r"Machine (ins-\w+) goes on as it was\. To wait again: client\.instances\.wait\('\1'\)", shown.error_lines[-1]
    )


def test_setting_in_the_configuration_file_that_can_not_be_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    (tmp_path / "profile_default").mkdir()
    (tmp_path / "profile_default" / "ipython_config.py").write_text("get_config().Glows.max_price = -1\n")
    shown = program("-m", "IPython", "--colors=NoColor", "-c", "%load_ext glows_nb")
    assert shown.returncode == 1
    assert "ConfigError" in shown.stdout
    assert "IPython's configuration file: The value of the 'max_price' trait" in shown.stdout
    assert len(shown.stdout.splitlines()) == 2


def program(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own code
