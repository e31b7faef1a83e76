"""What a command reads: bytes that are there, or a file of this computer as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import IO, Final

AT_ONCE: Final = 1 << 16

Given = bytes | IO[bytes] | None


async def pieces(given: Given) -> AsyncIterator[bytes]:
    """The input, piece by piece; of a file no more is read than is asked for."""
    if given is None or isinstance(given, bytes):
        for start in range(0, len(given or b""), AT_ONCE):
            yield (given or b"")[start : start + AT_ONCE]
        return
    loop = asyncio.get_running_loop()
    wanted: SimpleQueue[asyncio.Future[bytes] | None] = SimpleQueue()
    # A thread of the loop's own would hold Python up at its end, as long as whoever writes the input does not.
    Thread(target=_read, args=(given, wanted, loop), name="glows_nb input", daemon=True).start()
    try:
        while True:
            answer = loop.create_future()
            wanted.put(answer)
            piece = await answer
            if not piece:
                return
            yield piece
    finally:
        wanted.put(None)


def _read(file: IO[bytes], wanted: SimpleQueue[asyncio.Future[bytes] | None], loop: asyncio.AbstractEventLoop) -> None:
    """Read a piece whenever one is wanted; what can't be read is the end, as of a pipe that breaks."""
    read = getattr(file, "read1", file.read)
    while (answer := wanted.get()) is not None:
        piece = b""
        with suppress(OSError, ValueError):
            piece = read(AT_ONCE)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(_answer, answer, piece)


def _answer(future: asyncio.Future[bytes], piece: bytes) -> None:
    if not future.done():
        future.set_result(piece)
