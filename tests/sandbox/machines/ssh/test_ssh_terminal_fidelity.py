"""Terminals over SSH: a machine's and an sshd's are alike, to OpenSSH's client and to asyncssh's."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from typing import Any

import asyncssh
import pytest

from tests.sandbox.machines.real import Way, eventually, runs


def resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def read_until(terminal: int, end: bytes) -> bytes:
    """Read until something was said; fails when nobody is there any more, or says nothing."""
    text = b""
    while end not in text:
        assert select.select([terminal], [], [], 15)[0], text
        text += os.read(terminal, 4096)
    return text


def test_size_type_and_name_of_the_terminal(either: Way) -> None:
    async def work(line: Any) -> Any:
        asked = 'stty size; echo "$TERM"; test "$SSH_TTY" = "$(tty)" && echo named; test -t 2 && echo err >&2'
        done = await line.run(asked, term_type="vt100", term_size=(120, 40, 960, 640))
        return done.stdout, done.stderr, done.exit_status

    # What goes to the second stream comes on the first: a terminal is one.
    assert either.on_line(work) == ("40 120\r\nvt100\r\nnamed\r\nerr\r\n", "", 0)


def test_command_without_a_terminal_has_none(either: Way) -> None:
    ran = either.ssh('tty; echo "<$SSH_TTY>"; (: < /dev/tty) 2> /dev/null || echo none')
    assert ran.stdout == b"not a tty\n<>\nnone\n"


def test_who_runs_hears_of_another_size(either: Way) -> None:
    async def work(line: Any) -> Any:
        process = await line.create_process(
            "trap 'stty size; exit 3' WINCH; echo up; while :; do sleep 0.05; done",
            term_type="xterm", term_size=(80, 24),
        )  # fmt: skip
        await process.stdout.readuntil("up")
        process.change_terminal_size(133, 55)
        done = await process.wait()
        return done.stdout.split(), done.exit_status

    assert either.on_line(work) == (["55", "133"], 3)


def test_ctrl_c_ends_what_runs_and_not_the_shell(either: Way) -> None:
    async def work(line: Any) -> Any:
        process = await line.create_process(term_type="xterm", term_size=(200, 40))
        # What is pressed before it runs is the shell's.
        process.stdin.write("sh -c 'echo beg\"\"ins; exec sleep 1000'\n")
        await process.stdout.readuntil("begins")
        process.stdin.write("\x03")
        process.stdin.write("echo status $?; exit 5\n")
        done = await process.wait()
        return "status 130" in done.stdout, done.exit_status

    assert either.on_line(work) == (True, 5)


def test_openssh_in_a_terminal_has_size_resize_and_ctrl_c(either: Way) -> None:
    ours, theirs = pty.openpty()
    resize(ours, 101, 33)
    program = ["ssh", *either.options(), "-tt", "-p", str(either.port), f"{either.user}@{either.host}"]
    # Its size is said when it hears signals, not before.
    command = "trap 'stty size' WINCH; trap 'echo caught; exit 6' INT; stty size; while :; do sleep 0.05; done"

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(  # noqa: S603
        [*program, command], env=either.variables() | {"TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=own_terminal,
    ) as ssh:  # fmt: skip
        os.close(theirs)
        try:
            read_until(ours, b"33 101")
            resize(ours, 77, 22)
            read_until(ours, b"22 77")
            os.write(ours, b"\x03")
            read_until(ours, b"caught")
            assert ssh.wait(10) == 6
        finally:
            ssh.kill()
            os.close(ours)


@pytest.mark.parametrize("is_cut", [False, True], ids=["closed", "cut"])
def test_hang_up_ends_what_runs_in_the_foreground(is_cut: bool, either: Way) -> None:
    async def work(line: Any) -> int:
        process = await line.create_process("echo $$; exec sleep 1000", term_type="xterm")
        pid = int(await process.stdout.readline())
        if is_cut:
            line.abort()
        return pid

    pid = either.on_line(work)
    eventually(lambda: not runs(pid))


def test_hang_up_of_one_channel_ends_it_while_the_line_lives(either: Way) -> None:
    async def work(line: Any) -> tuple[int, Any]:
        process = await line.create_process("echo $$; exec sleep 1000", term_type="xterm")
        pid = int(await process.stdout.readline())
        process.close()
        await process.wait_closed()
        return pid, (await line.run("echo fine")).stdout

    pid, said = either.on_line(work)
    assert said == "fine\n"
    eventually(lambda: not runs(pid))


def test_end_of_what_is_typed_ends_a_reader(either: Way) -> None:
    async def work(line: Any) -> Any:
        process = await line.create_process("cat; echo ended", term_type="xterm")
        process.stdin.write("some\n\x04")
        done = await process.wait()
        return done.stdout, done.exit_status

    assert either.on_line(work) == ("some\r\nsome\r\nended\r\n", 0)


def test_signal_that_ends_a_command_is_said_with_a_terminal_too(either: Way) -> None:
    async def work(line: Any) -> Any:
        return (await line.run("kill -TERM $$", term_type="xterm")).exit_signal[0]

    assert either.on_line(work) == "TERM"


def test_modes_of_the_clients_terminal_are_those_of_the_other(either: Way) -> None:
    modes = {
        asyncssh.PTY_ECHO: 0, asyncssh.PTY_VERASE: 8, asyncssh.PTY_IXON: 0, asyncssh.PTY_ONLCR: 0,
        asyncssh.PTY_VINTR: 24, asyncssh.PTY_OP_OSPEED: 9600, asyncssh.PTY_OP_ISPEED: 9600,
    }  # fmt: skip

    async def work(line: Any) -> Any:
        return (await line.run("stty -a", term_type="xterm", term_modes=modes)).stdout

    said = either.on_line(work).replace(";", "").split("\n")
    words = " ".join(said).split()
    assert {"-echo", "-ixon", "-onlcr", "icanon", "opost"} <= set(words)
    assert " ".join(words).count("erase = ^H") == 1
    assert " ".join(words).count("intr = ^X") == 1
    assert words[:3] == ["speed", "9600", "baud"]
