"""What no proper client asks of a machine: it is refused or fails alone, and the line goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import Byte, String, UInt32

from tests.sandbox.machines.raw_channels import RawChannel
from tests.sandbox.machines.real import Way

NO_UTF8 = b"\xff\xfe\x80"


def terminal(kind: bytes = b"xterm", columns: int = 80, rows: int = 24, modes: bytes = b"\0") -> list[bytes]:
    return [String(kind), UInt32(columns), UInt32(rows), UInt32(0), UInt32(0), String(modes)]


async def huge_terminal(channel: RawChannel) -> None:
    assert await channel.ask(b"pty-req", *terminal(columns=70_000, rows=0xFFFFFFFF))
    assert await channel.run(b"stty size") == (0, b"65535 65535\r\n")


async def huge_resize(channel: RawChannel) -> None:
    assert await channel.ask(b"pty-req", *terminal())
    assert await channel.ask(b"exec", String(b"sleep 0.2; stty size"))
    assert await channel.ask(b"window-change", UInt32(70_000), UInt32(70_000), UInt32(0), UInt32(0))
    assert await channel.result() == (0, b"65535 65535\r\n")


async def terminal_of_kind_with_nul(channel: RawChannel) -> None:
    await channel.ask(b"pty-req", *terminal(b"a\0b"))
    status, said = await channel.run(b"echo fine")
    assert (status == 0) is (said == b"fine\r\n")


async def terminal_with_unknown_modes(channel: RawChannel) -> None:
    assert await channel.ask(b"pty-req", *terminal(modes=Byte(150) + UInt32(1) + Byte(53) + UInt32(7) + b"\0"))
    assert (await channel.run(b"echo fine"))[0] == 0


async def size_without_a_terminal(channel: RawChannel) -> None:
    await channel.ask(b"window-change", UInt32(1), UInt32(1), UInt32(0), UInt32(0))
    assert await channel.run(b"echo fine") == (0, b"fine\n")


async def death_by_a_real_time_signal(channel: RawChannel) -> None:
    assert await channel.run(b"kill -36 $$") == (-1, b"")


async def unknown_signals(channel: RawChannel) -> None:
    assert await channel.ask(b"exec", String(b"cat; echo fine"))
    for name in (b"NOTHING", b"", b"_DFL", b"SIGTERM", b"term", b"9", b"RTMIN+1", b"a\0b", NO_UTF8, b"x" * 10_000):
        await channel.ask(b"signal", String(name))
    assert await channel.result() == (0, b"fine\n")


async def signal_before_anything_runs(channel: RawChannel) -> None:
    await channel.ask(b"signal", String(b"KILL"))
    assert await channel.run(b"echo fine") == (0, b"fine\n")


async def odd_variables(channel: RawChannel) -> None:
    for name in (NO_UTF8, b"LC_" + NO_UTF8, b"LC_A=B", b"LC_\0", b"", b"=", b"LANG=", b"LC_" + b"x" * 10_000):
        await channel.ask(b"env", String(name), String(b"value"))
    for value in (NO_UTF8, b"a=b", b"a\0b", b"x" * 10_000):
        await channel.ask(b"env", String(b"LC_ALL"), String(value))
    await channel.ask(b"env", String(b"LC_TIME"), String(b"C"))
    status, said = await channel.run(b'echo "$LC_TIME"')
    # The shell warns of what is no language, on the other stream: which of the two comes first is nobody's choice.
    assert status == 0
    assert b"C\n" in said


async def variable_that_is_too_long(channel: RawChannel) -> None:
    await channel.ask(b"env", String(b"LC_ALL"), String(b"x" * 200_000))
    status, said = await channel.run(b"echo fine")
    assert (status, b"fine\n" in said, b"too long\n" in said) in [(0, True, False), (1, False, True)]


async def command_that_is_no_utf8(channel: RawChannel) -> None:
    # asyncssh reads every command as UTF-8. OpenSSH's server runs it.
    assert not await channel.ask(b"exec", String(b"printf %s " + NO_UTF8))


async def command_with_a_nul(channel: RawChannel) -> None:
    assert (await channel.run(b"echo a\0b"))[0] == 1


async def subsystem_that_is_no_utf8(channel: RawChannel) -> None:
    assert not await channel.ask(b"subsystem", String(NO_UTF8))


async def request_that_nobody_knows(channel: RawChannel) -> None:
    assert not await channel.ask(b"dance", String(b"tango"))
    assert await channel.run(b"echo fine") == (0, b"fine\n")


Asking = Callable[[RawChannel], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    "asks",
    [
        huge_terminal, huge_resize, terminal_of_kind_with_nul,
        terminal_with_unknown_modes, size_without_a_terminal, death_by_a_real_time_signal, unknown_signals,
        signal_before_anything_runs, odd_variables, variable_that_is_too_long, command_that_is_no_utf8,
        command_with_a_nul, subsystem_that_is_no_utf8, request_that_nobody_knows,
    ],
)  # fmt: skip
def test_bad_request_ends_no_line(asks: Asking, entered: Way) -> None:
    async def work(line: Any) -> Any:
        channel = await RawChannel(line).open()
        await asks(channel)
        channel.close()
        return (await line.run("echo fine")).stdout

    assert entered.on_line(work) == "fine\n"


@pytest.mark.parametrize(
    "fields",
    [terminal(NO_UTF8), terminal(modes=Byte(53) + b"\0")],
    ids=["kind that is no text", "modes that end early"],
)
def test_terminal_that_cannot_be_read_ends_its_own_line_alone(fields: list[bytes], entered: Way) -> None:
    async def work(line: Any) -> None:
        channel = await RawChannel(line).open()
        await channel.ask(b"pty-req", *fields)

    async def beside(line: Any) -> Any:
        # asyncssh takes what it can't read for an attack.
        with pytest.raises(asyncssh.ProtocolError):
            await asyncio.to_thread(entered.on_line, work)
        return (await line.run("echo fine")).stdout

    assert entered.on_line(beside) == "fine\n"
