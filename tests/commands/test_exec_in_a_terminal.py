"""`glows-nb exec`: bytes in and out, the exit status, and what ends it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.commands.terminal import PROGRAM, Place
from tests.sandbox.machines.real import eventually, runs

EVERY_BYTE = bytes(range(256)) * 4000


def running(place: Place, name: str) -> int:
    """The process that has written its number there; it is awaited."""
    eventually(lambda: (place.on_machine(Path.read_text, name) or "").strip())
    return int(place.on_machine(Path.read_text, name))


@pytest.mark.parametrize(
    ("command", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("no-such-program", 127)]
)
def test_exit_status_is_that_of_the_command(command: str, status: int, place: Place) -> None:
    done = place.run("exec", "train", "--", command)
    assert (done.returncode, done.stdout) == (status, b"")
    assert b"CommandFailed" not in done.stderr


def test_several_words_arrive_as_they_are_and_one_is_a_line_for_the_shell(place: Place) -> None:
    assert (
        place.run("exec", "train", "--", "printf", "%s|", "a b", "$HOME", "*", "--json").stdout
        == b"a b|$HOME|*|--json|"
    )
    assert place.run("exec", "train", "--", "cd / && pwd").stdout == b"/\n"


def test_bytes_pass_unchanged_both_ways(place: Place) -> None:
    done = place.run("exec", "train", "--", "cat", given=EVERY_BYTE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == EVERY_BYTE
    assert place.run("exec", "train", "--", "cat >&2", given=EVERY_BYTE).stderr == EVERY_BYTE


def test_input_is_given_on_as_it_comes_and_not_waited_for(place: Place) -> None:
    with place.started("exec", "train", "--", "cat") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == line
    with place.started("exec", "train", "--", "true") as process:
        assert process.wait(timeout=30) == 0, "it has ended though its input has not"


def test_input_of_the_line_is_what_it_reads(place: Place) -> None:
    assert place.run("exec", "train", "--input", "echo $((6 * 7))", given=b"").stdout == b"42\n"
    assert place.run("exec", "train", "--input=print(6 * 7)", "--", "python3", "-").stdout == b"42\n"


def test_json_is_all_that_stdout_gets(place: Place) -> None:
    done = place.run(
        "exec", "train", "--json", "--env", "API_TOKEN=planted-4711", "--", "echo out; echo err >&2; exit 3"
    )
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert isinstance(told.pop("seconds"), float)
    assert told == {"exit_status": 3, "signal": "", "stdout": "out\n", "stderr": "err\n"}
    assert b"API_TOKEN was written out" in done.stderr
    assert b"4711" not in done.stdout + done.stderr


def test_variables_reach_the_command_and_notices_stay_off_its_output(place: Place) -> None:
    words = [
        "exec",
        "train",
        "--env",
        "API_TOKEN=a=b c",
        "--env",
        "FROM_HERE",
        "--",
        'printf "%s %s" "$API_TOKEN" "$FROM_HERE"',
    ]
    done = place.run(*words, FROM_HERE="here")
    assert (done.returncode, done.stdout) == (0, b"a=b c here")
    assert b"API_TOKEN was written out" in done.stderr


def test_words_of_the_command_that_look_like_variables_of_the_line_are_its_own(place: Place) -> None:
    done = place.run("exec", "train", "--env", "A=1", "--", "echo", "--env", "B=2", "--env=C=3", "D=4")
    assert done.stdout == b"--env B=2 --env=C=3 D=4\n"


def test_time_that_is_over_ends_it_there(place: Place) -> None:
    done = place.run("exec", "train", "--timeout", "1", "--", "echo $$ >timed; echo begun; sleep 100")
    assert (done.returncode, done.stdout) == (1, b"begun\n")
    assert re.search(rb"CommandFailed: .* took over 1 s and was ended there. Its last lines: begun\n", done.stderr)
    assert not runs(int(place.on_machine(Path.read_text, "timed")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_interrupt_ends_it_there_with_what_it_started(number: signal.Signals, place: Place) -> None:
    place.run("exec", "train", "--", "rm -f parent child")
    command = "sh -c 'echo $$ >child; sleep 100' & echo $$ >parent; wait"
    with place.started("exec", "train", "--", command) as process:
        pids = [running(place, name) for name in ("parent", "child")]
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"It was ended on train (ins-" in err
    assert b"Traceback" not in err
    eventually(lambda: not any(map(runs, pids)))


def test_reader_that_goes_ends_it_there(place: Place) -> None:
    with place.started("exec", "train", "--", "echo $$ >writer; exec yes") as process:
        pid = running(place, "writer")
        assert process.stdout is not None
        assert process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert process.stderr is not None
        assert process.wait(timeout=30) == 141
        said = process.stderr.read()
        # Only with -W error Python says of what is open when it ends.
        assert [word for word in (b"Error", b"BrokenPipe", b"ended", b"never retrieved") if word in said] == []
    eventually(lambda: not runs(pid))


def test_output_that_can_not_be_written_is_one_sentence(place: Place) -> None:
    with open("/dev/full", "wb") as full, place.started("exec", "train", "--", "echo x", stdout=full) as process:  # noqa: PTH123 - a device
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"can't be written here (No space left on device)" in err
    assert len(err.splitlines()) == 1


def test_what_a_terminal_would_obey_is_made_visible_where_there_is_one(place: Place) -> None:
    command = r"printf '\033]0;title\007\033[31mred\033[0m\n'"
    done = place.run("exec", "train", "--", command)
    assert done.stdout == b"\x1b]0;title\x07\x1b[31mred\x1b[0m\n"
    with pexpect.spawn(PROGRAM[0], [*PROGRAM[1:], "exec", "train", "--", command], env=place.environment) as screen:
        screen.expect(pexpect.EOF, timeout=30)
    assert b"\x1b]0;" not in screen.before
    assert b"\x1b[31mred\x1b[0m" in screen.before


def test_pty_gives_it_a_terminal(place: Place) -> None:
    assert b"not a tty" in place.run("exec", "train", "--", "tty").stdout
    assert place.run("exec", "train", "--pty", "--", "tty", given=b"not for it").stdout.startswith(b"/dev/")
    refused = place.run("exec", "train", "--pty", "--input", "x", "--", "cat")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"give --pty or an input, not both" in refused.stderr


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (
            ("exec", "train"),
            2,
            b"The command is missing, as in: glows-nb exec train -- nvidia-smi. See: ",
        ),
        (("exec", "train", "--", ""), 1, b"InvalidRequest: command: is empty"),
        (("exec", "train", "--env", "NOT_SET", "--", "true"), 1, b"NOT_SET is not set in the environment here"),
        (
            ("exec", "nobody", "--", "true"),
            1,
            b"There is no machine 'nobody'; glows-nb list shows those",
        ),
        (
            ("exec", "train", "ls", "-l"),
            2,
            b"No such option: -l; what is for the machine stands behind --, as in: glows-nb exec ",
        ),
    ],
)
def test_line_that_can_not_be_is_one_sentence(
    words: tuple[str, ...], status: int, sentence: bytes, place: Place
) -> None:
    done = place.run(*words)
    assert (done.returncode, done.stdout) == (status, b"")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_tab_and_help_load_no_ssh(place: Place) -> None:
    code = (
        "import sys, glows_nb.commands, glows_nb.cli; print(sorted({'asyncssh', 'glows_nb.remote'} & set(sys.modules)))"
    )
    done = subprocess.run([*PROGRAM[:3], "-c", code], env=place.environment, capture_output=True, check=True)  # noqa: S603
    assert done.stdout == b"[]\n"


def test_second_interrupt_waits_for_nothing(place: Place) -> None:
    command = "trap '' INT TERM; echo $$ >stubborn; while :; do sleep 1; done"
    with place.started("exec", "train", "--", command) as process:
        pid = running(place, "stubborn")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"never retrieved" not in err
    assert b"Traceback" not in err
    assert place.run("exec", "train", "--", "kill", "-KILL", str(pid)).returncode in (0, 1), "it may have ended by then"
