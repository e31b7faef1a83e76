"""`%%glows run` and `%glows on` in a notebook's kernel, on a machine of a sandbox: as if the cell ran here."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import FOLDERS_OF_THE_USER
from tests.magic.live_kernel import LiveKernel, Shown, live_kernel
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
    told_by_chance = r"[^\s\"]{0,200}ipykernel_\d+/\d+|0x[0-9a-f]+|[\d.]+ [^\s\w]?\w?s\b"
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
