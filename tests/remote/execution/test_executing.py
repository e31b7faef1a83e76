"""`Machine.exec`, at a sandbox's machine and at a real sshd."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

import glows_nb as glows
from glows_nb.remote.execution.checking import LONGEST_COMMAND
from tests.remote.execution.conftest import entered
from tests.sandbox.machines.real import eventually, runs

SECRET = "planted:value'with $signs"


def test_output_comes_while_it_runs(machine: glows.Machine) -> None:
    pieces: list[tuple[bytes, bool]] = []
    came: list[float] = []

    def hear(piece: bytes, is_error: bool) -> None:
        pieces.append((piece, is_error))
        came.append(time.monotonic())

    completed = machine.exec("echo one; sleep 0.5; echo two >&2; sleep 0.5; echo three", on_output=hear)
    assert (completed.exit_status, completed.stdout, completed.stderr) == (0, "one\nthree\n", "two\n")
    assert pieces == [(b"one\n", False), (b"two\n", True), (b"three\n", False)]
    assert came[-1] - came[0] > 0.8


def test_output_is_shown_as_it_comes(machine: glows.Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.exec(r"printf 'plain \033[31mred\033[0m \033]0;title\007\n'; echo wrong >&2")
    shown = capsys.readouterr()
    assert shown.out == "plain \x1b[31mred\x1b[0m \\x1b]0;title\\x07\n"
    assert shown.err == "wrong\n"
    machine.exec("echo nothing", quiet=True)
    assert capsys.readouterr() == ("", "")


def test_list_is_quoted_and_string_is_for_the_shell(machine: glows.Machine) -> None:
    words = ["printf", "%s|", "a b", "$HOME", "it's", ";", "*", "", "new\nline", "ünï"]
    assert machine.exec(words, quiet=True).stdout == "a b|$HOME|it's|;|*||new\nline|ünï|"
    assert machine.exec("x=$((1+2)); [[ $x = 3 ]] && echo $x # and a comment", quiet=True).stdout == "3\n"


def test_first_and_later_commands_run_alike(new_machine: glows.Machine) -> None:
    # The first is run without knowing which shell there is.
    command = 'f() { echo "a\'b\\\\c $1"; }; f x # said\ncat <<X\nhere $((2*3))\nX\n[[ -n $PATH ]] && exit 3'
    first, second = (new_machine.exec(command, check=False, quiet=True) for _ in range(2))
    assert (first.exit_status, first.stdout, first.stderr) == (3, "a'b\\c x\nhere 6\n", "")
    assert (second.exit_status, second.stdout, second.stderr) == (3, first.stdout, "")


def test_status_is_told_and_raised(machine: glows.Machine) -> None:
    with pytest.raises(glows.CommandFailed) as failed:
        machine.exec("echo before; echo this is wrong >&2; exit 7", quiet=True)
    assert failed.value.completed.exit_status == 7
    assert failed.value.completed.stdout == "before\n"
    assert "'echo before; echo this is wrong >&2; exit 7'" in str(failed.value)
    assert str(failed.value).endswith("ended with exit status 7. Its last lines: this is wrong")
    assert machine.exec("exit 7", check=False, quiet=True).exit_status == 7


def test_signal_is_told(machine: glows.Machine) -> None:
    completed = machine.exec("kill -KILL $$", check=False, quiet=True)
    assert (completed.exit_status, completed.signal) == (None, "KILL")
    with pytest.raises(glows.CommandFailed, match="ended by signal KILL"):
        machine.exec("kill -KILL $$", quiet=True)


def test_last_lines_are_visible(machine: glows.Machine) -> None:
    with pytest.raises(glows.CommandFailed) as failed:
        machine.exec(r"printf 'a\033]0;title\007b\n' >&2; exit 1", quiet=True)
    assert "a\\x1b]0;title\\x07b" in str(failed.value)


def test_input_is_given_and_ends(machine: glows.Machine) -> None:
    assert machine.exec("cat", quiet=True).stdout == ""
    assert machine.exec("cat", input="given ü", quiet=True).stdout == "given ü"
    data = os.urandom(3_000_000)
    counted = machine.exec("wc -c; echo after", input=data, quiet=True)
    assert counted.stdout.split() == ["3000000", "after"]
    # Who does not read it is not waited for.
    assert machine.exec("true", input=data, quiet=True).exit_status == 0


def test_environment_is_set_and_nowhere_seen(machine: glows.Machine, tmp_path: Path) -> None:
    env = {"PLANTED": SECRET, "OTHER": SecretStr("second")}
    command = 'printf \'%s/%s\' "$PLANTED" "$OTHER"; cat; cat /proc/$$/cmdline'
    completed = machine.exec(command, env=env, input="|rest|", quiet=True)
    assert completed.stdout.startswith(f"{SECRET}/second|rest|")
    assert completed.stdout.count("planted") == 1
    in_terminal = machine.exec('printf %s "$PLANTED"', env=env, pty=True, quiet=True)
    assert in_terminal.stdout == SECRET


def test_terminal_is_given(machine: glows.Machine) -> None:
    completed = machine.exec("test -t 1 && stty size && echo yes", pty=True, quiet=True)
    assert completed.stdout.replace("\r", "") == "40 120\nyes\n"
    assert machine.exec("test -t 1", check=False, quiet=True).exit_status == 1


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"command": "  "}, "command", "is empty"),
        ({"command": []}, "command", "is empty"),
        ({"command": "a\0b"}, "command", "NUL"),
        ({"command": "x" * 200_000}, "command", "200000 bytes is over the limit of 100000"),
        ({"command": "x", "timeout": 0}, "timeout", "0 is not a number of seconds above 0"),
        ({"command": "x", "timeout": float("nan")}, "timeout", "nan is not"),
        ({"command": "x", "env": {"A-B": "x"}}, "env", "'A-B' is no name"),
        ({"command": "x", "env": {"A": 3}}, "env", "A is no text"),
        ({"command": "x", "env": {"A": "a\0b"}}, "env", "NUL"),
        ({"command": "x", "env": "A=b"}, "env", "is no mapping"),
    ],
)
def test_what_can_be_no_command_is_refused_before_anything_is_asked(
    fields: dict[str, object], field: str, said: str
) -> None:
    # Nothing listens there, so that an attempt to ask would fail otherwise.
    with glows.Client("token", "http://127.0.0.1:9", max_retries=0) as client:
        machine = glows.Machine("ins-x", client=client)
        with pytest.raises(glows.InvalidRequest) as refused:
            machine.exec(**fields)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert said in str(refused.value)


def test_much_output_is_bounded_in_memory_and_whole_on_disk(machine: glows.Machine) -> None:
    completed = machine.exec("seq 1 400000; echo end >&2", quiet=True)
    assert completed.stdout_path is not None
    lines = completed.stdout_path.read_text().split()
    assert len(lines) == 400_000
    assert lines[-1] == "400000"
    first, _, rest = completed.stdout.partition("\n")
    assert first.startswith("[the last 1.0 MB of 2.7 MB; all of it is in ")
    assert len(rest) <= 1 << 20
    assert rest.endswith("\n400000\n")
    assert completed.stderr == "end\n"
    assert completed.stderr_path is None
    assert completed.stdout_path.stat().st_mode & 0o077 == 0
    place = completed.stdout_path
    del completed
    assert not place.exists()


def test_time_that_is_over_ends_it_there(machine: glows.Machine, tmp_path: Path) -> None:
    command = 'echo $$; sleep 1000 & echo $!; python3 -c "import time; time.sleep(1000)" & echo $!; wait'
    with pytest.raises(glows.CommandFailed, match=r"took over 1 s and was ended there\. Its last lines: \d+") as failed:
        machine.exec(command, timeout=1, quiet=True)
    pids = [int(word) for word in failed.value.completed.stdout.split()]
    assert len(pids) == 3
    for pid in pids:
        eventually(lambda pid=pid: not runs(pid))
    assert machine.exec("echo on", quiet=True).stdout == "on\n"


def test_interrupt_ends_it_there_with_what_it_started(machine: glows.Machine) -> None:
    # One child ignores the first signal, and one has a session of its own.
    command = (
        "echo $$; sh -c 'trap \"\" INT TERM; echo $$; sleep 1000; sleep 1000' & "
        "setsid sh -c 'echo $$; sleep 1000' & sleep 1000"
    )
    said: list[bytes] = []

    def hear(piece: bytes, is_error: bool) -> None:
        said.append(piece)
        if len(b"".join(said).split()) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as interrupted:
        machine.exec(command, on_output=hear)
    assert "with what it had started" in " ".join(interrupted.value.__notes__)
    for pid in map(int, b"".join(said).split()):
        eventually(lambda pid=pid: not runs(pid))
    assert machine.exec("echo on", quiet=True).stdout == "on\n"


@pytest.mark.parametrize(
    "command",
    [
        "trap : INT; while :; do sleep 7771 & echo $! >>begun; wait; done",
        "trap 'sleep 7772 & echo $! >>begun; wait' INT; sleep 7773 & echo $! >>begun; wait; wait",
    ],
)
def test_what_is_begun_while_it_is_ended_is_ended_too(machine: glows.Machine, command: str) -> None:
    machine.exec("rm -f begun; touch begun", quiet=True)
    with pytest.raises(glows.CommandFailed, match=r"took over 1 s and was ended there"):
        machine.exec(command, timeout=1, quiet=True)
    begun = [int(pid) for pid in machine.exec("cat begun", quiet=True).stdout.split()]
    eventually(lambda: not any(map(runs, begun)))


def test_time_is_over_also_where_it_does_not_come_to_the_command(machine: glows.Machine) -> None:
    home = Path(machine.exec("echo $HOME", quiet=True).stdout.strip())
    if (home / ".bashrc").exists():
        pytest.skip("the home is one with start files of its own")
    (home / ".bashrc").write_text("sleep 4\n")
    try:
        began = time.monotonic()
        with pytest.raises(glows.CommandFailed, match="took over 1 s"):
            machine.exec("true", timeout=1, quiet=True)
        assert time.monotonic() - began < 20
    finally:
        (home / ".bashrc").unlink()


def test_python_there_hears_of_the_interrupt(machine: glows.Machine) -> None:
    script = "import time\nprint('begun', flush=True)\ntry:\n    time.sleep(1000)\nfinally:\n    print('cleared up')\n"
    said: list[bytes] = []

    def hear(piece: bytes, is_error: bool) -> None:
        said.append(piece)
        if piece.startswith(b"begun"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        machine.exec([sys.executable, "-c", script], on_output=hear)
    assert b"cleared up" in b"".join(said)
    assert b"KeyboardInterrupt" in b"".join(said)


def test_what_is_left_in_the_background_runs_on_and_is_not_waited_for(
    machine: glows.Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    # A shell that puts a whole line into the background has its output as long as that runs.
    begun = time.monotonic()
    command = "pwd; rm -f after; (sleep 1.5; echo written; touch after; sleep 60) & echo $!; exit 3"
    completed = machine.exec(command, check=False)
    assert time.monotonic() - begun < 30
    home, pid = completed.stdout.split()
    assert completed.exit_status == 3
    assert completed.has_left_something
    assert "Something that it started runs on there" in capsys.readouterr().err
    eventually(lambda: (Path(home) / "after").exists())
    assert runs(int(pid)), "to write has not ended it"
    assert "written" not in completed.stdout
    machine.exec(f"pkill -P {pid}; kill {pid}", check=False, quiet=True)
    eventually(lambda: not runs(int(pid)))
    assert not machine.exec("sleep 60 >/dev/null 2>&1 & echo", quiet=True).has_left_something


def test_what_many_leave_in_the_background_uses_no_line_up(new_machine: glows.Machine) -> None:
    for number in range(13):
        left = new_machine.exec(f"sleep 100 & echo {number}", quiet=True)
        assert (left.stdout, left.has_left_something) == (f"{number}\n", True)
    assert new_machine.exec("echo on", quiet=True).stdout == "on\n"


def test_command_may_be_as_long_as_is_said_also_the_first(new_machine: glows.Machine) -> None:
    for _ in range(2):
        completed = new_machine.exec(f"echo {'x' * (LONGEST_COMMAND - 5)}", quiet=True)
        assert len(completed.stdout) == LONGEST_COMMAND - 4


def test_several_threads_share_a_line(machine: glows.Machine) -> None:
    machine.exec("true", quiet=True)
    found: dict[int, str] = {}

    def work(number: int) -> None:
        found[number] = machine.exec(f"sleep 0.2; echo {number}; ps -o ppid= -p $PPID", quiet=True).stdout

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {number: text.split()[0] for number, text in found.items()} == {number: str(number) for number in range(6)}


async def _awaited(machine: glows.Machine) -> None:
    async with glows.AsyncMachine("train", client=machine._handle._client) as awaited:
        completed = await awaited.exec("echo awaited", quiet=True)
        assert completed.stdout == "awaited\n"
        with pytest.raises(glows.CommandFailed, match="exit status 4"):
            await awaited.exec("exit 4", quiet=True)
        assert awaited.instance.status == "Running"


def test_the_same_is_awaited(machine: glows.Machine) -> None:
    import asyncio

    asyncio.run(_awaited(machine))


def test_line_that_breaks_is_said_and_made_again(tmp_path: Path) -> None:
    # What serves the line is ended by the command itself.
    with entered("sshd", tmp_path) as new_machine:
        with pytest.raises(glows.LineLost, match=r"broke while '.*' ran there; it may go on running\."):
            new_machine.exec("echo begun; sleep 0.3; kill -9 $PPID; sleep 5", quiet=True)
        assert new_machine.exec("echo again", quiet=True).stdout == "again\n"


@pytest.mark.parametrize("error", [OSError("the file is gone"), ValueError("not so")])
def test_listener_that_fails_ends_it_there_and_is_not_taken_for_the_line(
    error: Exception, machine: glows.Machine
) -> None:
    said: list[bytes] = []

    def hear(piece: bytes, is_error: bool) -> None:
        said.append(piece)
        raise error

    with pytest.raises(type(error), match=str(error)):
        machine.exec("echo $$; sleep 1000", on_output=hear)
    eventually(lambda: not runs(int(b"".join(said))))


def test_nothing_is_complained_of_when_python_ends(machine: glows.Machine) -> None:
    client = machine._handle._client
    script = f"""
import os, signal
import glows_nb as glows
client = glows.Client({client.connection.token.get_secret_value()!r}, {client.base_url!r})
machine = glows.Machine("train", client=client)
machine.exec("seq 1 300000", quiet=True)
forward = machine.forward(9)
try:
    machine.exec("echo x; sleep 1000", on_output=lambda *_: os.kill(os.getpid(), signal.SIGINT))
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n")
    assert [line for line in done.stderr.splitlines() if "Nothing listens at port 9 of" not in line] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ["echo", 3]},
        {"command": b"echo"},
        {"command": None},
        {"command": "\udcff"},
        {"command": "cat", "input": bytearray(b"x")},
        {"command": "cat", "input": 3},
        {"command": "cat", "input": io.StringIO("x")},
        {"command": "cat", "input": "\udcff"},
        {"command": "cat", "env": {"A": "\udcff"}},
        {"command": "cat", "timeout": "5"},
    ],
)
def test_what_is_of_another_kind_is_refused_at_once(fields: dict[str, object]) -> None:
    with glows.Client("token", "http://127.0.0.1:9", max_retries=0) as client, pytest.raises(glows.InvalidRequest):
        glows.Machine("ins-x", client=client).exec(**fields)  # type: ignore[arg-type]


def test_terminal_reads_no_input_and_comes_to_an_end(machine: glows.Machine) -> None:
    with pytest.raises(glows.InvalidRequest, match="a terminal has no end"):
        machine.exec("cat", input="x", pty=True)
    assert machine.exec("cat; echo done", pty=True, quiet=True, timeout=20).stdout.split() == ["done"]


def test_start_file_that_says_something_is_not_the_commands(tmp_path: Path) -> None:
    with entered("machine", tmp_path) as machine:
        home = Path(machine.exec("echo $HOME", quiet=True).stdout.strip())
        (home / ".bashrc").write_text("echo noise; echo more >> runs\n")
        with glows.Machine("train", client=machine._handle._client) as other:
            for _ in range(2):
                assert other.exec("echo said", quiet=True).stdout == "said\n"


def test_command_that_a_start_file_keeps_away_is_no_success(tmp_path: Path) -> None:
    with entered("machine", tmp_path) as machine:
        home = Path(machine.exec("echo $HOME", quiet=True).stdout.strip())
        (home / ".bashrc").write_text("echo early; exit 0\n")
        with pytest.raises(glows.RemoteError, match=r"did not run the command: a start file .* It said: early"):
            machine.exec("echo said", quiet=True)


def test_many_commands_at_once_wait_for_each_other(machine: glows.Machine) -> None:
    found: list[str] = []

    def work(number: int) -> None:
        found.append(machine.exec(f"sleep 0.1; echo {number}", quiet=True).stdout.strip())

    threads = [threading.Thread(target=work, args=[number]) for number in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found, key=int) == [str(number) for number in range(25)]


def test_output_that_this_computer_cannot_keep_is_not_a_broken_line(
    machine: glows.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    completed = machine.exec("seq 1 400000", quiet=True)
    assert completed.exit_status == 0
    assert "could not be kept on this computer: No such file or directory" in completed.stdout
    assert completed.stdout.endswith("\n400000\n")
    assert "400000 lines" in repr(completed)


def test_machine_that_ends_meanwhile_is_said(tmp_path: Path) -> None:
    with entered("machine", tmp_path) as machine:
        client = machine._handle._client
        assert isinstance(client, glows.Client)
        with pytest.raises(glows.NotReachable, match="has ended while the command ran, and the command with it"):
            machine.exec(
                "echo begun; sleep 1000", on_output=lambda *_: client.instances.cancel(machine.instance.instance_id)
            )


@pytest.mark.parametrize("value", ["x" * 5000, "a\x03b", "two\nlines"])
def test_value_that_no_terminal_takes_is_refused_with_one(value: str, machine: glows.Machine) -> None:
    with pytest.raises(glows.InvalidRequest, match=r"env: the value of A can't go through a terminal"):
        machine.exec("true", env={"A": value}, pty=True)
    assert machine.exec('printf %s "$A"', env={"A": value}, quiet=True).stdout == value
