"""The process that Jupyter takes for a kernel: it passes messages on between Jupyter and a kernel on a machine.

    python -m glows_nb.remote.kernels.bridge CONNECTION_FILE MACHINE --name NAME [--profile PROFILE] [--trust]

It says on stdout, in one line of JSON, whether it has begun. It ends, and with it the kernel there, when its stdin is
closed, as it is when whoever began it is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from glows_nb.api.client import AsyncClient
from glows_nb.api.errors import GlowsError
from glows_nb.formatting import visible
from glows_nb.remote import keeper
from glows_nb.remote.calling import AwaitedHere
from glows_nb.remote.cells.attachment import Attachment, Frame, Listener
from glows_nb.remote.cells.keeper_setup import begun
from glows_nb.remote.errors import LIES, LineLost, NotReachable, RemoteError
from glows_nb.remote.kernels.foreign_messages import ForeignMessages
from glows_nb.remote.kernels.jupyter_side import Asked, JupyterSide, Parts
from glows_nb.remote.lines.line import Line, line_to, machine_named

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 15.0
ENDS_WITHIN: Final = 3.0
LOOKS_EVERY: Final = 64
"""So many messages are sent before it is asked which of them were taken."""


class Bridge:
    """One notebook's kernel there, by however many lines.

    Args:
        line: to the machine.
        name: of the keeper.
        side: where Jupyter is.
        trust: let through all that the machine says.
    """

    def __init__(self, line: Line, name: str, side: JupyterSide, *, trust: bool) -> None:
        self._line, self._name, self._side = line, name, side
        self._foreign = ForeignMessages(trust=trust)
        self._caller = AwaitedHere(_log)
        self._life = ""
        self._next = self._number = 0
        self._attachment: Attachment | None = None
        self._listener = Listener(_all, lambda _: 0)
        self._waiting: deque[tuple[int, bytes, Parts]] = deque()
        """What was not taken there yet, as far as is known."""
        self._is_told_of_break = False
        self._is_ready = asyncio.Event()
        self._has_ended = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why it is over; "" where it was told to be."""

    async def begin(self) -> None:
        """Begin a new kernel there.

        Raises:
            RemoteError: there can be none.
            NotReachable: the machine can't be entered.
            LineLost: the line broke.
        """
        attachment = await self._attached()
        self._life, self._number = attachment.life, _count(attachment, "taken")
        self._next = _count(attachment, "last") + 1
        self._listen(attachment)
        # What is left of a bridge that was killed has variables that a new kernel has not.
        is_left = attachment.told["state"] != "none"
        attachment.tell("restart" if is_left else "start")

    async def pass_on(self) -> str:
        """Pass messages on until it is over; why it is."""
        tasks = [asyncio.create_task(self._up(each)) for each in (keeper.SHELL, keeper.CONTROL, keeper.STDIN)]
        tasks += [asyncio.create_task(self._side.beat()), asyncio.create_task(self._down())]
        try:
            waiting: list[asyncio.Future[Any]] = [self._over, *tasks]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            return await self._over
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def ready(self, passing: asyncio.Task[str]) -> None:
        """Wait until the kernel there answers.

        Raises:
            RemoteError: it can't be begun.
        """
        waiting = asyncio.create_task(self._is_ready.wait())
        await asyncio.wait([passing, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if passing.done():
            raise RemoteError(passing.result() or "It was told to end.")

    async def end(self) -> None:
        """End the kernel there, and its keeper."""
        await self._end_there(restarts=False)
        self._end_with("")

    async def _end_there(self, *, restarts: bool) -> None:
        """End the kernel there; its keeper too, unless another kernel is wanted. However often it is told, once."""
        self._ending = self._ending or asyncio.create_task(self._tell_to_end(restarts=restarts))
        await asyncio.shield(self._ending)

    async def _tell_to_end(self, *, restarts: bool) -> None:
        with suppress(TimeoutError, LineLost):
            async with asyncio.timeout(ENDS_WITHIN):
                if self._attachment is not None and self._is_ready.is_set() and not self._over.done():
                    self._attachment.tell("restart")
                    await self._has_ended.wait()
                if self._attachment is not None and not restarts:
                    await self._attachment.ask("stop")

    def _end_with(self, reason: str) -> None:
        if not self._over.done():
            self._over.set_result(reason)

    async def say_why(self, reason: str) -> None:
        """Let each cell that waits for the machine fail with this."""
        failure = {"status": "error", "ename": "RemoteError", "evalue": reason, "traceback": [f"RemoteError: {reason}"]}
        for number, asked in enumerate(self._side.running()):
            if not number:
                await self._side.say(keeper.IOPUB, "error", failure, asked.header)
            await self._side.say(asked.channel, "execute_reply", {**failure, "execution_count": 0}, asked.header)
            await self._side.say(keeper.IOPUB, "status", {"execution_state": "idle"}, asked.header)

    async def _attached(self) -> Attachment:
        made = Attachment(self._line.name, *await begun(self._line, self._caller, _nobody_agrees, self._name))
        try:
            await made.hello()
        except BaseException:
            made.close()
            raise
        return made

    def _listen(self, attachment: Attachment) -> None:
        self._listener = attachment.listen(self._next, _all)
        self._attachment = attachment

    # From Jupyter to the machine.

    async def _up(self, channel: bytes) -> None:
        while True:
            asked, parts = await self._side.taken(channel)
            if channel == keeper.CONTROL and asked.header["msg_type"] == "shutdown_request":
                await self._shut_down(asked, json.loads(parts[3]))
                continue
            self._number += 1
            self._waiting.append((self._number, channel, parts))
            if self._attachment is None:
                await self._tell_of_break()
                continue
            self._forget_taken(self._attachment)
            self._attachment.pass_on(self._number, channel, parts)
            if self._number % LOOKS_EVERY == 0:
                self._attachment.tell("status")

    async def _shut_down(self, asked: Asked, content: dict[str, Any]) -> None:
        restarts = bool(content.get("restart"))
        await self._end_there(restarts=restarts)
        await self._side.say(keeper.CONTROL, "shutdown_reply", {"status": "ok", "restart": restarts}, asked.header)
        self._end_with("")

    def _forget_taken(self, attachment: Attachment) -> None:
        taken = _count(attachment, "taken")
        while self._waiting and self._waiting[0][0] <= taken:
            self._waiting.popleft()

    # From the machine to Jupyter.

    async def _down(self) -> None:
        while True:
            frames = await self._listener.taken()
            if frames is None:
                self._attachment = None
                if self._ending is not None:
                    self._has_ended.set()
                    return
                await self._tell_of_break()
                await self._attach_again()
                continue
            if self._listener.given_up:
                await self._note(f"[{self._listener.given_up} messages were too many to be kept there, and are lost.]")
                self._listener.given_up = 0
            for frame in frames:
                try:
                    await self._take(frame)
                except LIES as error:
                    _log(f"{self._line.name} can't be believed: a message of its kernel is none ({error!r}).")
                self._next = frame.number + 1

    async def _take(self, frame: Frame) -> None:
        if frame.channel == keeper.EVENT:
            self._take_event(json.loads(frame.parts[0]))
        elif self._is_ready.is_set():
            header, parent = json.loads(frame.parts[0]), json.loads(frame.parts[1])
            kind = str(header["msg_type"])
            parts = self._foreign.let_through(frame.channel, kind, frame.parts)
            if parts is not None:
                await self._side.pass_on(frame.channel, kind, parent, parts)

    def _take_event(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            self._is_ready.set()
        elif event["event"] != "ended":
            return
        elif self._ending is not None:
            self._has_ended.set()
        elif not self._is_ready.is_set() and event["was_told"]:
            if self._attachment is not None:
                self._attachment.tell("start")  # that was the one of a bridge before
        elif event["was_ready"]:
            status = int(event["status"])
            how = f"by signal {-status}" if status < 0 else f"with status {status}"
            self._end_with(f"The kernel on {self._line.name} has ended {how}; its variables are gone.")
        else:
            said = visible(str(event["said"]).strip()[-300:])
            self._end_with(f"The kernel on {self._line.name} ends at once; it said: {said or 'nothing'}")

    # When the line breaks.

    async def _attach_again(self) -> None:
        pause = 0.0
        while not self._over.done():
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            try:
                attachment = await self._attached()
            except NotReachable as error:
                if not error.may_pass:
                    self._end_with(str(error))
            except GlowsError as error:
                _log(str(error))
            else:
                if attachment.life != self._life:
                    self._end_with(f"The kernel on {self._line.name} is gone, and its variables with it.")
                    attachment.close()
                    return
                self._listen(attachment)
                self._forget_taken(attachment)
                for number, channel, parts in self._waiting:
                    attachment.pass_on(number, channel, parts)
                self._is_told_of_break = False
                return

    async def _tell_of_break(self) -> None:
        """Say it once, where there is a cell to say it in."""
        if not self._is_told_of_break and self._side.running():
            self._is_told_of_break = True
            await self._note(f"[The line to {self._line.name} broke. What runs there goes on; trying again.]")

    async def _note(self, text: str) -> None:
        for asked in self._side.running()[:1]:
            content = {"name": "stderr", "text": f"{visible(text)}\n"}
            await self._side.say(keeper.IOPUB, "stream", content, asked.header)


def _count(attachment: Attachment, name: str) -> int:
    """A number that the keeper tells.

    Raises:
        RemoteError: it is none.
    """
    told = attachment.told.get(name)
    if not isinstance(told, int) or told < 0:
        raise RemoteError(f"{attachment.name} can't be believed: what its keeper tells is no number.")
    return told


def _all(frame: Frame) -> bool:
    return True


def _log(text: str) -> None:
    """For the log of Jupyter's server."""
    print(visible(text), file=sys.stderr, flush=True)


def _nobody_agrees(question: str) -> bool:
    """Nobody can be asked where a kernel begins."""
    return False


def _say(**words: str) -> None:
    """How it began, for who waits at the other end; nothing else is said there."""
    with suppress(OSError):
        os.write(1, json.dumps(words).encode() + b"\n")
        os.dup2(2, 1)


def _when_left(tell: Callable[[], None]) -> None:
    """Do this in the loop when stdin is closed."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        with suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(tell)

    threading.Thread(target=wait, daemon=True).start()


async def serve(options: argparse.Namespace) -> int:
    """Be the kernel; the status to exit with."""
    settings = json.loads(Path(options.connection_file).read_text(encoding="utf-8"))
    async with AsyncClient(profile=options.profile or None) as client:
        instance = await machine_named(client, options.machine)
        line = line_to(client, instance.instance_id)
        line.instance = instance
        side = JupyterSide(settings)
        bridge = Bridge(line, options.name, side, trust=options.trust)
        ending: list[asyncio.Task[None]] = []
        end = lambda: ending.append(asyncio.create_task(bridge.end()))  # noqa: E731 - it is given to two
        _when_left(end)
        with suppress(NotImplementedError):  # Windows has none
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
        try:
            await bridge.begin()
            passing = asyncio.create_task(bridge.pass_on())
            try:
                await bridge.ready(passing)
            except RemoteError:
                await bridge.end()
                raise
            _say()
            reason = await passing
            if reason:
                _log(reason)
                await bridge.say_why(reason)
                await bridge.end()
            await asyncio.gather(*ending)
            return int(bool(reason))
        finally:
            side.close()
            line.drop()


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("connection_file")
    parser.add_argument("machine")
    parser.add_argument("--name", required=True)
    parser.add_argument("--profile", default="")
    parser.add_argument("--trust", action="store_true")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # zmq needs this kind of loop where it is not the usual one.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        try:
            status = runner.run(serve(parser.parse_args()))
        except GlowsError as error:
            _say(error=str(error))
            status = 1
    # The thread that waits for stdin waits for ever.
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
