"""Commands over SSH: a machine does as OpenSSH's own server does, to OpenSSH's client and to asyncssh's.

asyncssh at both ends would cancel its own mistakes out, so every expectation is held against a real sshd as well. Where
the two differ by nature both are said.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import time
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import String

from tests.sandbox.machines.raw_channels import RawChannel
from tests.sandbox.machines.real import Way, eventually, runs
from tests.sandbox.machines.sshd import SshdWay

MEGABYTES = os.urandom(1 << 20) * 40
MOST_SESSIONS = 10
"""sshd's own MaxSessions where nobody says another."""


def takes_signals(way: Way) -> bool:
    """An sshd passes no signals on for root: it has no second process then, and only that one may send them."""
    return not isinstance(way, SshdWay) or os.getuid() != 0


def test_both_clients_are_let_in(either: Way) -> None:
    assert either.ssh("echo in").stdout == b"in\n"

    async def enter(line: Any) -> Any:
        return (await line.run("echo in")).stdout

    assert either.on_line(enter) == "in\n"


def test_wrong_secret_is_refused_and_the_right_one_then_let_in(either: Way) -> None:
    async def enter() -> None:
        async with either.connect(password="wrong"):
            pass

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(enter())
    assert either.ssh("true").returncode == 0


def test_status_and_both_streams_reach_either_client(either: Way) -> None:
    ran = either.ssh("echo out; echo wrong >&2; exit 7")
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"out\n", b"wrong\n")

    async def work(line: Any) -> tuple[Any, ...]:
        done = await line.run("echo out; echo wrong >&2; exit 7")
        return done.exit_status, done.stdout, done.stderr

    assert either.on_line(work) == (7, "out\n", "wrong\n")


@pytest.mark.parametrize(
    ("sent", "heard"),
    [("KILL", "KILL"), ("TERM", "TERM"), ("SEGV", "SEGV"), ("USR1", "USR1"), ("ALRM", "ALRM"), ("PIPE", "PIPE"),
     # RFC 4254 has no name for these.
     ("STKFLT", "SIG@openssh.com"), ("36", "SIG@openssh.com"), ("TRAP", "SIG@openssh.com")],
)  # fmt: skip
def test_client_hears_by_which_signal_a_command_ended(sent: str, heard: str, either: Way) -> None:
    async def work(line: Any) -> Any:
        done = await line.run(f"ulimit -c 0; kill -{sent} $$")
        return done.exit_status, done.exit_signal

    status, ended = either.on_line(work)
    assert (status, ended[0], ended[2:]) == (-1, heard, ("", ""))
    if sent == "KILL":
        assert either.ssh("kill -KILL $$").returncode == 255


@pytest.mark.parametrize("is_ended", [False, True], ids=["input open", "input ended"])
def test_signal_of_the_client_reaches_the_command(is_ended: bool, either: Way) -> None:
    async def work(line: Any) -> Any:
        process = await line.create_process(
            "trap 'echo caught; exit 4' USR1; echo up; cat; while :; do sleep 0.05; done"
        )
        await process.stdout.readuntil("up\n")
        if is_ended:
            process.stdin.write_eof()
        process.send_signal("USR1")
        if not takes_signals(either):
            # Nothing comes of it; what ends the command is this.
            await process.channel._make_request(b"signal", String("TERM"))
            process.close()
            return "refused"
        process.stdin.write_eof()
        done = await process.wait()
        return done.stdout, done.exit_status

    assert either.on_line(work) == (("caught\n", 4) if takes_signals(either) else "refused")


def test_signal_goes_to_all_that_a_command_started_in_its_session(either: Way) -> None:
    async def work(line: Any) -> Any:
        process = await line.create_process("sleep 1000 & echo $!; wait")
        child = int(await process.stdout.readline())
        answered = await process.channel._make_request(b"signal", String("TERM"))
        if answered:
            done = await process.wait()
            return answered, child, done.exit_signal[0]
        return answered, child, ""

    answered, child, ended = either.on_line(work)
    assert (answered, ended) == ((True, "TERM") if takes_signals(either) else (False, ""))
    if answered:
        assert not runs(child)
    else:
        os.kill(child, signal.SIGKILL)


def test_end_of_input_ends_what_reads_it(either: Way) -> None:
    assert either.ssh("cat; echo ended", given=b"some").stdout == b"someended\n"

    async def work(line: Any) -> Any:
        return (await line.run("cat; echo ended", input="some")).stdout

    assert either.on_line(work) == "someended\n"


@pytest.mark.parametrize("client", ["openssh", "asyncssh"])
def test_forty_megabytes_go_each_way_unchanged(client: str, either: Way) -> None:
    async def work(line: Any) -> tuple[bytes, bytes]:
        there = await line.run("sha256sum", input=MEGABYTES, encoding=None)
        back = await line.run("cat", input=MEGABYTES, encoding=None)
        return there.stdout, back.stdout

    if client == "openssh":
        there, back = (either.ssh(command, given=MEGABYTES).stdout for command in ("sha256sum", "cat"))
    else:
        there, back = either.on_line(work, 60)
    expected = hashlib.sha256(MEGABYTES).hexdigest()
    assert there.split()[0].decode() == expected
    assert hashlib.sha256(back).hexdigest() == expected


@pytest.mark.parametrize("client", ["openssh", "asyncssh"])
def test_reader_that_stalls_at_the_end_loses_nothing(client: str, either: Way) -> None:
    command, whole, before = "head -c 6000000 /dev/zero; echo the end", 6_000_008, 1_000_000

    async def work(line: Any) -> tuple[bytes, Any]:
        process = await line.create_process(command, encoding=None)
        data = await process.stdout.readexactly(before)
        await asyncio.sleep(2)  # the stall that is tried
        data += await process.stdout.read()
        return data, (await process.wait()).exit_status

    if client == "openssh":
        program = ["ssh", *either.options(), "-p", str(either.port), f"{either.user}@{either.host}", command]
        with subprocess.Popen(program, env=either.variables(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as ssh:  # noqa: S603
            assert ssh.stdout is not None
            data = ssh.stdout.read(before)
            time.sleep(2)  # the stall that is tried
            data += ssh.stdout.read()
        status = ssh.returncode
    else:
        data, status = either.on_line(work)
    assert (len(data), data[-8:], status) == (whole, b"the end\n", 0)


@pytest.mark.parametrize(
    ("command", "is_awaited"),
    [("sh -c 'sleep 1 & echo up'", True), ("sh -c 'sleep 1 > /dev/null & echo up'", True),
     ("sh -c 'sleep 9 > /dev/null 2>&1 & echo up'", False), ("sleep 9 < /dev/null > /dev/null 2>&1 & echo up", False),
     ("setsid sleep 9 < /dev/null > /dev/null 2>&1 & echo up", False)],
)  # fmt: skip
def test_channel_lasts_as_long_as_somebody_holds_its_output(command: str, is_awaited: bool, either: Way) -> None:
    async def work(line: Any) -> tuple[Any, float]:
        begun = time.monotonic()
        return (await line.run(command)).stdout, time.monotonic() - begun

    said, seconds = either.on_line(work)
    assert said == "up\n"
    assert (seconds >= 0.9) is is_awaited
    assert seconds < 5


def test_command_that_closes_its_output_is_waited_for(either: Way) -> None:
    assert either.ssh("exec >&- 2>&-; sleep 0.5; exit 3").returncode == 3


@pytest.mark.parametrize("command", ["sleep 1000 < /dev/null > /dev/null 2>&1 & echo $!", "echo $$; exec sleep 1000"])
@pytest.mark.parametrize("is_cut", [False, True], ids=["closed", "cut"])
def test_without_a_terminal_what_runs_survives_the_lines_end(command: str, is_cut: bool, either: Way) -> None:
    async def work(line: Any) -> int:
        process = await line.create_process(command)
        pid = int(await process.stdout.readline())
        if is_cut:
            line.abort()
        return pid

    pid = either.on_line(work)
    # A later line has come and gone: by now the end of the first would have been heard.
    assert either.ssh("true").returncode == 0
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not runs(pid))


def test_who_writes_after_the_lines_end_is_ended(either: Way) -> None:
    async def work(line: Any) -> int:
        process = await line.create_process("echo $$; while echo more; do sleep 0.05; done")
        return int(await process.stdout.readline())

    pid = either.on_line(work)
    eventually(lambda: not runs(pid))


def test_language_of_the_client_is_passed_on_and_nothing_else(either: Way) -> None:
    given = {"LANG": "C", "LC_TIME": "POSIX", "OTHER": "no", "LD_PRELOAD": "/no", "PATH": "/no"}

    async def work(line: Any) -> Any:
        return (await line.run('echo "$LANG $LC_TIME<$OTHER$LD_PRELOAD>"', env=given)).stdout

    assert either.on_line(work) == "C POSIX<>\n"
    options = [f"SetEnv={' '.join(f'{name}={value}' for name, value in given.items())}"]
    assert either.ssh('echo "$LANG $LC_TIME<$OTHER$LD_PRELOAD>"', more=["-o", *options]).stdout == b"C POSIX<>\n"


def test_command_knows_where_its_line_comes_from(either: Way) -> None:
    async def work(line: Any) -> tuple[str, Any]:
        host, port = line.get_extra_info("sockname")[:2]
        said = await line.run('echo "$SSH_CONNECTION|$SSH_CLIENT|$SSH_TTY"')
        return f"{host} {port} {either.host} {either.port}|{host} {port} {either.port}|\n", said.stdout

    expected, said = either.on_line(work)
    assert said == expected


def test_unknown_subsystem_is_refused_and_the_line_goes_on(either: Way) -> None:
    async def work(line: Any) -> Any:
        for name in ("nothing", "SFTP", "sftp\n"):
            with pytest.raises(asyncssh.ChannelOpenError):
                await line.create_process(subsystem=name)
        return (await line.run("echo fine")).stdout

    assert either.on_line(work) == "fine\n"


@pytest.mark.parametrize("second", [b"exec", b"shell", b"subsystem"])
def test_channel_does_one_thing(second: bytes, either: Way) -> None:
    async def work(line: Any) -> Any:
        channel = await RawChannel(line).open()
        assert await channel.ask(b"exec", String("cat; echo fine"))
        fields = {b"exec": [String("echo second")], b"shell": [], b"subsystem": [String("sftp")]}
        assert not await channel.ask(second, *fields[second])
        return await channel.result()

    assert either.on_line(work) == (0, b"fine\n")


def test_line_carries_two_hundred_commands_and_ten_at_once(either: Way) -> None:
    async def work(line: Any) -> None:
        for number in range(200):
            assert (await line.run(f"echo {number}")).stdout == f"{number}\n"
        async with contextlib.AsyncExitStack() as opened:
            processes = [await opened.enter_async_context(line.create_process("cat")) for _ in range(MOST_SESSIONS)]
            with pytest.raises(asyncssh.ChannelOpenError):
                await line.create_process("cat")
            for number, process in enumerate(processes):
                process.stdin.write(str(number))
                process.stdin.write_eof()
            assert [(await process.wait()).stdout for process in processes] == [str(n) for n in range(MOST_SESSIONS)]
        assert (await line.run("echo fine")).stdout == "fine\n"

    either.on_line(work, 60)


@pytest.mark.parametrize("length", [100_000, 130_000])
def test_command_may_be_long(length: int, either: Way) -> None:
    async def work(line: Any) -> Any:
        return (await line.run(f": {'x' * length}; echo fine")).stdout

    assert either.on_line(work) == "fine\n"
    assert either.ssh(f": {'x' * length}; echo fine").stdout == b"fine\n"


def test_command_that_is_longer_than_the_system_takes_fails_alone(either: Way) -> None:
    async def work(line: Any) -> Any:
        too_long = await line.run(f": {'x' * 140_000}; echo fine")
        return too_long.exit_status, too_long.stdout, too_long.stderr, (await line.run("echo fine")).stdout

    assert either.on_line(work) == (1, "", "/bin/bash: Argument list too long\n", "fine\n")


def test_empty_command_is_one(either: Way) -> None:
    async def work(line: Any) -> Any:
        channel = await RawChannel(line).open()
        return await channel.run(b"")

    assert either.on_line(work) == (0, b"")


def test_shell_without_a_terminal_is_a_login_shell(either: Way) -> None:
    ran = either.ssh(more=["-T"], given=b"echo $0; exit 9\n")
    assert (ran.returncode, ran.stdout) == (9, b"-bash\n")


def test_command_with_a_nul_is_not_run(either: Way) -> None:
    async def work(line: Any) -> Any:
        refused = await line.run("echo a\0b")
        return refused.exit_status, refused.stdout, (await line.run("echo fine")).stdout

    if isinstance(either, SshdWay):
        # It takes a packet that holds one for an attack, and ends the line.
        with pytest.raises((asyncssh.ConnectionLost, asyncssh.ChannelOpenError)):
            either.on_line(work)
    else:
        assert either.on_line(work) == (1, "", "fine\n")
