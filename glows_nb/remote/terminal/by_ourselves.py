"""A shell by asyncssh, where the system has no OpenSSH that would do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import nullcontext, suppress
from typing import IO, TYPE_CHECKING, Any, Final

import asyncssh

from glows_nb.remote.calling import Caller
from glows_nb.remote.execution.giving import pieces
from glows_nb.remote.lines.reading import AT_ONCE
from glows_nb.remote.terminal.raw_mode import raw_terminal

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

SIZE_EVERY_SECONDS: Final = 0.25
"""How often the window's size is looked at: there is no signal for it on Windows."""
LOST: Final = 255
OF_SIGNALS: Final = 128


async def run_shell(line: Line, caller: Caller) -> int:
    """Run the machine's shell in this terminal, and return its exit status; 255 where the line broke."""
    connection = await line.connected(caller)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    options: dict[str, Any] = {}
    if is_terminal:
        options = {"term_type": os.getenv("TERM", "xterm-256color"), "term_size": _size()}
    async with line.unbroken("a shell was started"):
        process = await connection.create_process(encoding=None, **options)
    tasks = [asyncio.create_task(_give(process))]
    if is_terminal:
        tasks.append(asyncio.create_task(_resize(process)))
    with raw_terminal() if is_terminal else nullcontext():
        try:
            await asyncio.gather(
                _show(process.stdout, sys.stdout.buffer, caller), _show(process.stderr, sys.stderr.buffer, caller)
            )
            await process.wait_closed()
        finally:
            for task in tasks:
                task.cancel()
            process.close()
    if process.exit_signal:
        return OF_SIGNALS + getattr(signal, f"SIG{process.exit_signal[0]}", OF_SIGNALS - 1)
    return LOST if process.exit_status is None else process.exit_status


async def _give(process: asyncssh.SSHClientProcess[bytes]) -> None:
    with suppress(asyncssh.Error, OSError):
        async for piece in pieces(sys.stdin.buffer.raw):  # type: ignore[union-attr]  # of a real stdin
            process.stdin.write(piece)
            await process.stdin.drain()
        process.stdin.write_eof()


async def _show(stream: asyncssh.SSHReader[bytes], to: IO[bytes], caller: Caller) -> None:
    with suppress(asyncssh.Error):
        while piece := await stream.read(AT_ONCE):
            await caller.call(lambda piece=piece: _write(to, piece))  # type: ignore[misc]


def _write(to: IO[bytes], piece: bytes) -> None:
    to.write(piece)
    to.flush()


async def _resize(process: asyncssh.SSHClientProcess[bytes]) -> None:
    known = _size()
    while True:
        await asyncio.sleep(SIZE_EVERY_SECONDS)
        if (now := _size()) != known:
            known = now
            process.change_terminal_size(*now)


def _size() -> tuple[int, int]:
    size = os.get_terminal_size(sys.stdout.fileno())
    return size.columns, size.lines
