"""Cells in a machine's kernel: what they show, how they end, and that nothing is run twice or lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.remote.cells.failing import CellFailed
from tests.remote.conftest import SANDBOX
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually


def test_variables_stay_and_values_come_back(machine: glows.Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine.run("x = 41").outputs == []
    result = machine.run("import sys; print('out'); print('err', file=sys.stderr); x + 1")
    assert [(row["output_type"], row.get("text")) for row in result.outputs] == [
        ("stream", "out\n"),
        ("stream", "err\n"),
        ("execute_result", None),
    ]
    assert (result.status, result.error, result.text) == ("ok", None, "out\nerr\n42\n")
    assert capsys.readouterr() == ("out\n42\n", "err\n")


def test_error_is_that_of_the_machine(machine: glows.Machine) -> None:
    result = machine.run("def f():\n    1 / 0\nf()", quiet=True)
    assert isinstance(result.error, CellFailed)
    assert (type(result.error).__name__, str(result.error)) == ("ZeroDivisionError", "division by zero")
    assert "ZeroDivisionError" in result.error.traceback[-1]
    assert result.outputs[-1]["ename"] == "ZeroDivisionError"


def test_every_line_arrives_in_order(machine: glows.Machine) -> None:
    result = machine.run("for i in range(20_000): print(i, flush=True)", quiet=True)
    assert result.text == "".join(f"{number}\n" for number in range(20_000))


def test_much_text_is_in_a_file(machine: glows.Machine) -> None:
    result = machine.run("print('x' * 50_000_000)", quiet=True)
    assert result.path is not None
    assert result.path.stat().st_size == 50_000_001
    assert len(result.text) < 2_000_000
    assert len(result.outputs[0]["text"]) <= 2 << 20


def test_displays_are_updated_and_cleared(machine: glows.Machine) -> None:
    result = machine.run(
        "from IPython.display import display, clear_output\n"
        "print('gone')\nclear_output(wait=True)\nhandle = display('first', display_id=True)\nhandle.update('second')",
        quiet=True,
    )
    assert [row["data"]["text/plain"] for row in result.outputs] == ["'second'"]


def test_input_is_asked_here(machine: glows.Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or "blue")
    assert machine.run("print(input('Colour? ').upper())", quiet=True).text == "BLUE\n"
    monkeypatch.setattr("glows_nb.remote.cells.showing.getpass", lambda prompt: asked.append(prompt) or "secret")
    assert machine.run("import getpass; print(len(getpass.getpass('Word? ')))", quiet=True).text == "6\n"
    assert asked == ["Colour? ", "Word? "]


def test_answer_outlives_the_line_over_which_it_was_asked(
    machine: glows.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def here(prompt: str) -> str:
        asked.append(prompt)
        machine.close()
        return "blue"

    monkeypatch.setattr("builtins.input", here)
    assert machine.run("print(input('Colour? ').upper())", quiet=True).text == "BLUE\n"
    assert asked == ["Colour? "]


def test_what_was_answered_is_asked_of_nobody_else(
    kernel_doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    door, asked = kernel_doors[SANDBOX], list[str]()
    code = "import os, time\nprint(input('Who? '))\nwhile not os.path.exists('answered'): time.sleep(0.01)"
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or "anna")
    with Service(door) as service, service.machine() as first, service.machine() as second:
        first.restart_kernel()
        threads = [threading.Thread(target=first.run, args=[code], kwargs={"quiet": True}, daemon=True)]
        threads[0].start()
        eventually(lambda: asked)
        threads.append(threading.Thread(target=second.run, args=[code], daemon=True))
        threads[1].start()
        eventually(lambda: "runs there already" in capsys.readouterr().err)
        (door.home / "answered").touch()
        for thread in threads:
            thread.join()
        assert second.output().text == "anna\n"
    assert asked == ["Who? "]


def test_what_a_kernel_said_before_it_was_killed_is_shown(machine: glows.Machine) -> None:
    code = "import os\nfor i in range(5000): print(i, flush=True)\nos.kill(os.getpid(), 9)"
    result = machine.run(code, quiet=True)
    lines = result.text.splitlines()
    assert result.status == "died"
    said = [line for line in lines if line.isdigit()]
    assert said == [str(number) for number in range(len(said))]


def test_text_of_more_than_a_frame_comes_in_pieces(machine: glows.Machine) -> None:
    result = machine.run("print('x' * 90_000_000)", quiet=True)
    assert result.path is not None
    assert result.path.stat().st_size == 90_000_001
    shown = machine.run("from IPython.display import display, HTML\ndisplay(HTML('x' * 90_000_000))\n1", quiet=True)
    assert "was too large to be kept" in shown.text
    assert shown.text.endswith("1\n")


def test_stop_interrupts_there_and_the_kernel_goes_on(machine: glows.Machine) -> None:
    stop = threading.Event()
    machine.run("kept = 7", quiet=True)

    def stop_when_it_runs() -> None:
        eventually(lambda: machine.exec("test -e ~/is-inside && rm ~/is-inside", check=False).exit_status == 0)
        stop.set()

    threading.Thread(target=stop_when_it_runs, daemon=True).start()
    with pytest.raises(glows.Stopped):
        machine.run(
            "import time\ntry:\n    open('is-inside', 'w').close()\n    time.sleep(60)\nfinally:\n    kept += 1",
            quiet=True,
            stop=stop,
        )
    assert machine.run("kept", quiet=True).text == "8\n"


def test_kernel_that_is_killed_is_said_and_the_next_cell_has_another(machine: glows.Machine) -> None:
    machine.run("x = 1", quiet=True)
    result = machine.run("import os; os.kill(os.getpid(), 9)", quiet=True)
    assert result.status == "died"
    assert "has died under this cell" in str(result.error)
    assert machine.run("'x' in dir()", quiet=True).text == "False\n"


def test_same_cell_again_is_found_while_it_runs_and_run_anew_after_its_end(
    doors: dict[str, Door], capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import time\nruns = globals().get('runs', 0) + 1\nprint('run', runs)\ntime.sleep(2)\nprint('done')"
    with Service(doors[SANDBOX]) as service, service.machine() as first, service.machine() as second:
        first.restart_kernel()
        running = threading.Thread(target=lambda: first.run(code, quiet=True), daemon=True)
        running.start()
        eventually(lambda: second.kernel_status().state == "busy")
        found = second.run(code)
        running.join()
        assert (found.text, found.is_found) == ("run 1\ndone\n", True)
        assert "This cell runs there already" in capsys.readouterr().err
        anew = second.run(code, quiet=True)
        assert (anew.text, anew.is_found) == ("run 2\ndone\n", False)


def test_what_was_left_is_shown_and_not_run_again(doors: dict[str, Door], tmp_path: Path) -> None:
    code = "import time\nleft = globals().get('left', 0) + 1\ntime.sleep(1)\nprint('run', left)"
    (tmp_path / "cell.py").write_text(code)
    with Service(doors[SANDBOX]) as service, service.machine() as machine:
        machine.restart_kernel()
        words = [sys.executable, "-m", "glows_nb", "run", service.told.instance_id, str(tmp_path / "cell.py")]
        environment = {**os.environ, "GLOWS_BASE_URL": service.base_url, "GLOWS_SDK_TOKEN": "token"}
        with subprocess.Popen(words, env=environment) as process:  # noqa: S603 - our own command
            eventually(lambda: machine.kernel_status().state == "busy")
            process.kill()
        eventually(lambda: machine.kernel_status().state == "idle")
        found = machine.run(code, quiet=True)
        assert (found.text, found.is_found) == ("run 1\n", True)
        assert machine.run(code, quiet=True).text == "run 2\n"


@pytest.mark.parametrize("seed", range(4))
def test_lines_that_break_lose_nothing_and_double_nothing(doors: dict[str, Door], seed: int) -> None:
    door = doors[SANDBOX]
    # The first two break while the keeper is sent or begun, the others while the cell runs.
    cuts = [20_000 + 3_000 * seed, 9_000, 70_000, 90_000 + 1_111 * seed, 80_000, 150_000]
    with Service(door) as service, CuttingProxy(door.port, cuts) as proxy:
        service.told.port = proxy.port
        with service.machine() as machine:
            code = f"# {seed}\nimport time\nfor i in range(3000):\n    print(i, flush=True)\n    time.sleep(0.0005)"
            result = machine.run(code, quiet=True)
        assert result.text == "".join(f"{number}\n" for number in range(3000))
        assert proxy.cut == len(cuts)


def test_kernel_says_what_it_does(machine: glows.Machine) -> None:
    machine.run("1 + 1", quiet=True)
    status = machine.kernel_status()
    assert (status.state, status.runs[-1].title, status.runs[-1].status) == ("idle", "1 + 1", "ok")
    assert machine.output().text == "2\n"
    with pytest.raises(glows.InvalidRequest, match="has run no nothing"):
        machine.output("nothing")


def test_nothing_of_the_keeper_can_be_read_by_others(doors: dict[str, Door]) -> None:
    door = doors[SANDBOX]
    with Service(door) as service, service.machine() as machine:
        machine.run("1", quiet=True)
    folder: Path = door.home / ".glows-nb"
    assert folder.stat().st_mode & 0o077 == 0
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []


WAITS = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nos.remove('go')"


def test_interrupt_of_a_cell_that_waits_takes_it_out_and_nothing_else(doors: dict[str, Door]) -> None:
    with Service(doors[SANDBOX]) as service, service.machine() as first, service.machine() as second:
        first.restart_kernel()
        results: list[glows.Result] = []
        running = threading.Thread(target=lambda: results.append(first.run(WAITS, quiet=True)), daemon=True)
        running.start()
        eventually(lambda: first.kernel_status().state == "busy")
        stop = threading.Event()

        def stop_when_it_waits() -> None:
            eventually(lambda: first.kernel_status().runs[-1].title == "late = 1")
            stop.set()

        threading.Thread(target=stop_when_it_waits, daemon=True).start()
        with pytest.raises(glows.Stopped):
            second.run("late = 1", quiet=True, stop=stop)
        first.exec("touch ~/go", quiet=True)
        running.join()
        assert (results[0].status, results[0].error) == ("ok", None)
        assert second.run("'late' in dir()", quiet=True).text == "False\n"


def test_cell_that_waits_behind_one_whose_kernel_dies_runs_once_in_the_next(doors: dict[str, Door]) -> None:
    with Service(doors[SANDBOX]) as service, service.machine() as first, service.machine() as second:
        first.restart_kernel()
        first.exec("rm -f ~/count", quiet=True)
        results: dict[str, glows.Result] = {}
        dies = f"{WAITS}\nos.kill(os.getpid(), 9)"
        counts = "open('count', 'a').write('x'); print(open('count').read())"

        def run(name: str, machine: glows.Machine, code: str) -> threading.Thread:
            thread = threading.Thread(target=lambda: results.update({name: machine.run(code, quiet=True)}), daemon=True)
            thread.start()
            return thread

        dying = run("dies", first, dies)
        eventually(lambda: first.kernel_status().state == "busy")
        counting = run("counts", second, counts)
        eventually(lambda: first.kernel_status().runs[-1].state == "waiting")
        first.exec("touch ~/go", quiet=True)
        dying.join(30)
        counting.join(30)
        assert results["dies"].status == "died"
        assert (results["counts"].status, results["counts"].text) == ("ok", "x\n")
        assert second.run("open('count').read()", quiet=True).text == "'x'\n"


def test_interrupt_that_is_swallowed_can_be_given_again(doors: dict[str, Door]) -> None:
    code = f"import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('swallowed', flush=True)\n{WAITS}"
    with Service(doors[SANDBOX]) as service, service.machine() as machine:
        machine.restart_kernel()
        for _ in range(2):
            stop = threading.Event()

            def stop_when_it_runs(stop: threading.Event = stop) -> None:
                eventually(lambda: machine.kernel_status().state == "busy")
                stop.set()

            threading.Thread(target=stop_when_it_runs, daemon=True).start()
            caught: list[BaseException] = []

            def run(stop: threading.Event = stop, caught: list[BaseException] = caught) -> None:
                try:
                    machine.run(code, quiet=True, stop=stop)
                except (glows.Stopped, glows.GlowsError) as error:
                    caught.append(error)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            thread.join(3)
        eventually(lambda: machine.kernel_status().state == "idle")


def test_interrupt_while_the_kernel_begins_is_not_lost(doors: dict[str, Door]) -> None:
    with Service(doors[SANDBOX]) as service, service.machine() as machine:
        machine.run("1", quiet=True)
        for seconds in (0.0, 0.05, 0.3, 0.6):
            machine.restart_kernel()
            stop = threading.Event()
            threading.Timer(seconds, stop.set).start()
            with pytest.raises(glows.Stopped):
                machine.run("import time\ntime.sleep(30)\nlate = 1", quiet=True, stop=stop)
            assert machine.run("'late' in dir()", quiet=True).text == "False\n"


def test_another_kernel_than_before_is_told(doors: dict[str, Door], capsys: pytest.CaptureFixture[str]) -> None:
    with Service(doors[SANDBOX]) as service, service.machine() as machine, service.machine() as other:
        machine.run("kept = 1", quiet=True)
        assert machine.run("kept").text == "1\n"
        assert "another one by now" not in capsys.readouterr().err
        machine.run("import os, threading; threading.Timer(0.1, os._exit, [9]).start()", quiet=True)
        eventually(lambda: other.kernel_status().state == "none")
        machine.run("1")
        assert "is another one by now; variables are gone" in capsys.readouterr().err
