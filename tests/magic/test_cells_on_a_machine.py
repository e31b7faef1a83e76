"""`%%glows run` and `%glows on` in a notebook's kernel, on a machine of a sandbox: as if the cell ran here."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FOLDERS_OF_THE_USER
from tests.magic.live_kernel import LiveKernel, Shown, live_kernel, plain
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


SHOWS = "from IPython.display import *\n"
CELLS = {
    "streams": "import sys\nprint('out')\nprint('err', file=sys.stderr)",
    "streams in turns": (
        "import sys\nfor i in range(200): print(i, file=sys.stderr if i % 3 else sys.stdout, flush=True)"
    ),
    "value": "6 * 7",
    "table": "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "table with a style": "import pandas as pd\npd.DataFrame({'a': [1, 2]}).style.set_uuid('u').highlight_max()",
    "picture": "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "updates": "from IPython.display import display\nh = display('a', display_id=True)\nh.update('b')",
    "updates in a loop": SHOWS + "h = DisplayHandle()\nh.display('a')\nfor i in range(20): h.update(i)",
    "update of nothing": SHOWS + "update_display('x', display_id='nobody')\nprint('went on')",
    "cleared": "from IPython.display import clear_output\nprint('a')\nclear_output()\nprint('b')",
    "cleared when more comes": SHOWS + "print('a')\nclear_output(wait=True)\nprint('b')\nclear_output(wait=True)",
    "error": "def f():\n    raise KeyError('x')\nf()",
    "errors of errors": (
        "try:\n    {}['a']\nexcept KeyError as e:\n"
        "    try:\n        raise ValueError('b') from e\n    except ValueError:\n        1 / 0"
    ),
    "group of errors": "raise ExceptionGroup('many', [ValueError('a'), KeyError('b')])",
    "error after output": "print('before')\nraise RuntimeError('größe 🎉')",
    "interrupt of its own": "raise KeyboardInterrupt",
    "syntax": "1 +",
    "exit": "raise SystemExit(3)",
    "unicode": "print('größe 実験 \\N{SNOWMAN} 🎉👩‍🔬 \\u202e')",
    "half a sign": "print(repr('\\ud800'))\n'\\ud83d'",
    "carriage returns": "print('1%\\r2%\\r3%')\nprint('\\x1b[31mred\\x1b[0m')",
    "html": "from IPython.display import HTML\nHTML('<b>bold</b>')",
    "json": "from IPython.display import JSON\nJSON({'a': 1})",
    "latex": "from IPython.display import Latex\nLatex('$x^2$')",
    "markdown": SHOWS + "Markdown('**bold** and $x$')",
    "svg": SHOWS + 'SVG(\'<svg xmlns="http://www.w3.org/2000/svg"><rect width="1" height="1"></rect></svg>\')',
    "own bundle": (
        "class B:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'b', 'text/html': '<i>b</i>'}, {'text/html': {}}\nB()"
    ),
    "own picture": (
        "import base64\nclass P:\n    def _repr_png_(self):\n        return base64.b64decode('iVBORw0KGgo='), "
        "{'width': 3}\nP()"
    ),
    "several displays": SHOWS + "display(1, 'two', [3], {'four': 4})\n5",
    "raw data": SHOWS + "display({'text/plain': 'p', 'text/html': '<b>h</b>'}, raw=True)",
    "nothing": "x = 1",
    "empty text": "print('', end='')",
    "semicolon": "42;",
    "shell": "!echo from the shell",
    "shell that fails": "!false\nprint(_exit_code)",
    "script that fails": "%%sh\necho said\nexit 3",
    "thread": ("import threading\nt = threading.Thread(target=lambda: print('in the thread'))\nt.start()\nt.join()"),
    "warning": "import warnings\nwarnings.simplefilter('always')\nwarnings.warn('look out')",
    "logging": "import logging\nlogging.getLogger('x').warning('look %s', 'out')",
    "traceback printed": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()",
    "progress": (
        "import sys\nfor i in range(5): sys.stderr.write(f'\\r{i}/5'); sys.stderr.flush()\nprint(file=sys.stderr)"
    ),
    "captured": "%%capture held\nprint('held back')",
    "await": "import asyncio\nawait asyncio.sleep(0, 'waited')",
    "history of values": "3\n_",
    "doctest of help": "import inspect\nprint(inspect.getdoc(len))",
    "no memory": "bytearray(1 << 60)",
    "time": "%time sum(range(10))",
    "magic over a cell": "%%timeit -n1 -r1\npass",
    "many lines": "for i in range(2000): print(i, flush=True)",
    "long line": "print('x' * 300_000)",
    "no such magic": "%no_such_magic_here",
}
# Of these a kernel here writes text alone, and nobody can tell that the cell has failed; of one that was interrupted
# there click ends the line here.
SAID_OTHERWISE = ("exit", "no such magic", "group of errors", "interrupt of its own")


def in_order(shown: Shown) -> list[tuple[str, str]]:
    """What came, with streams that follow upon themselves as one; numbers in texts are of files and times."""
    kinds = {"execute_result": "display_data"}
    rows: list[tuple[str, str]] = []
    for message in shown.messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream" and rows and rows[-1][0] == content["name"]:
            rows[-1] = (content["name"], rows[-1][1] + content["text"])
        elif kind == "stream":
            rows.append((content["name"], content["text"]))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            plain = {mime: value for mime, value in content["data"].items() if mime != "image/png"}
            rows.append((kinds.get(kind, kind), str(plain) + str(sorted(content["data"]))))
        elif kind == "clear_output":
            rows.append((kind, str(content["wait"])))
        elif kind == "error":
            rows.append((kind, content["ename"]))
    told_by_chance = r"[^\s\"]{0,200}ipykernel_\d+/\d+|0x[0-9a-f]+|[\d.]+(?:e[+-]?\d+)? [^\s\w]?\w?s\b"
    return [(kind, re.sub(told_by_chance, "", text)) for kind, text in rows]


@pytest.mark.parametrize("name", CELLS)
def test_cell_shows_what_it_shows_here(kernel: LiveKernel, name: str) -> None:
    here = kernel.run(CELLS[name])
    there, trusted = (kernel.run(f"%%glows run train{trust}\n{CELLS[name]}") for trust in ("", " --trust"))
    assert not there.result, "Out is of what runs here"
    # Without trust HTML loses its styles, which is all that is otherwise.
    assert [set(data) for data in there.bundles] == [set(data) for data in here.bundles]
    if name not in SAID_OTHERWISE:
        assert in_order(trusted) == in_order(here)
        assert (there.error is None) == (here.error is None)
    if here.error is not None:
        assert there.error["ename"] == here.error["ename"]
    if here.error is not None and name not in SAID_OTHERWISE:
        # The file of a cell has a number.
        assert re.sub(r"\d+", "", there.error["evalue"]) == re.sub(r"\d+", "", here.error["evalue"])
    if name == "no such magic":
        assert there.error["ename"] == "UsageError", "which here is text alone"


def test_input_is_as_here(kernel: LiveKernel) -> None:
    code = "print(input('Who? ').upper())\nimport getpass\nprint(len(getpass.getpass('Word? ')))"
    here, there = (kernel.run(before + code, answers=["anna", "secret"]) for before in ("", "%%glows run train\n"))
    assert (there.stdout, there.questions) == (here.stdout, here.questions)
    assert there.stdout == "ANNA\n6\n"


def test_nobody_to_ask_ends_the_cell_there_too(kernel: LiveKernel) -> None:
    failed = kernel.run("%%glows run train\ninput('Who? ')")
    assert failed.error["ename"] == "StdinNotImplementedError"
    assert kernel.run("%%glows run train\n'idle'").bundles[0]["text/plain"] == "'idle'"


def test_progress_bars_are_one_output_that_is_updated(kernel: LiveKernel) -> None:
    code = "from tqdm import tqdm\nfor i in tqdm(range(3), ascii=True): pass"
    here, there = (kernel.run(before + code) for before in ("", "%%glows run train\n"))
    if here.error is not None:
        pytest.skip("tqdm is not installed")
    assert re.sub(r"[\d:.?]+", "", there.stderr) == re.sub(r"[\d:.?]+", "", here.stderr)


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


def test_local_holds_for_what_the_cell_runs(kernel: LiveKernel) -> None:
    kernel.run("where = 'here'")
    kernel.run("%glows on train")
    kernel.run("where = 'there'")
    for magic in ("%%timeit -n1 -r1", "%%time", "%%capture"):
        kernel.run(f"%%local\n{magic}\nwhere += '!'")
    assert kernel.run("where").bundles[-1]["text/plain"] == "'there'"
    kernel.run("%%local\nget_ipython().run_cell('where = where.upper()')")
    kernel.run("%glows off")
    assert kernel.run("where").result["text/plain"].startswith("'HERE")


def test_kernel_that_is_begun_anew_interrupts_nothing_there(environment: dict[str, str]) -> None:
    code = "import time\nfor step in range(40): print(step, flush=True); time.sleep(0.1)"
    with live_kernel(environment) as kernel:
        kernel.run("%load_ext glows_nb")
        kernel.client.execute(f"%%glows run train\n{code}")
        said = ""
        while "3\n" not in said:
            message = kernel.client.get_iopub_msg(timeout=30)
            said += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        kernel.manager.shutdown_kernel()
    with live_kernel(environment) as kernel:
        kernel.run("%load_ext glows_nb")
        again = kernel.run(f"%%glows run train\n{code}")
        assert "This cell" in again.stderr
        assert again.stdout == "".join(f"{number}\n" for number in range(40))
        assert again.error is None


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
    assert "Nothing is to be run" in kernel.run("%glows run third --gpu 4090 --yes").error["evalue"]
    assert "goes not with --status" in kernel.run("%glows run third --gpu 4090 --status --yes").error["evalue"]
    assert "looks like a variable" in kernel.run("%%glows run '{third}' --gpu 4090 --yes\n1").error["evalue"]
    assert "third" not in kernel.run("%glows list").text, "nothing is rented before the line is well"
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
