"""A notebook on a machine, by Jupyter's own client: all that a kernel does, and that nothing is left of it after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.remote.conftest import SANDBOX
from tests.remote.kernels.conftest import WITHIN, Notebook, notebook_on, text_of
from tests.remote.ways import Door
from tests.sandbox.machines.real import eventually, runs

SERVER = """
import sys
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name=sys.argv[1])
manager.start_kernel()
print(manager.provisioner.pid, flush=True)
sys.stdin.read()
"""


def test_cells_are_run_there(notebook: Notebook) -> None:
    reply, came = notebook.run("import os, sys; print('out'); print('err', file=sys.stderr); os.getcwd()")
    assert reply["status"] == "ok"
    assert [each["msg_type"] for each in came] == [
        "status",
        "execute_input",
        "stream",
        "stream",
        "execute_result",
        "status",
    ]
    assert came[4]["content"]["data"]["text/plain"] == repr(str(notebook.home))


def test_displays_and_errors_are_as_of_any_kernel(notebook: Notebook) -> None:
    code = "handle = display('first', display_id=True)\nhandle.update('second')\nraise ValueError('no')"
    reply, came = notebook.run(code)
    shown, updated, error = (each["content"] for each in came[2:5])
    assert (shown["data"], updated["data"]) == ({"text/plain": "'first'"}, {"text/plain": "'second'"})
    assert shown["transient"] == updated["transient"]
    assert (error["ename"], reply["evalue"]) == ("ValueError", "no")


def test_input_completion_and_help(notebook: Notebook) -> None:
    asked: list[str] = []

    def answer(message: dict[str, dict[str, str]]) -> None:
        asked.append(message["content"]["prompt"])
        notebook.client.input("blue")

    _, came = notebook.run("colour = input('Colour? ')\nprint(colour)", stdin_hook=answer, allow_stdin=True)
    assert (asked, text_of(came)) == (["Colour? "], "blue\n")
    completed = notebook.client.complete("colou", reply=True, timeout=WITHIN)["content"]
    assert completed["matches"] == ["colour"]
    inspected = notebook.client.inspect("colour", reply=True, timeout=WITHIN)["content"]
    assert "blue" in inspected["data"]["text/plain"]


def test_interrupt_leaves_the_variables_and_restart_does_not(notebook: Notebook) -> None:
    notebook.run("kept = 7")
    asked = notebook.client.execute("import time; print('sleeps', flush=True); time.sleep(1000)")
    until(notebook, "stream")
    notebook.manager.interrupt_kernel()
    assert until(notebook, "error")["ename"] == "KeyboardInterrupt"
    assert notebook.client._recv_reply(asked, timeout=WITHIN)["content"]["status"] == "error"
    assert notebook.text("print(kept)") == "7\n"
    before = notebook.text("import os; print(os.getpid())")
    notebook.manager.restart_kernel()
    notebook.connect()
    assert notebook.text("print('kept' in dir())") == "False\n"
    assert notebook.text("import os; print(os.getpid())") != before
    assert len(notebook.pids_there) == 2


def test_busy_kernel_is_restarted_at_once_too(notebook: Notebook) -> None:
    notebook.client.execute("print('busy', flush=True)\nwhile True: pass")
    until(notebook, "stream")
    notebook.manager.restart_kernel(now=True)
    notebook.connect()
    assert notebook.text("print(1)") == "1\n"
    assert len(notebook.pids_there) == 2


def test_kernel_that_dies_there_is_dead_here_and_says_so(notebook: Notebook) -> None:
    reply, came = notebook.run("import os; os.kill(os.getpid(), 9)")
    sentence = f"The kernel on {notebook.service.told.instance_id} has ended by signal 9; its variables are gone."
    assert reply["evalue"] == sentence
    assert [each["content"]["evalue"] for each in came if each["msg_type"] == "error"] == [sentence]
    eventually(lambda: not notebook.manager.is_alive())
    # What Jupyter does then by itself:
    notebook.manager.restart_kernel(now=True)
    notebook.connect()
    assert notebook.text("print(2)") == "2\n"


def test_shutdown_leaves_nothing(notebook: Notebook) -> None:
    here = notebook.manager.provisioner.pid
    assert runs(here)
    assert len(notebook.pids_there) == 2
    of_all = ("__pycache__", "values", "jobs")
    [folder] = [path for path in (notebook.home / ".glows-nb").iterdir() if path.is_dir() and path.name not in of_all]
    notebook.client.execute("import atexit; atexit.register(lambda: open('ended', 'w').close())", reply=True)
    notebook.manager.shutdown_kernel()
    assert not runs(here)
    eventually(lambda: not notebook.pids_there)
    eventually(lambda: not folder.exists())
    assert (notebook.home / "ended").exists()


def test_kernel_ends_with_jupyter_s_server(doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook_on(doors, SANDBOX, monkeypatch) as notebook:
        words = [sys.executable, "-c", SERVER, notebook.kernel.name]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:  # noqa: S603 - our own
            assert server.stdout is not None
            bridge = int(server.stdout.readline())
            assert len(notebook.pids_there) == 2
            server.kill()
        eventually(lambda: not notebook.pids_there)
        eventually(lambda: not runs(bridge))


def test_bridge_that_is_killed_leaves_one_kernel_when_it_is_begun_again(notebook: Notebook) -> None:
    notebook.run("x = 1")
    os.kill(notebook.manager.provisioner.pid, signal.SIGKILL)
    eventually(lambda: not notebook.manager.is_alive())
    notebook.manager.restart_kernel(now=True)
    notebook.connect()
    assert notebook.text("print('x' in dir())") == "False\n"
    assert len(notebook.pids_there) == 2


def test_notebooks_and_cells_have_kernels_of_their_own(doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    with notebook_on(doors, SANDBOX, monkeypatch) as first, notebook_on(doors, SANDBOX, monkeypatch) as second:
        first.start()
        second.start()
        first.run("x = 1")
        assert second.text("print('x' in dir())") == "False\n"
        with second.service.machine() as machine:
            assert machine.run("'x' in dir()", quiet=True).text == "False\n"
        second.manager.shutdown_kernel()
        assert first.text("print(x)") == "1\n"
        first.manager.shutdown_kernel()


def test_description_has_no_secret(notebook: Notebook, tmp_path: Path) -> None:
    text = (tmp_path / "jupyter-data" / "kernels" / notebook.kernel.name / "kernel.json").read_text()
    assert notebook.service.told.instance_id in text
    assert "token" not in text
    assert notebook.service.base_url not in text


def until(notebook: Notebook, kind: str) -> dict[str, str]:
    """The content of the next message of a kind on iopub."""
    while True:
        message = notebook.client.get_iopub_msg(timeout=WITHIN)
        if message["msg_type"] == kind:
            content: dict[str, str] = message["content"]
            return content
