"""What is between here and a machine's keeper: one channel, over which all messages come, each with its number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import asyncssh

from glows_nb.remote import keeper
from glows_nb.remote.asking import Ask
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.cells import foreign_json
from glows_nb.remote.cells.keeper_setup import begun
from glows_nb.remote.cells.kernel_status import know
from glows_nb.remote.errors import LIES, LineLost, RemoteError
from glows_nb.remote.lines.reading import AT_ONCE

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

ANSWERS_WITHIN: Final = 60.0
LARGEST_FRAME: Final = keeper.LARGEST + (1 << 20)
LARGEST_NUMBER: Final = 1 << 53
BATCHES_AHEAD: Final = 4
"""So many that nobody has taken yet; then the machine has to wait."""


class Frame(NamedTuple):
    """Something that the keeper says: its number, what it is (see `keeper`), and its parts."""

    number: int
    channel: bytes
    parts: list[bytes]


class Listener:
    """Hears what is kept from a number on, once and in order.

    Args:
        wants: is a frame for it?
        begins: is given the keeper's answer, behind which all comes; gives the number that it lacks.

    Attributes:
        next: the number that it lacks by now.
        given_up: how many numbers were kept no more when it asked for them.
    """

    def __init__(self, wants: Callable[[Frame], bool], begins: Callable[[dict[str, Any]], int]) -> None:
        self.next = 0
        self.given_up = 0
        self._wants, self._begins = wants, begins
        self._batches: asyncio.Queue[list[Frame] | None] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._has_room.set()

    def begin(self, words: dict[str, Any]) -> None:
        """This is the keeper's answer."""
        try:
            self.next = self._begins(words)
        except OSError as error:
            # Of a time that there can't be; the line is well.
            raise ValueError(*error.args) from error

    async def give(self, frames: list[Frame]) -> None:
        """Take of these what it lacks and wants; waits while nobody takes what came before."""
        await self._has_room.wait()
        new: list[Frame] = []
        for frame in frames:
            if frame.number > LARGEST_NUMBER:
                raise ValueError("nobody has said so much")
            if frame.number < self.next:
                continue
            self.given_up += frame.number - self.next
            self.next = frame.number + 1
            if self._wants(frame):
                new.append(frame)
        if new:
            self._batches.put_nowait(new)
        if self._batches.qsize() >= BATCHES_AHEAD:
            self._has_room.clear()

    async def taken(self) -> list[Frame] | None:
        """What has come next; None when nothing more will on this channel."""
        batch = await self._batches.get()
        self._has_room.set()
        return batch

    def end(self) -> None:
        """Nothing more comes."""
        self._has_room.set()
        self._batches.put_nowait(None)


class Attachment:
    """The channel to a keeper, as long as it lasts.

    Args:
        name: of the machine, for sentences.
        process: the channel.
        held: what was read of it already.
    """

    def __init__(self, name: str, process: asyncssh.SSHClientProcess[bytes], held: bytes) -> None:
        self.name = name
        self.told: dict[str, Any] = {}
        """What the keeper told last of how things stand."""
        self._process = process
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: set[Listener] = set()
        self._following: dict[int, Listener] = {}
        self._hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._number = 0
        self._has_lied = False
        self.is_open = True
        self._reading = asyncio.create_task(self._read(bytearray(held)))

    @property
    def life(self) -> str:
        """Which keeper it is: another one knows nothing of what the one before did."""
        return str(self.told.get("life"))

    async def hello(self) -> None:
        """Wait for its first words.

        Raises:
            RemoteError: it speaks otherwise than we do.
            LineLost: the line broke.
        """
        try:
            told = await in_time(asyncio.shield(self._hello), ANSWERS_WITHIN)
        except TimeoutError:
            raise LineLost(f"The keeper on {self.name} has said nothing for {ANSWERS_WITHIN:g} s.") from None
        if told.get("hello") != keeper.PROTOCOL:
            raise RemoteError(
                f"Another version of glows_nb keeps the kernel of {self.name}; it can be used from there, or ended by: "
                "pkill -f keeper-.*begin"
            )

    async def ask(self, do: str, listener: Listener | None = None, **words: Any) -> dict[str, Any]:
        """What the keeper answers; what it says after that is for the listener, if there is one.

        Raises:
            LineLost: the line broke.
            RemoteError: what came over it can't be true.
        """
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number := self.tell(do, **words)] = answer
        if listener is not None:
            self._following[number] = listener
        if not self.is_open:
            self._end()
        try:
            return await in_time(answer, ANSWERS_WITHIN)
        except TimeoutError:
            raise LineLost(f"The keeper on {self.name} has not answered for {ANSWERS_WITHIN:g} s.") from None
        finally:
            self._asked.pop(number, None)

    def tell(self, do: str, **words: Any) -> int:
        """Ask for something without waiting for the answer."""
        self._number += 1
        asked = json.dumps({"do": do, "number": self._number, **words}).encode()
        with suppress(OSError, asyncssh.Error):  # who waits for the answer hears that the line broke
            self._process.stdin.write(keeper.pack(0, keeper.REPLY, [asked]))
        return self._number

    def pass_on(self, number: int, channel: bytes, parts: Sequence[bytes]) -> None:
        """Send a message to a channel of the kernel's; the keeper takes each number but 0 once, see `told["taken"]`."""
        with suppress(OSError, asyncssh.Error):  # what was not taken is for who numbers them to send again
            self._process.stdin.write(keeper.pack(number, channel, parts))

    def say(self, kind: str, message: str, content: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Send the kernel a request or a message to a widget, under this id."""
        parts = [keeper.as_json(keeper.header(kind, message)), b"{}", b"{}", keeper.as_json(content)]
        self.pass_on(0, keeper.SHELL, [*parts, *map(bytes, buffers)])

    def listen(self, first: int, wants: Callable[[Frame], bool]) -> Listener:
        """Who hears what is kept from a number on."""
        listener = Listener(wants, lambda _: first)
        self._following[self.tell("follow", **{"from": first})] = listener
        if not self.is_open:
            self._end()
        return listener

    def why_over(self) -> RemoteError:
        """Why nothing more comes."""
        if self._has_lied:
            return RemoteError(f"{self.name} can't be believed: what its keeper says is none of a keeper's messages.")
        return LineLost(f"The line to {self.name} broke.")

    def leave(self, listener: Listener) -> None:
        """It hears nothing more."""
        self._listeners.discard(listener)
        self._following = {number: each for number, each in self._following.items() if each is not listener}
        listener.end()
        if not (self._listeners or self._following) and self.is_open:
            self.tell("follow", **{"from": 0})

    def close(self) -> None:
        """End the channel."""
        self._process.close()
        self._reading.cancel()
        self._end()

    async def _read(self, held: bytearray) -> None:
        try:
            while True:
                kept: list[Frame] = []
                for frame in keeper.unpack(held):
                    if frame[1] == keeper.REPLY:
                        await self._give(kept)
                        self._take(foreign_json.read(frame[2][0]))
                    elif frame[0]:
                        kept.append(Frame(*frame))
                if int.from_bytes(held[:4], "big") > LARGEST_FRAME:
                    raise ValueError("no frame is so long")
                await self._give(kept)
                piece = await self._process.stdout.read(AT_ONCE)
                if not piece:
                    break
                held += piece
        except (asyncssh.Error, OSError):
            pass  # the line is over
        except LIES:
            self._has_lied = True
        finally:
            self._end()

    async def _give(self, kept: list[Frame]) -> None:
        for listener in list(self._listeners) if kept else ():
            await listener.give(kept)
        kept.clear()

    def _take(self, words: dict[str, Any]) -> None:
        if "life" in words:
            self.told = words
        if "hello" in words and not self._hello.done():
            self._hello.set_result(words)
        if listener := self._following.pop(words.get("to", 0), None):
            listener.begin(words)
            self._listeners.add(listener)
        answer = self._asked.get(words.get("to", 0))
        if answer is not None and not answer.done():
            answer.set_result(words)

    def _end(self) -> None:
        self.is_open = False
        for future in (self._hello, *self._asked.values()):
            if not future.done():
                future.set_exception(self.why_over())
                future.exception()
        for listener in (*self._listeners, *self._following.values()):
            listener.end()
        self._listeners.clear()
        self._following.clear()


_attachments: Final[WeakKeyDictionary[Line, Attachment]] = WeakKeyDictionary()
_attaching: Final[WeakKeyDictionary[Line, asyncio.Lock]] = WeakKeyDictionary()


async def attached(line: Line, caller: Caller, ask: Ask | None) -> Attachment:
    """The attachment of a line; made if there is none, with the keeper, if that is not there.

    Raises:
        RemoteError: the machine has no Python for it, or can't be entered.
        LineLost: the line broke meanwhile.
    """
    async with _attaching.setdefault(line, asyncio.Lock()):
        found = _attachments.get(line)
        if found is not None and found.is_open:
            return found
        made = Attachment(line.name, *await begun(line, caller, ask))
        try:
            await made.hello()
        except BaseException:
            made.close()
            raise
        _attachments[line] = made
        know(line.client, line.instance_id, lambda: made.told if made.is_open else None)
        return made
