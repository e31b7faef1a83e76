"""exec, send, fetch, copy and forward in a notebook, on a machine of a sandbox."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import FOLDERS_OF_THE_USER
from tests.magic.live_kernel import LiveKernel, Shown, live_kernel
from tests.sandbox.machines.real import STATE, RealSandbox, eventually, launch, runs

PLANTED = "planted-env-value-4711"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the kernel works."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def kernel(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    """A kernel, and the machines train and eval."""
    if sys.platform != "linux":
        pytest.skip("real machines are for Linux")
    home = tmp_path_factory.mktemp("home")
    names = (*FOLDERS_OF_THE_USER, "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    with pytest.MonkeyPatch.context() as patch, RealSandbox(home / STATE) as sandbox, sandbox.client() as client:
        for name in names:
            patch.setenv(name, str(home))
        for name in ("train", "eval"):
            launch(client, name)
        environment = {"GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token, "FROM_HERE": PLANTED}
        with live_kernel(environment) as kernel:
            assert kernel.run(f"%load_ext glows_nb\n%cd -q {folder}").error is None
            yield kernel


@pytest.fixture
def home(kernel: LiveKernel) -> Path:
    """The machine's home, which is a folder of this computer."""
    kernel.run("home = %glows exec train -- 'printf %s \"$HOME\"'")
    return Path(kernel.run("home.stdout").result["text/plain"].strip("'"))


@pytest.fixture
def data(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with two files; its name is the test's own."""
    place = folder / re.sub(r"\W", "_", request.node.name)
    (place / "part").mkdir(parents=True)
    (place / "a.csv").write_text("a,b\n")
    (place / "part" / "b.bin").write_bytes(bytes(range(256)))
    return place


def python(kernel: LiveKernel, expression: str) -> str:
    shown = kernel.run(expression)
    assert shown.error is None, shown.error_lines
    return str(shown.result["text/plain"])


def bundles(shown: Shown) -> list[str]:
    assert shown.error is None, shown.error_lines
    return [bundle["text/plain"] for bundle in shown.bundles]


def test_tab_loads_no_ssh() -> None:
    with live_kernel({}) as fresh:
        assert fresh.run("%load_ext glows_nb").error is None
        for line in ("%glows exec tr", "%glows send train ", "%glows copy tr", "%glows exec --"):
            assert fresh.client.complete(line, reply=True, timeout=30)["content"]["matches"]
        loaded = "import sys; sorted({'asyncssh', 'glows_nb.remote'} & set(sys.modules))"
        assert python(fresh, loaded) == "[]"


def test_statement_shows_what_the_command_writes_and_nothing_more(kernel: LiveKernel) -> None:
    shown = kernel.run("%glows exec train -- 'echo out; echo err >&2'")
    assert bundles(shown) == []
    assert shown.stdout == "out\n"
    streams = [each["content"]["name"] for each in shown.messages if each["msg_type"] == "stream"]
    assert sorted(streams) == ["stderr", "stdout"]


def test_assignment_has_the_value(kernel: LiveKernel) -> None:
    shown = kernel.run("x = %glows exec train -- 'echo out; echo err >&2'")
    assert bundles(shown) == []
    assert python(kernel, "x.exit_status, x.stdout, x.stderr") == "(0, 'out\\n', 'err\\n')"
    assert re.fullmatch(r"<Completed 'echo out; .*': exit status 0, 1 line, \d\.\d s>", python(kernel, "x"))
    assert bundles(kernel.run("%glows exec train -- 'echo y' >> y")) == []
    assert python(kernel, "y.stdout") == "'y\\n'"


def test_command_that_fails_fails_the_cell_with_one_sentence(kernel: LiveKernel) -> None:
    shown = kernel.run("went_on = False\n%glows exec train -- 'echo why >&2; exit 3'\nwent_on = True")
    assert shown.error["ename"] == "CommandFailed"
    assert "ended with exit status 3. Its last lines: why" in shown.error_lines[0]
    assert len(shown.error_lines) <= 2
    assert python(kernel, "went_on") == "False"
    (said,) = bundles(kernel.run("%glows exec train --no-check -- 'exit 3'"))
    assert "exit status 3" in said


def test_json_is_silent_while_it_runs_and_then_the_value(kernel: LiveKernel) -> None:
    shown = kernel.run("%glows exec train --json -- 'echo out; echo err >&2'")
    (text,) = bundles(shown)
    assert shown.stdout == ""
    told = json.loads(text)
    assert set(told) == {"exit_status", "signal", "stdout", "stderr", "seconds"}
    assert (told["exit_status"], told["stdout"], told["stderr"]) == (0, "out\n", "err\n")


def test_script_below_the_line_is_for_sh_or_for_what_stands_behind_the_dashes(kernel: LiveKernel) -> None:
    script = "x='{home} $home'\nfor i in 1 2; do\n  echo \"$i $x\"\ndone\n"
    assert kernel.run(f"%%glows exec train\n{script}").stdout == "1 {home} $home\n2 {home} $home\n"
    shown = kernel.run("%%glows exec train -- python3 -\nimport sys\nprint(sys.argv, 6 * 7)\n")
    assert (bundles(shown), shown.stdout) == ([], "['-'] 42\n")
    assert bundles(kernel.run("%%glows exec train >> z\necho z\n")) == []
    assert python(kernel, "z.stdout") == "'z\\n'"
    failed = kernel.run("%%glows exec train\nset -e\nfalse\necho not here\n")
    assert failed.error["ename"] == "CommandFailed"
    assert failed.stdout == ""


def test_value_of_a_variable_is_in_no_frame_and_no_output(kernel: LiveKernel) -> None:
    shown = kernel.run("%glows exec train --env FROM_HERE -- 'echo ${#FROM_HERE}; exit 1'")
    assert shown.stdout == f"{len(PLANTED)}\n"
    written = kernel.run(f"%glows exec train --env OTHER={PLANTED[::-1]} -- 'exit 1'")
    frames = [kernel.run(line) for line in ("%xmode Verbose", "%tb", "%xmode Context")]
    for each in (shown, written, *frames):
        assert PLANTED not in f"{each.text} {each.error}"
    assert PLANTED[::-1] not in f"{written.text} {written.error}"


def test_interrupt_ends_it_there_and_says_so(kernel: LiveKernel, home: Path) -> None:
    interrupted: list[bool] = []

    def press_stop(shown: Shown) -> None:
        if not interrupted and "begun" in shown.text:
            interrupted.append(True)
            kernel.interrupt()

    shown = kernel.run("%glows exec train -- 'echo $$ >pid; echo begun; sleep 100'", None, press_stop)
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert shown.error_lines == ["KeyboardInterrupt: stopped; what is left behind is said above"]
    assert "It was ended on train (ins-" in shown.text
    eventually(lambda: not runs(int((home / "pid").read_text())))


def test_files_go_and_come_and_the_value_says_how_many(kernel: LiveKernel, home: Path, data: Path) -> None:
    (said,) = bundles(kernel.run(f"%glows send train {data.name} sent"))
    assert re.search(r" → train:sent: 2 files sent, 260 B", said)
    assert (home / "sent" / "part" / "b.bin").read_bytes() == bytes(range(256))
    (said,) = bundles(kernel.run(f"%glows fetch train sent {data.name}-back"))
    assert "2 files" in said
    assert (data.parent / f"{data.name}-back" / "a.csv").read_text() == "a,b\n"
    (text,) = bundles(kernel.run(f"%glows send train {data.name} sent --json"))
    told = json.loads(text)
    assert (told["sent"], told["skipped"]) == (0, 2)
    assert {(each["path"], each["action"]) for each in told["files"]} == {("a.csv", "same"), ("part/b.bin", "same")}
    kernel.run(f"t = %glows copy {data.name} train:copied")
    assert python(kernel, "t.sent, len(t.files)") == "(2, 2)"
    assert (home / "copied" / "a.csv").exists()
    bundles(kernel.run("%glows copy train:copied/a.csv ./from-there:1.csv"))
    assert (data.parent / "from-there:1.csv").read_text() == "a,b\n"


def test_dry_run_lists_the_files_as_a_table(kernel: LiveKernel, home: Path, data: Path) -> None:
    shown = kernel.run(f"%glows send train {data.name} not-there --dry-run")
    assert shown.error is None, shown.error_lines
    assert re.search(r"2 files would go.*\npath +action +size_bytes +why\na\.csv +sent +4", shown.result["text/plain"])
    assert ">part/b.bin</td>" in shown.result["text/html"]
    assert not (home / "not-there").exists()
    assert "text/html" not in kernel.run(f"%glows send train {data.name} now-there").result


def test_what_is_ignored_goes_where_all_is_asked_for(kernel: LiveKernel, home: Path, data: Path) -> None:
    (data / ".gitignore").write_text("*.bin\n")
    bundles(kernel.run(f"%glows send train {data.name} chosen"))
    assert not (home / "chosen" / "part" / "b.bin").exists()
    bundles(kernel.run(f"%glows send train {data.name} chosen --all"))
    assert (home / "chosen" / "part" / "b.bin").exists()


def test_deleting_asks_first(kernel: LiveKernel, home: Path, data: Path) -> None:
    line = f"%glows send train {data.name} less --delete"
    assert kernel.run(line).error is None, "nothing is to be deleted yet"
    (data / "a.csv").unlink()
    assert "add --yes" in kernel.run(line).error_lines[0]
    refused = kernel.run(line, ["n"])
    assert "Delete 1 on train (ins-" in refused.questions[0]["prompt"]
    assert refused.error_lines[0].endswith("Nothing was done.")
    assert (home / "less" / "a.csv").exists()
    assert kernel.run(line, ["y"]).error is None
    assert not (home / "less" / "a.csv").exists()
    (data / "part" / "b.bin").unlink()
    assert kernel.run(f"{line} --yes").error is None
    assert not (home / "less" / "part" / "b.bin").exists()


def test_from_machine_to_machine(kernel: LiveKernel, home: Path, data: Path) -> None:
    bundles(kernel.run(f"%glows send train {data.name} between"))
    shown = kernel.run("%glows copy train:between eval:arrived")
    assert "2 files" in "".join(bundles(shown))
    shown = kernel.run("%glows exec eval -- cat arrived/a.csv")
    assert shown.stdout == "a,b\n"
    assert (
        "are for copies of which one side is here" in kernel.run("%glows copy train:a eval:a --delete").error_lines[0]
    )


def test_port_is_the_same_link_until_it_is_closed(kernel: LiveKernel, home: Path, data: Path) -> None:
    (home / "page").mkdir()
    (home / "page" / "index.html").write_text("from the machine")
    serve = "nohup python3 -m http.server 6123 --bind 127.0.0.1 --directory page >log 2>&1 & echo $!"
    assert kernel.run(f"server = %glows exec train -- '{serve}'").error is None
    shown = kernel.run("%glows forward train 6123")
    url = re.search(r'<a href="(http://127\.0\.0\.1:\d+)"', shown.result["text/html"])
    assert url, shown.result

    def answers() -> bool:
        try:
            return httpx.get(url[1], trust_env=False).text == "from the machine"
        except httpx.TransportError:
            return False

    eventually(answers)
    assert kernel.run("same = %glows forward train 6123").error is None
    assert python(kernel, "same.url") == repr(url[1])
    assert "is open already, at http://127" in kernel.run("%glows forward train 6123 --local 1025").error_lines[0]
    assert f"Closed {url[1]}." in kernel.run("%glows forward train 6123 --close").text
    assert python(kernel, "same.is_closed") == "True"
    eventually(lambda: not answers())
    assert kernel.run("again = %glows forward train 6123\nagain.close()").error is None
    assert kernel.run("third = %glows forward train 6123\nthird is again, third.is_closed").result["text/plain"] == (
        "(False, False)"
    )
    assert kernel.run("%glows exec train -- kill {server.stdout.strip()}").error is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exec train --pty --input x -- cat", "give --pty or an input, not both"),
        ("copy train:a eval:a --delete", "are for copies of which one side is here"),
        ("exec train -- ls -l | wc", "| is for a shell, and several words are no line for one; quote it: -- 'ls"),
        ("copy train:a eval", "eval is a machine, and no file here; did you mean eval:"),
        ("copy a b", "Neither of the two is on a machine"),
        ("forward train 0", "0 is not in the range 1<=x<=65535"),
        ("ssh train --shell", "A shell needs a terminal; type there: glows-nb ssh train"),
        ("exec nobody -- true", "There is no machine 'nobody'"),
    ],
)
def test_line_that_can_not_be_is_one_sentence(line: str, words: str, kernel: LiveKernel) -> None:
    shown = kernel.run(f"%glows {line}")
    assert words in shown.error_lines[0]
    assert len(shown.error_lines) <= 2


def test_tab_offers_machines_and_files(kernel: LiveKernel, data: Path) -> None:
    def offered(line: str) -> list[str]:
        matches: list[str] = kernel.client.complete(line, reply=True, timeout=30)["content"]["matches"]
        return matches

    assert kernel.run("%glows list;").error is None
    eventually(lambda: "train" in offered("%glows exec tr"))
    eventually(lambda: "train:" in offered("%glows copy tr"))
    assert offered("%glows copy train:") == ["train:"], "what was typed stays"
    start = data.name[:-2]
    assert offered(f"%glows send train {start}") == [f"{data.name}/"]
    assert offered(f"%glows copy {start}") == [f"{data.name}/"]
    assert offered(f"%glows send train {data.name}/") == [f"{data.name}/a.csv", f"{data.name}/part/"]
