"""The thread in which lines live, and how work is done there for another thread.

A line needs an event loop that runs all the time, and IPython's own stands still while a cell runs. So there is one of
ours, in a thread of its own, which begins with the first piece of work. What prints or asks is done in the thread that
called: a notebook puts what a thread prints below the cell that the thread belongs to.
"""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Awaitable, Callable, Coroutine
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
OnProgress = Callable[[str], None]

LOOK_SECONDS: Final = 0.2
"""On Windows nothing interrupts a thread that waits for a queue; and so often it is looked whether to stop."""
END_SECONDS: Final = 2.0


async def in_time(awaited: Awaitable[T], seconds: float) -> T:
    """Wait so long for this at most; unlike `wait_for` of Python 3.11 it loses no cancellation that comes with an end.

    Raises:
        TimeoutError: it took longer, and is cancelled.
    """
    async with asyncio.timeout(seconds):
        return await awaited


class Caller(Protocol):
    """Where a piece of work was called from.

    Attributes:
        on_progress: hears there what is said of how the work goes; None is to show it there.
    """

    on_progress: OnProgress | None

    async def call(self, function: Callable[[], T]) -> T:
        """Do this there, and return what it gives or raise what it raises."""


class AwaitedHere:
    """The caller of work that is awaited: it is where the work is."""

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self.on_progress = on_progress

    async def call(self, function: Callable[[], T]) -> T:
        """Do this."""
        return function()


class _CallingThread:
    """A thread that waits for work in the loop, and does what the work asks of it meanwhile."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self.on_progress = on_progress
        self.asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        """What is asked of the thread; None when the work is over."""

    def do_next(self) -> bool:
        """Do what is asked next, if something soon is; False when the work is over."""
        try:
            asked = self.asked.get(timeout=LOOK_SECONDS)
        except Empty:
            return True
        if asked is not None:
            asked()
        return asked is not None

    async def call(self, function: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def do() -> None:
            try:
                value = function()
            except Exception as error:  # noqa: BLE001 - it is raised where this was asked for
                loop.call_soon_threadsafe(_fail, answer, error)
            except BaseException:
                # An interrupt is for the whole work, which is cancelled; what asked for this goes on until then.
                loop.call_soon_threadsafe(_answer, answer, None)
                raise
            else:
                loop.call_soon_threadsafe(_answer, answer, value)

        self.asked.put(do)
        return await answer


def _answer(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class _Loop:
    """The loop and its thread; None before the first piece of work, and after a fork."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: Thread | None = None

    def running(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None:
                # An interrupt in here may leave a thread behind, but never a loop that nothing runs.
                loop = asyncio.new_event_loop()
                thread = Thread(target=loop.run_forever, name="glows_nb remote", daemon=True)
                thread.start()
                self.loop, self.thread = loop, thread
            return self.loop

    def forget(self) -> None:
        """In a forked process there is no such thread; what the parent's lines are, is the parent's."""
        self.__init__()  # type: ignore[misc]

    def end(self) -> None:
        """End all work and the thread, when the process ends."""
        with self.lock:
            loop, thread, self.loop, self.thread = self.loop, self.thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).add_done_callback(
            lambda _: loop.call_soon_threadsafe(loop.stop)
        )
        thread.join(2 * END_SECONDS)
        if not thread.is_alive():
            loop.close()


_closing: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, set[Callable[[], None]]]] = WeakKeyDictionary()


def close_at_end(close: Callable[[], None]) -> Callable[[], None]:
    """Do this in the loop that runs, if it is ours, when the process ends; gives what says that it is done by then."""
    closing = _closing.setdefault(asyncio.get_running_loop(), set())
    closing.add(close)
    return lambda: closing.discard(close)


async def _cancel_all() -> None:
    # What was interrupted twice is still being ended, on a machine.
    ending = [task for task in _working if task.cancelling()]
    if ending:
        await asyncio.wait(ending, timeout=END_SECONDS)
    for close in list(_closing.get(asyncio.get_running_loop(), ())):
        close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_SECONDS / 2)
    # A transport closes its socket in the loop's next round.
    await asyncio.sleep(0)


_loop: Final = _Loop()
_working: Final[set[asyncio.Task[Any]]] = set()
"""The loop itself forgets what nobody else knows of, in the middle of it."""
atexit.register(_loop.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loop.forget)


def run(
    work: Callable[[Caller], Coroutine[Any, Any, T]],
    *,
    on_progress: OnProgress | None = None,
    stop: Event | None = None,
) -> T:
    """Do work in the loop's thread, and return what it gives or raise what it raises.

    Args:
        work: is given who called it.
        on_progress: hears, in this thread, what is said of how it goes; None is to show it.
        stop: what another thread sets to end it, as an interrupt would in this one.

    Raises:
        CancelledError: `stop` was set, and the work has ended what it had begun; its notes are the work's.
        KeyboardInterrupt: the work was interrupted, and has ended what it had begun; a second interrupt does not wait
            for that.
        RuntimeError: this is the loop's own thread, which would wait for itself.
    """
    loop = _loop.running()
    caller = _CallingThread(on_progress)
    tasks: list[asyncio.Task[T]] = []

    def over(task: asyncio.Task[T]) -> None:
        # After a second interrupt nobody asks how it ended, which is not to be complained of.
        if not task.cancelled():
            task.exception()
        _working.discard(task)
        caller.asked.put(None)

    def start() -> None:
        if not tasks:
            tasks.append(loop.create_task(work(caller)))
            tasks[0].add_done_callback(over)
            _working.add(tasks[0])

    def cancel_once() -> None:
        if tasks and not tasks[0].cancelling():
            tasks[0].cancel()

    if _is_in(loop):
        raise RuntimeError("A machine was called from within its own line; call it from another thread.")
    interrupt: KeyboardInterrupt | None = None
    is_begun = is_ending = is_cancelled = is_over = False
    while not is_over:
        # Wherever an interrupt comes it has to be in here, or nothing would end the work: so the loop that lasts is in
        # here too, since Python looks for interrupts where a loop begins anew.
        try:
            while not is_over:
                if not is_begun:
                    loop.call_soon_threadsafe(start)
                    is_begun = True
                is_ending = is_ending or (stop is not None and stop.is_set())
                if is_ending and not is_cancelled:
                    loop.call_soon_threadsafe(cancel_once)
                    is_cancelled = True
                is_over = not caller.do_next() or (is_cancelled and bool(tasks) and tasks[0].done())
        except KeyboardInterrupt as pressed:
            if is_ending:
                # Also where this one came before the first was heard of there.
                loop.call_soon_threadsafe(start)
                loop.call_soon_threadsafe(cancel_once)
                raise
            interrupt, is_ending = pressed, True
    [task] = tasks
    if interrupt is not None:
        for note in _notes_of(task):
            interrupt.add_note(note)
        raise interrupt
    return task.result()


def _notes_of(task: asyncio.Task[Any]) -> list[str]:
    """What the work says of how it ended."""
    try:
        ended: BaseException | None = task.exception()
    except asyncio.CancelledError as cancelled:
        ended = cancelled
    return getattr(ended, "__notes__", [])


def _is_in(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
