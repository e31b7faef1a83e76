"""How a channel is read: all that is there each time, or it would hold ever more of it.

asyncssh gives the other side its whole window back as soon as the first of what it holds is taken. Whoever takes less
at once than that is overrun: what waits then has no bound, and is lost where the line breaks.
"""

from __future__ import annotations

from typing import Any, Final

AT_ONCE: Final = 1 << 22


class WholeReader:
    """A channel's output in parts of any length.

    Args:
        stream: has `read`, which gives nothing at its end.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._held = bytearray()
        self._at = 0

    async def readexactly(self, length: int) -> bytes:
        """So many bytes.

        Raises:
            EOFError: the stream ends before.
        """
        while len(self._held) - self._at < length:
            del self._held[: self._at]
            self._at = 0
            piece = await self._stream.read(AT_ONCE)
            if not piece:
                raise EOFError
            self._held += piece
        part = bytes(memoryview(self._held)[self._at : self._at + length])
        self._at += length
        return part
