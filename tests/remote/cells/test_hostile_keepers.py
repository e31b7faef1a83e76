"""Whatever a keeper says: nothing of it runs here, memory and time are bounded, and a sentence tells of a lie."""

from __future__ import annotations

import base64
import itertools
import json
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from glows_nb.formatting import visible
from glows_nb.remote import keeper
from glows_nb.remote.cells.outputs import Result
from glows_nb.remote.errors import RemoteError
from tests.remote.cells.lying_keeper import LyingKeeper, Says, display, end, frame, said, stream
from tests.remote.ways import Service
from tests.sandbox.machines.real import eventually

MOST_SECONDS = 60
MOST_HELD = 120_000_000
MOST_MEMORY = 400 << 20
ROOT = Path(__file__).parents[3]
MEGABYTE = 1 << 20


def ended(machine: LyingKeeper, **options: Any) -> Result | str:
    """What comes of a cell: a result, or the one sentence of why not."""
    began = time.monotonic()
    with machine, Service(machine.door) as service, service.machine() as handle:
        try:
            result: Result | str = handle.run("1", **({"quiet": True} | options))
        except RemoteError as error:
            result = str(error)
            assert result == visible(result)
            assert len(result) < 1000
    assert time.monotonic() - began < MOST_SECONDS
    assert machine.attached == 1, "a lie is no line that broke"
    return result


def part_too_long(run: str) -> bytes:
    made = bytearray(stream(1, run, "x"))
    made[keeper.HEAD.size : keeper.HEAD.size + 4] = keeper.LENGTH.pack(1 << 30)
    return bytes(made)


LONG = "x" * MEGABYTE
LIES: dict[str, Says] = {
    "a huge number": lambda run: [stream(1 << 63, run, "x")],
    "the hugest number": lambda run: [stream((1 << 64) - 1, run, "x"), end(1, run)],
    "a huge number, then others": lambda run: [stream(1 << 62, run, "x") + stream(2, run, "y")],
    "a huge frame": lambda run: [keeper.HEAD.pack((1 << 32) - 1, 1, b"i", 1) + b"x" * 100],
    "a frame that is shorter than its head": lambda run: [keeper.HEAD.pack(3, 1, b"i", 1) + b"x" * 100],
    "a frame shorter than its parts": lambda run: [part_too_long(run)],
    "a frame longer than its parts": lambda run: [keeper.HEAD.pack(100, 1, b"i", 0) + b"x" * 200],
    "a frame without parts": lambda run: [frame(1, keeper.IOPUB)],
    "an event without parts": lambda run: [frame(1, keeper.EVENT)],
    "no content": lambda run: [frame(1, keeper.IOPUB, {"msg_type": "stream"}, {"msg_id": run}, {})],
    "parts that are no JSON": lambda run: [frame(1, keeper.IOPUB, b"<html>", b"<html>", b"", b"")],
    "a head that is no JSON": lambda run: [frame(1, keeper.IOPUB, b"{", {"msg_id": run}, {}, {})],
    "a content that is no JSON": lambda run: [frame(1, keeper.IOPUB, {"msg_type": "stream"}, {"msg_id": run}, {}, b"")],
    "parts that are no UTF-8": lambda run: [frame(1, keeper.IOPUB, b"\xff\xfe\xfd", b"\xff", b"", b"")],
    "parts that are lists": lambda run: [frame(1, keeper.IOPUB, [], [], [], [])],
    "a content that is a list": lambda run: [said(1, run, "stream", [])],
    "JSON that is deep": lambda run: [frame(1, keeper.IOPUB, {}, b"[" * 1_000_000, {}, {})],
    "a content that is deep": lambda run: [
        frame(1, keeper.IOPUB, {"msg_type": "stream"}, {"msg_id": run}, {}, b"[" * 1_000_000)
    ],
    "a number that is long": lambda run: [
        frame(1, keeper.IOPUB, {"msg_type": "stream"}, {"msg_id": run}, {}, b"9" * 10_000)
    ],
    "text that is a list": lambda run: [said(1, run, "stream", {"name": "stdout", "text": ["x"]})],
    "text that is a number": lambda run: [said(1, run, "stream", {"name": "stdout", "text": 1})],
    "a stream that is none": lambda run: [stream(1, run, "x", "stdin")],
    "a stream that is a dict": lambda run: [said(1, run, "stream", {"name": {}, "text": "x"})],
    "data that is text": lambda run: [display(1, run, "x")],
    "data that is null": lambda run: [display(1, run, None)],
    "text that is data": lambda run: [display(1, run, {"text/plain": {"a": 1}})],
    "a picture that is a dict": lambda run: [display(1, run, {"image/png": {"a": 1}})],
    "no data": lambda run: [said(1, run, "display_data", {})],
    "transient that is text": lambda run: [display(1, run, {}, transient="x")],
    "a display's id that is a list": lambda run: [display(1, run, {}, transient={"display_id": []})],
    "an id without end": lambda run: [display(1, run, {}, transient={"display_id": LONG})],
    "a head without end": lambda run: [frame(1, keeper.IOPUB, {"msg_type": LONG}, {"msg_id": run}, {}, {})],
    "a parent without end": lambda run: [frame(1, keeper.IOPUB, {}, {"msg_id": LONG}, {}, {})],
    "an event without end": lambda run: [frame(1, keeper.EVENT, {"event": LONG})],
    "a frame of 100 MB": lambda run: [stream(1, run, LONG * 100)],
    "an update of nothing": lambda run: [said(1, run, "update_display_data", {"data": {}})],
    "a count that is text": lambda run: [said(1, run, "execute_result", {"data": {}, "execution_count": "x"})],
    "a count without end": lambda run: [said(1, run, "execute_result", {"data": {}, "execution_count": float("inf")})],
    "a count that is none": lambda run: [said(1, run, "execute_result", {"data": {}, "execution_count": None})],
    "an error without a name": lambda run: [said(1, run, "error", {"traceback": []})],
    "a name that is a dict": lambda run: [said(1, run, "error", {"ename": {}, "evalue": "", "traceback": []})],
    "a traceback that is a number": lambda run: [said(1, run, "error", {"ename": "E", "evalue": "", "traceback": 1})],
    "a traceback of numbers": lambda run: [said(1, run, "error", {"ename": "E", "evalue": "", "traceback": [1]})],
    "a reply that is a list": lambda run: [said(1, run, "execute_reply", ["x"], channel=keeper.SHELL)],
    "an end of another kind": lambda run: [end(1, run, "sold")],
    "an end that is a list": lambda run: [end(1, run, [])],
    "an event that is none": lambda run: [frame(1, keeper.EVENT, {"run": run})],
    "an event that is a list": lambda run: [frame(1, keeper.EVENT, [])],
    "an answer that is a list": lambda run: [frame(0, keeper.REPLY, [])],
    "an answer that is no JSON": lambda run: [frame(0, keeper.REPLY, b"\xff")],
    "an answer without parts": lambda run: [frame(0, keeper.REPLY)],
    "a question without an id": lambda run: [
        frame(1, keeper.STDIN, {"msg_type": "input_request"}, {"msg_id": run}, {}, {"prompt": "x"})
    ],
    "a question that is a list": lambda run: [said(1, run, "input_request", [], channel=keeper.STDIN)],
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_a_sentence(name: str) -> None:
    result = ended(LyingKeeper(LIES[name]))
    assert isinstance(result, str), result
    assert "can't be believed" in result


HELLOS: dict[str, Any] = {
    "another protocol": {"hello": 7},
    "a protocol that is a dict": {"hello": {}},
}


@pytest.mark.parametrize("name", HELLOS)
def test_a_keeper_that_speaks_otherwise_is_refused(name: str) -> None:
    assert "Another version" in str(ended(LyingKeeper(hello=HELLOS[name])))


RUNS: dict[str, Any] = {
    "no id": {"id": None, "answer": {"is_found": True, "run": {}}},
    "a first number that is text": {"first": "x"},
    "a first number that is a list": {"first": []},
    "a first number without end": {"first": float("inf")},
    "a begin that is text": {"began": "x"},
    "a begin without end": {"began": float("inf"), "answer": {"is_found": True}},
    "a begin in the far future": {"began": 1e300, "answer": {"is_found": True}},
    "a begin after all time": {"began": 1e17, "answer": {"is_found": True}},
    "a run that is a list": {"answer": {"run": []}},
    "a time that is a list": {"answer": {"now": []}},
    "a last number that is text": {"answer": {"last": "x"}},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_none_is_refused(name: str) -> None:
    assert "can't be believed" in str(ended(LyingKeeper(run=RUNS[name])))


def test_numbers_that_jump_back_or_come_again_are_taken_once() -> None:
    result = ended(
        LyingKeeper(
            lambda run: [
                stream(1, run, "a") + stream(2, run, "b") + stream(1, run, "x") + stream(2, run, "x"),
                stream(1, run, "x") + stream(3, run, "c"),
                stream(0, run, "x") + end(4, run),
            ]
        )
    )
    assert isinstance(result, Result)
    assert result.text == "abc"


def test_numbers_that_are_left_out_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    jumps = [stream(1000 * number, "x" * 32, "x") for number in range(1, 3000)]
    result = ended(LyingKeeper(lambda run: [stream(5, run, "a"), *jumps, end(10**9, run)]), quiet=False)
    assert isinstance(result, Result)
    notes = capsys.readouterr().err.splitlines()
    assert "messages were too many to be kept there" in notes[0]
    assert len(notes) <= 100


def test_what_is_of_other_runs_is_nothing_of_this() -> None:
    other = "f" * 32
    result = ended(
        LyingKeeper(
            lambda run: [
                stream(1, other, "x") + end(2, other) + said(3, other, "error", {}) + stream(4, run, "a"),
                frame(5, keeper.EVENT, {"event": "answered", "of": "x"}),
                frame(6, keeper.EVENT, {"event": "what will be said tomorrow"}),
                frame(7, b"z", {}, {"msg_id": run}, {}, {}) if not run else b"",
                said(8, run, "update_display_data", {"data": {"text/plain": "x"}, "transient": {"display_id": "none"}}),
                said(9, run, "comm_open", {}) + end(10, run),
            ]
        )
    )
    assert isinstance(result, Result)
    assert (result.text, len(result.outputs)) == ("a", 1)


@pytest.mark.parametrize("says", [lambda run: [], lambda run: [end(1, "another")]], ids=["never", "of another run"])
def test_a_cell_without_an_end_is_left_by_a_second_interrupt(says: Says) -> None:
    with (
        LyingKeeper(says) as machine,
        Service(machine.door) as service,
        client(service, stderr=subprocess.PIPE) as process,
    ):
        eventually(lambda: any(words["do"] == "run" for words in machine.asked))
        process.send_signal(signal.SIGINT)
        eventually(lambda: any(words["do"] == "interrupt" for words in machine.asked))
        assert process.poll() is None, "a first one is for what runs there"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=MOST_SECONDS)
        assert errors.splitlines()[-1].startswith("KeyboardInterrupt") or "goes on there" in errors.splitlines()[-1]


def test_questions_without_end_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def here(prompt: str, is_secret: bool) -> str:
        asked.append(prompt)
        if len(asked) >= 20:
            raise KeyboardInterrupt
        return "x"

    def says(run: str) -> Iterable[bytes]:
        content = {"prompt": "\x1b[2JWord? " + "y" * 100_000, "password": False}
        for number in itertools.count(1):
            yield said(number, run, "input_request", content, channel=keeper.STDIN, identity=str(number))

    monkeypatch.setattr("glows_nb.remote.cells.running.read_here", here)
    with pytest.raises(KeyboardInterrupt):
        ended(LyingKeeper(says))
    assert len(asked) == 21
    assert all("\x1b" not in prompt and len(prompt) < 11_000 for prompt in asked)


ESCAPES = "\x1b]0;evil\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[?1049h\x1b[6n\x9b2J\x1bP1$r\x1b\\\x07"
OBEYED = re.compile(r"\x1b(?!\[[\d;:]*m)|\x07|\x9b")


@pytest.mark.parametrize(
    "says",
    [
        lambda run: [stream(1, run, ESCAPES), stream(2, run, "\x1b"), stream(3, run, "]0;evil\x07"), end(4, run)],
        lambda run: [stream(1, run, ESCAPES, "stderr"), end(2, run)],
        lambda run: [display(1, run, {"text/plain": ESCAPES}), end(2, run)],
        lambda run: [
            frame(1, keeper.EVENT, {"event": "ended", "was_told": False, "was_ready": False, "said": ESCAPES}),
            end(2, run),
        ],
    ],
    ids=["stdout", "stderr", "display", "a kernel's last words"],
)
def test_terminals_obey_nothing_of_it(says: Says, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(ended(LyingKeeper(says), quiet=False), Result)
    shown = "".join(capsys.readouterr())
    assert "evil" in shown or "u001b" in shown or "x1b" in shown
    assert not OBEYED.search(shown)


NAMES = ["KeyboardInterrupt", "SystemExit", "__class__", "GeneratorExit", "a b", "x" * 10_000, "\x1b[2J", "", "None"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_an_error_of_any_name_is_one_of_ours(name: str) -> None:
    content = {"ename": name, "evalue": ESCAPES, "traceback": [ESCAPES, "x" * 10_000_000, *["\x1b[2Jline"] * 100_000]}
    result = ended(LyingKeeper(lambda run: [said(1, run, "error", content), end(2, run, "error")]))
    assert isinstance(result, Result)
    error = result.error
    assert isinstance(error, RemoteError)
    assert not isinstance(error, (SystemExit, GeneratorExit))
    assert not OBEYED.search(str(error))
    lines = error._render_traceback_()
    assert not OBEYED.search("".join(lines))
    assert len("".join(lines)) < 20 * MEGABYTE
    assert len(type(error).__name__) <= 200


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    evil = pickle.dumps(Evil(tmp_path / "evil"))
    text = base64.b64encode(evil).decode()
    kinds = ("application/x-pickle", "application/python-pickle", "application/vnd.pickle+json", "text/plain")
    data: dict[str, Any] = dict.fromkeys(kinds, text)
    head = {"msg_type": "display_data", "msg_id": "m"}
    result = ended(
        LyingKeeper(
            lambda run: [
                said(1, run, "display_data", {"data": data, "metadata": data, "transient": {}}, evil),
                frame(2, keeper.IOPUB, head, {"msg_id": run}, {"pickle": text}, {"data": data}, evil, evil),
                said(3, run, "execute_result", {"data": data, "metadata": {"image/png": data}, "execution_count": 1}),
                said(4, run, "execute_reply", {"status": "ok", "payload": [data], "user_expressions": data}, evil),
                end(5, run),
            ]
        )
    )
    assert isinstance(result, Result)
    assert [set(row["data"]) for row in result.outputs] == [{"text/plain"}] * 3
    assert not (tmp_path / "evil").exists()
    pickle.loads(evil)  # noqa: S301 - or the test would show nothing
    assert (tmp_path / "evil").exists()


def flood(make: Callable[[int, str], bytes], count: int, first: int = 1) -> Says:
    """So many messages, and the end of the run behind them."""

    def says(run: str) -> Iterator[bytes]:
        for number in range(first, count, 100):
            yield b"".join(make(each, run) for each in range(number, min(number + 100, count)))
        yield end(count, run)

    return says


def huge(make: Callable[[int, str], bytes], count: int) -> Says:
    """The same of messages that are long, each of which is the same but for its number."""

    def says(run: str) -> Iterator[bytes]:
        made = bytearray(make(1, run))
        for number in range(1, count):
            made[4:12] = number.to_bytes(8, "big")
            yield bytes(made)
        yield end(count, run)

    return says


FLOODS: dict[str, Says] = {
    "long text": huge(lambda n, run: stream(n, run, LONG), 500),
    "short text": flood(lambda n, run: stream(n, run, "x"), 60_000),
    "text of nothing": flood(lambda n, run: stream(n, run, ""), 60_000),
    "text in turns": flood(lambda n, run: stream(n, run, "x", ["stdout", "stderr"][n % 2]), 60_000),
    "huge text": huge(lambda n, run: stream(n, run, LONG * 60), 5),
    "small displays": flood(lambda n, run: display(n, run, {"text/plain": "x"}), 60_000),
    "large displays": huge(lambda n, run: display(n, run, {"image/png": LONG}), 500),
    "large texts displayed": huge(lambda n, run: display(n, run, {"text/plain": LONG}), 500),
    "large JSON": huge(lambda n, run: display(n, run, {"application/json": [[]] * (MEGABYTE // 4)}), 50),
    "huge JSON": huge(lambda n, run: display(n, run, {"application/json": [[]] * (10 * MEGABYTE)}), 5),
    "huge JSON for a text": huge(lambda n, run: said(n, run, "stream", {"text": [[]] * (10 * MEGABYTE)}), 5),
    "text that looks like JSON": huge(lambda n, run: stream(n, run, '[",' * (10 * MEGABYTE)), 5),
    "large metadata": huge(lambda n, run: display(n, run, {}, metadata={"image/png": {"width": LONG}}), 300),
    "updates": lambda run: itertools.chain(
        flood(lambda n, run: display(n, run, {}, transient={"display_id": str(n)}), 5_000)(run),
        flood(lambda n, run: update(n, run, str(n - 5_000)), 10_000, 5_001)(run),
    ),
    "what is cleared": flood(lambda n, run: said(n, run, "clear_output", {"wait": bool(n % 2)}), 60_000),
    "errors": huge(lambda n, run: said(n, run, "error", {"ename": "E", "evalue": LONG, "traceback": [LONG]}), 200),
    "replies": huge(lambda n, run: said(n, run, "execute_reply", {"x": LONG}, channel=keeper.SHELL), 300),
    "answered": flood(lambda n, run: frame(n, keeper.EVENT, {"event": "answered", "of": f"{n}" * 1000}), 30_000),
    "kernels that can't be begun": flood(
        lambda n, run: frame(n, keeper.EVENT, {"event": "ended", "was_told": 0, "was_ready": 0, "said": "x" * 9999}),
        20_000,
    ),
    "answers that nobody asked for": huge(lambda n, run: frame(0, keeper.REPLY, {"to": 10**9, "x": LONG}), 2),
    "buffers": huge(lambda n, run: said(n, run, "display_data", {"data": {}, "metadata": {}}, b"x" * MEGABYTE), 300),
}


def update(number: int, run: str, display_id: str) -> bytes:
    content = {"data": {"image/png": "x" * 50_000}, "transient": {"display_id": display_id}}
    return said(number, run, "update_display_data", content)


CLIENT = """
import json, sys
import glows_nb as glows
from glows_nb.remote.errors import RemoteError
def most():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))
machine = glows.Machine(sys.argv[1], client=glows.Client("token", sys.argv[2]))
machine.connect()
import glows_nb.remote.cells.running, nh3
before = most()
try:
    result = machine.run("1", quiet=True)
    ended, held = result.status, sum(len(json.dumps(row)) for row in result.outputs)
except RemoteError as error:
    ended, held = str(error), 0
print(json.dumps({"ended": ended, "memory": most() - before, "held": held}))
"""


def client(service: Service, **pipes: Any) -> subprocess.Popen[str]:
    """A process of its own that runs a cell, and says how that went and how much memory it took."""
    command = [sys.executable, "-c", CLIENT, service.told.instance_id, service.base_url]
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)  # noqa: S603 - our own


@pytest.mark.parametrize("name", FLOODS)
def test_memory_and_time_are_bounded(name: str) -> None:
    with (
        LyingKeeper(FLOODS[name]) as machine,
        Service(machine.door) as service,
        client(service, stdout=subprocess.PIPE) as process,
    ):
        said, _ = process.communicate(timeout=3 * MOST_SECONDS)
    told = json.loads(said)
    assert told["ended"] == "ok" or "can't be believed" in told["ended"]
    assert told["memory"] < MOST_MEMORY, f"{told['memory'] >> 20} MB"
    assert told["held"] < MOST_HELD
