"""A stretch of the way to a machine that breaks after so many bytes, counted in both directions together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from types import TracebackType


class CuttingProxy:
    """Leads to a port of loopback.

    Args:
        port: where to.
        cuts: after how many bytes each next line breaks; all after these go through.
        on_cut: is called at each cut, when both sides have been dropped.
        is_hard: is a line reset, rather than closed?
        pause: seconds before each 64 KB.
    """

    def __init__(
        self,
        port: int,
        cuts: Iterable[int] = (),
        on_cut: Callable[[], None] = lambda: None,
        *,
        is_hard: bool = True,
        pause: float = 0,
    ) -> None:
        self._to = port
        self._cuts = iter(cuts)
        self._on_cut = on_cut
        self._is_hard = is_hard
        self._pause = pause
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.there = 0
        self.back = 0
        self.lines = 0
        self.cut = 0

    def __enter__(self) -> CuttingProxy:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.lines += 1
        left = [next(self._cuts, None)]
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        try:
            pumps = {
                asyncio.create_task(self._pump(reader, there_writer, left, is_there=True)),
                asyncio.create_task(self._pump(there_reader, writer, left, is_there=False)),
            }
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.wait(pumps)
            for one in (writer, there_writer):
                one.transport.abort() if self._is_hard else one.close()
            if left[0] is not None and left[0] <= 0:
                self.cut += 1
                await asyncio.to_thread(self._on_cut)
        except asyncio.CancelledError:
            return  # the way is taken down
        finally:
            for one in (writer, there_writer):
                one.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: list[int | None],
        *,
        is_there: bool,
    ) -> None:
        try:
            while piece := await reader.read(1 << 16):
                if self._pause:
                    await asyncio.sleep(self._pause)
                if left[0] is not None:
                    piece = piece[: max(left[0], 0)]
                    left[0] -= len(piece)
                if is_there:
                    self.there += len(piece)
                else:
                    self.back += len(piece)
                writer.write(piece)
                await writer.drain()
                if left[0] is not None and left[0] <= 0:
                    return
        except OSError:
            return
