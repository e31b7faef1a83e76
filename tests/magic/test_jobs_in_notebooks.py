"""Jobs in a notebook: a script below the line, lines that are redrawn, an interrupt that ends the following alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FOLDERS_OF_THE_USER
from tests.magic.live_kernel import LiveKernel, Shown, live_kernel
from tests.sandbox.machines.real import STATE, RealSandbox, launch


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    """A kernel, and the machine train."""
    if sys.platform != "linux":
        pytest.skip("real machines are for Linux")
    home: Path = tmp_path_factory.mktemp("home")
    names = (*FOLDERS_OF_THE_USER, "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    with pytest.MonkeyPatch.context() as patch, RealSandbox(home / STATE) as sandbox, sandbox.client() as client:
        for name in names:
            patch.setenv(name, str(home))
        launch(client, "train")
        with live_kernel({"GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token}) as kernel:
            assert kernel.run("import glows_nb as glows\n%load_ext glows_nb").error is None
            yield kernel


def test_script_stands_below_the_line(kernel: LiveKernel) -> None:
    cell = "%%glows job train --name below -- python3 -\nprint('\"quoted\" $HOME ünï', 6 * 7)\n"
    shown = kernel.run(cell)
    assert shown.error is None, shown.error_lines
    assert "<Job below on train: " in shown.text
    followed = kernel.run("job = %glows log below --follow\njob.exit_status")
    assert followed.stdout == '"quoted" $HOME ünï 42\n'
    assert followed.result["text/plain"] == "0"
    again = kernel.run(cell)
    assert "below is there already on train (ins-" in again.text
    assert "Nothing stands below the line" in kernel.run("%%glows job train\n\n").error_lines[0]


def test_progress_lines_are_redrawn_as_they_come(kernel: LiveKernel) -> None:
    shown = kernel.run("m = glows.machine('train')\nm.job(r\"printf '1%%\\r2%%\\r\\n'\", name='bar').follow()")
    assert shown.error is None, shown.error_lines
    assert shown.stdout == "1%\r2%\r\n"


def test_interrupt_ends_the_following_and_not_the_job(kernel: LiveKernel) -> None:
    kernel.run("%glows job train --name long -- 'echo begun; sleep 1000'")
    pressed: list[bool] = []

    def press_stop(shown: Shown) -> None:
        if not pressed and "begun" in shown.stdout:
            pressed.append(True)
            kernel.interrupt()

    shown = kernel.run("%glows log long --follow", None, press_stop)
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert "No longer following; long goes on on train. follow() again goes on where this was" in shown.stdout
    assert kernel.run("glows.machine('train').job(name='long').status").result["text/plain"] == "'running'"
    stopped = kernel.run("%glows job train --name long --stop")
    assert "<Job long on train: stopped (by signal TERM)" in stopped.text


def test_table_is_that_of_all_machines(kernel: LiveKernel) -> None:
    shown = kernel.run("table = glows.jobs()\ntable")
    assert shown.error is None, shown.error_lines
    assert "SANDBOX · " in shown.text
    columns = kernel.run("list(table.columns)").result["text/plain"]
    for name in ("machine", "name", "status", "started", "took", "exit_status", "cost_so_far"):
        assert repr(name) in columns
