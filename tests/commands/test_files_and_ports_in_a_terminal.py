"""`glows-nb` send, fetch, copy and forward: what is printed, what is asked, and how they end."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request
from pathlib import Path

import pexpect
import pytest

from glows_nb.commands.remote import transfers
from tests.commands.terminal import PROGRAM, Place
from tests.sandbox.machines.real import eventually

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def data(place: Place, request: pytest.FixtureRequest) -> Path:
    """A folder of the user's with two files; its name is the test's own."""
    folder = place.user / request.node.name
    (folder / "part").mkdir(parents=True)
    (folder / "a.csv").write_text("a,b\n")
    (folder / "part" / "b c.bin").write_bytes(bytes(range(256)))
    return folder


def test_transfer_says_in_a_line_what_it_did(place: Place, data: Path) -> None:
    done = place.run("send", "train", data.name)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(rb"\w+ .* train:\w+: 2 files sent, 260 B in \d+\.\d s\n", done.stdout)
    assert (place.home / data.name / "part" / "b c.bin").read_bytes() == bytes(range(256))
    back = place.run("fetch", "train", f"{data.name}/part", "back/")
    assert (back.returncode, back.stderr) == (0, b"")
    assert (place.user / "back" / "part" / "b c.bin").read_bytes() == bytes(range(256))


def test_dry_run_lists_the_files(place: Place, data: Path) -> None:
    done = place.run("send", "train", data.name, "--dry-run")
    lines = done.stdout.decode().splitlines()
    assert "2 files would go, 260 B" in lines[0]
    assert [line.split() for line in lines[1:]] == [
        ["path", "action", "size_bytes", "why"],
        ["a.csv", "sent", "4"],
        ["part/b", "c.bin", "sent", "256"],
    ]
    assert not (place.home / data.name).exists()


def test_json_has_numbers_notes_and_files(place: Place, data: Path) -> None:
    done = place.run("copy", data.name, f"train:{data.name}", "--json")
    told = json.loads(done.stdout)
    assert (told["sent"], told["sent_bytes"], told["notes"], told["is_dry_run"]) == (2, 260, [], False)
    assert told["files"][0] == {"path": "a.csv", "action": "sent", "size_bytes": 4, "why": ""}
    assert "rows" not in told


def test_question_is_asked_in_the_terminal_and_refused_where_nobody_is(place: Place, data: Path) -> None:
    assert place.run("send", "train", data.name).returncode == 0
    (data / "a.csv").unlink()
    line = ["send", "train", data.name, "--delete"]
    unasked = place.run(*line)
    assert (unasked.returncode, unasked.stdout) == (2, b"")
    assert b"add --yes" in unasked.stderr
    for answer, is_there, status in (("n", True, 2), ("y", False, 0)):
        with pexpect.spawn(
            PROGRAM[0], [*PROGRAM[1:], *line], env=place.environment, cwd=place.user, timeout=30
        ) as screen:
            screen.expect(r"Delete 1 on train \(ins-.*\[y/N\]: ")
            screen.sendline(answer)
            screen.expect(pexpect.EOF)
            screen.close()
            assert screen.exitstatus == status
        assert (place.home / data.name / "a.csv").exists() is is_there


@pytest.mark.parametrize(
    ("word", "machine", "path"),
    [
        ("train:data", "train", "data"),
        ("train:", "train", ""),
        ("train:a:b", "train", "a:b"),
        ("train:/abs/x", "train", "/abs/x"),
        ("data", "", "data"),
        ("./a:b", "", "./a:b"),
        ("/a/b:c", "", "/a/b:c"),
        ("..\\a:b", "", "..\\a:b"),
        (":x", "", ":x"),
    ],
)
def test_place_is_on_a_machine_where_a_colon_comes_before_any_slash(word: str, machine: str, path: str) -> None:
    assert transfers._place(word) == (machine, path)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_forward_stays_until_an_interrupt(words: tuple[str, ...], place: Place) -> None:
    (place.home / "index.html").write_text("from the machine")
    serving = "python3 -m http.server 6006 --bind 127.0.0.1"
    with (
        place.started("exec", "train", "--", f"exec {serving}") as server,
        place.started("forward", "train", "6006", *words) as process,
    ):
        assert process.stdout is not None
        said = process.stdout.readline()
        if words:
            said += b"".join(iter(process.stdout.readline, b"}\n")) + b"}"
            told = json.loads(said)
            assert set(told) == {"url", "port", "local_port"}
            url = told["url"]
        else:
            url = said.decode().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)

        def answer() -> str | None:
            try:
                return str(OPENER.open(url, timeout=5).read().decode())
            except OSError:
                return None

        eventually(answer)
        assert answer() == "from the machine"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert b"Traceback" not in err
        assert answer() is None
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 130


def test_bash_lets_a_path_follow_on_the_colon(place: Place) -> None:
    script = subprocess.run([*PROGRAM, "completion", "bash"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert place.run("list").returncode == 0, "what was seen of the machines is what is offered"
    program = place.user / "bin" / "glows-nb"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    program.chmod(0o700)
    (place.user / "trails").mkdir()
    environment = place.environment | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PS1": "ready> "}
    with pexpect.spawn(
        "bash", ["--norc", "--noprofile"], env=environment, cwd=place.user, timeout=30, encoding="utf-8"
    ) as screen:
        screen.expect("ready> ")
        (place.user / "completion").write_text(script)
        screen.sendline("source completion; echo do''ne")
        screen.expect("done")
        screen.expect("ready> ")
        screen.send("glows-nb copy ins-\t")
        screen.expect_exact(f"{place.machine.instance_id}:")
        screen.send("there")
        screen.expect_exact("there")
        assert screen.before == "", "no space came between"
        screen.sendcontrol("c")
        screen.expect("ready> ")
        screen.send("glows-nb send train trai\t")
        screen.expect_exact("trails/")


def test_variables_are_those_of_a_notebook(place: Place) -> None:
    for option in ("--send", "--fetch"):
        done = place.run("run", "train", option, "scores")
        assert done.returncode != 0
        assert b"--send and --fetch are for the variables of a notebook" in done.stderr
        assert done.stderr.count(b"\n") == 1
