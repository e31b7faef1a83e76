"""`%%glows run` and `%glows on` in a notebook's kernel, on a machine of a sandbox: as if the cell ran here."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FOLDERS_OF_THE_USER
from tests.magic.live_kernel import LiveKernel, live_kernel, plain
from tests.sandbox.machines.real import STATE, RealSandbox, launch


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a kernel has to know so that train is its machine."""
    if sys.platform != "linux":
        pytest.skip("real machines are for Linux")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, RealSandbox(home / STATE) as sandbox, sandbox.client() as client:
        for name in (*FOLDERS_OF_THE_USER, "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(home))
        launch(client, "train")
        yield {
            "GLOWS_BASE_URL": sandbox.base_url,
            "GLOWS_SDK_TOKEN": sandbox.token,
            "JPY_SESSION_NAME": str(home / "notebook.ipynb"),
        }


@pytest.fixture(scope="module")
def kernel(environment: dict[str, str]) -> Iterator[LiveKernel]:
    with live_kernel(environment) as kernel:
        assert kernel.run("%load_ext glows_nb").error is None
        yield kernel


CELLS = {
    "streams": "import sys\nprint('out')\nprint('err', file=sys.stderr)",
    "value": "6 * 7",
    "table": "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "picture": "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "updates": "from IPython.display import display\nh = display('a', display_id=True)\nh.update('b')",
    "cleared": "from IPython.display import clear_output\nprint('a')\nclear_output()\nprint('b')",
    "error": "def f():\n    raise KeyError('x')\nf()",
    "syntax": "1 +",
    "exit": "raise SystemExit(3)",
    "unicode": "print('größe 実験 \\N{SNOWMAN}')",
    "html": "from IPython.display import HTML\nHTML('<b>bold</b>')",
    "json": "from IPython.display import JSON\nJSON({'a': 1})",
    "latex": "from IPython.display import Latex\nLatex('$x^2$')",
    "nothing": "x = 1",
    "shell": "!echo from the shell",
    "no such magic": "%no_such_magic_here",
}


@pytest.mark.parametrize("name", CELLS)
def test_cell_shows_what_it_shows_here(kernel: LiveKernel, name: str) -> None:
    here, there = kernel.run(CELLS[name]), kernel.run(f"%%glows run train\n{CELLS[name]}")
    assert (there.stdout, there.stderr) == (here.stdout, here.stderr) or name == "exit"
    assert [set(data) for data in there.bundles] == [set(data) for data in here.bundles]
    assert not there.result, "Out is of what runs here"
    if here.error is None and name != "no such magic":
        assert there.error is None
    elif here.error is None:
        assert there.error["ename"] == "UsageError", "which here is text alone"
    else:
        assert there.error["ename"] == here.error["ename"]
        # The file of a cell has a number.
        assert re.sub(r"\d+", "", there.error["evalue"]) == re.sub(r"\d+", "", here.error["evalue"])


def test_error_there_stops_what_follows(kernel: LiveKernel) -> None:
    kernel.run("went_on = False")
    failed = kernel.run("get_ipython().run_cell_magic('glows', 'run train', '1 / 0')\nwent_on = True")
    assert failed.error["ename"] == "ZeroDivisionError"
    assert kernel.run("went_on").result["text/plain"] == "False"


def test_cells_run_there_until_they_run_here_again(environment: dict[str, str]) -> None:
    with live_kernel(environment) as kernel:
        kernel.run("%load_ext glows_nb\nwhere = 'here'")
        assert "Cells run on train from here on" in kernel.run("%glows on train").stdout
        kernel.run("where = 'there'")
        shown = kernel.run("where")
        assert [data["text/plain"] for data in shown.bundles] == ["[train]", "'there'"]
        assert kernel.run("%%local\nwhere").result["text/plain"] == "'here'"
        assert kernel.run("%glows stats").error is None
        assert kernel.run("1 / 0").error["ename"] == "ZeroDivisionError"
    with live_kernel(environment) as kernel:
        loaded = kernel.run("%load_ext glows_nb")
        assert "ran on train before this kernel began, and run here now; %glows on train goes on there" in loaded.stderr
        assert kernel.run("'where' in dir()").result["text/plain"] == "False"
        kernel.run("%glows on train")
        assert kernel.run("where").bundles[-1]["text/plain"] == "'there'"
        assert "Cells run here again" in kernel.run("%glows off").stdout
        assert kernel.run("'where' in dir()").result["text/plain"] == "False"
    with live_kernel(environment) as kernel:
        assert kernel.run("%load_ext glows_nb").stderr == ""


def test_names_are_those_of_the_machine(kernel: LiveKernel) -> None:
    kernel.run('%%glows run train\nclass Only:\n    """Of there."""\n    there_alone = 1')
    kernel.run("here_alone = 1")
    assert matches(kernel, "%%glows run train\nOnly.the") == ["there_alone"]
    assert matches(kernel, "Only.the") == []
    kernel.run("%glows on train")
    assert matches(kernel, "x = 1\nOnly.the") == ["there_alone"]
    assert "here_alone" not in matches(kernel, "here_al")
    assert matches(kernel, "%%local\nhere_al") == ["here_alone"]
    assert "Of there." in inspected(kernel, "Only")
    assert inspected(kernel, "here_alone") == ""
    assert "Of there." in paged(kernel, "Only?")
    kernel.run("%glows off")
    assert inspected(kernel, "Only") == ""
    assert "int" in inspected(kernel, "here_alone")


def test_kernel_that_computes_is_not_asked(kernel: LiveKernel) -> None:
    kernel.run("%%glows run train\nimport pathlib, time\nshell = get_ipython()")
    code = "while not pathlib.Path('go').exists(): time.sleep(0.01)"
    kernel.run(
        "import threading, time, glows_nb\n"
        "train = glows_nb.machine('train')\n"
        f"held = threading.Thread(target=lambda: train.run({code!r}, quiet=True))\n"
        "held.start()\n"
        "while train.kernel_status().state != 'busy': time.sleep(0.01)"
    )
    assert matches(kernel, "%%glows run train\nshel") == ["shel"]
    assert kernel.run("%glows exec train -- touch go\nheld.join()").error is None
    assert "shell" in matches(kernel, "%%glows run train\nshel")


def test_machine_that_is_not_there_is_rented_after_its_price_and_once(kernel: LiveKernel) -> None:
    line = "%%glows run --gpu 4090 --name other --max-price 1"
    refused = kernel.run(f"{line}\nprint('ran')", answers=["n"])
    assert "Credits/h" in refused.text
    assert "ran" not in refused.stdout
    assert "Rent it?" in refused.questions[0]["prompt"]
    rented = kernel.run(f"{line}\nprint('ran')", answers=["y"])
    assert rented.stdout.endswith("ran\n"), rented.text
    again = kernel.run(f"{line} --yes\nprint('again')")
    assert (again.stdout, again.error) == ("again\n", None)
    assert kernel.run("%%glows run other --gpu H200\n1").error["ename"] == "MachineDiffers"
    assert "give --gpu with them" in kernel.run("%%glows run other --max-price 1\n1").error["evalue"]
    assert "Say on which machine" in kernel.run("%%glows run\n1").error["evalue"]
    kernel.run("%glows cancel other --yes")


def matches(kernel: LiveKernel, code: str) -> list[str]:
    reply = answer(kernel, kernel.client.complete(code, len(code)))
    return [str(each) for each in reply["matches"]]


def inspected(kernel: LiveKernel, name: str) -> str:
    return plain(answer(kernel, kernel.client.inspect(name, len(name)))["data"].get("text/plain", ""))


def paged(kernel: LiveKernel, code: str) -> str:
    [page] = answer(kernel, kernel.client.execute(code))["payload"]
    return plain(page["data"]["text/plain"])


def answer(kernel: LiveKernel, message_id: str) -> Any:
    while True:
        reply = kernel.client.get_shell_msg(timeout=30)
        if reply["parent_header"].get("msg_id") == message_id:
            return reply["content"]


def test_variables_go_with_a_cell_and_come_back(kernel: LiveKernel) -> None:
    kernel.run("import numpy as np\ndf = np.arange(5)\ncfg = {'factor': 3}\nscores = None")
    assert kernel.run("%%glows run train --send df,cfg --fetch scores\nscores = df * cfg['factor']").error is None
    assert kernel.run("scores").result["text/plain"] == "array([ 0,  3,  6,  9, 12])"
    failed = kernel.run("%%glows run train --fetch scores\nscores = 'new'\n1 / 0")
    assert failed.error["ename"] == "ZeroDivisionError"
    assert "array" in kernel.run("scores").result["text/plain"], "after a cell that failed nothing is fetched"
    assert kernel.run("%glows run train --fetch scores").error is None
    assert kernel.run("scores").result["text/plain"] == "'new'"
    assert kernel.run("scores = 'sent'\n%glows run train --send scores").error is None
    assert kernel.run("%%glows run train\nscores").bundles[0]["text/plain"] == "'sent'"


def test_variables_that_do_not_go_are_said_in_a_sentence(kernel: LiveKernel) -> None:
    kernel.run("class Net: pass\nnet = {'model': Net()}")
    said = {
        "--send net": "net['model'] holds Net, which has no safe form; write it to a file, and send that",
        "--send nothing_here": "There is no variable nothing_here here; run the cell that makes it first.",
        "--send 1x": "'1x' can be no variable's name",
        "--fetch not_there": "has no variable not_there",
        "--fetch len --status": "--send and --fetch go with code or alone",
    }
    found = {words: kernel.run(f"%glows run train {words}").error["evalue"] for words in said}
    assert {words: text for words, text in found.items() if said[words] not in text} == {}
