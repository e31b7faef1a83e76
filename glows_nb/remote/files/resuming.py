"""What sending and fetching share: their progress, their patience with a line that breaks, and their questions."""

from __future__ import annotations

import asyncio
import hashlib
import math
import platform
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from filelock import FileLock, Timeout

from glows_nb.api.credentials.config import data_folder
from glows_nb.api.errors import TransportError
from glows_nb.formatting import counted, visible
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import LineLost, NotReachable, TransferError
from glows_nb.remote.files.entries import PART_PREFIX
from glows_nb.remote.progress import Progress, size

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

T = TypeVar("T")

TRIES: Final = 6
"""So often a line is made again though nothing moves any more; then the transfer ends, and can be gone on with."""
FIRST_PAUSE: Final = 0.5
NAMES_SHOWN: Final = 10


class Gone:
    """How much has gone, and what is said of that.

    Args:
        caller: where it is shown.
        what: what goes, such as "data → train:data"; may be said more exactly later.
    """

    def __init__(self, caller: Caller, what: str) -> None:
        self.bytes = 0
        self.total = 0
        self.files = 0
        self.moved = 0
        self.was_there = 0
        self.least_left = math.inf
        self.what = what
        self._progress = Progress(caller)

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return self._progress.seconds

    def begin(self, total: int, files: int) -> None:
        """So much has to go, from here on."""
        self.bytes, self.total, self.files, self.was_there = 0, total, files, 0
        self._note_left()

    async def count(self, number: int, *, was_there: bool = False) -> None:
        """So many bytes more are there: found there, or given to the line, which may not have got through."""
        self.bytes += number
        if was_there:
            self.was_there += number
            self._note_left()
        else:
            self.moved += number
        if self._progress.is_due:
            await self._progress.say(self._words())

    def _note_left(self) -> None:
        # A file of no bytes is one that is left too.
        self.least_left = min(self.least_left, self.total + self.files - self.was_there)

    async def say(self, words: str) -> None:
        """Something else is under way."""
        await self._progress.say(f"{self.what}: {words}")

    @property
    def words(self) -> str:
        """How far it is, as a sentence."""
        return f"{size(self.bytes)} of {size(self.total)} had gone."

    async def end(self) -> None:
        """All has gone, or nothing more will."""
        await self._progress.end(self._words())

    def _words(self) -> str:
        rate = self.moved / max(self.seconds, 0.001)
        left = max(self.total - self.bytes, 0)
        # What is around the files in a stream goes too, and would be more than there is.
        gone = size(min(self.bytes, self.total))
        words = f"{self.what}: {gone} of {size(self.total)}, {counted(self.files, 'file')}, {size(rate)}/s"
        return f"{words}, {left / rate:.0f} s left" if left and rate else words


async def resumed(line: Line, gone: Gone, attempt: Callable[[], Awaitable[T]]) -> T:
    """Do this, and again from where it was for as long as each line carries something.

    Raises:
        LineLost: several lines one after the other broke without that.
        RemoteError: as `attempt`, or the machine can't be entered any more.
    """
    tries, pause = 0, FIRST_PAUSE
    while True:
        least = gone.least_left
        try:
            return await attempt()
        except (LineLost, NotReachable, TransportError) as error:
            if isinstance(error, NotReachable) and (not error.may_pass or not tries):
                raise
            if isinstance(error, TransportError) and not tries:
                raise
            # What the line before has got through is seen by what this one found.
            has_progress = gone.least_left < least
            tries = 1 if has_progress else tries + 1
            if tries >= TRIES:
                raise LineLost(
                    f"{str(error).rstrip('.')}, {counted(tries, 'time')} without anything getting through. "
                    f"{size(gone.bytes)} of {size(gone.total)} had gone, and what is in place is whole; the same call "
                    "goes on from there."
                ) from error
            await gone.say(f"the line broke; trying again in {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = FIRST_PAUSE if has_progress else min(pause * 2, 8.0)


def some(paths: list[str]) -> str:
    """Some of these paths, for a question."""
    more = f" and {len(paths) - NAMES_SHOWN} more" if len(paths) > NAMES_SHOWN else ""
    return ", ".join(visible(path) for path in sorted(paths)[:NAMES_SHOWN]) + more


def part_name(*words: str) -> str:
    """The name of the folder for what is not whole yet, of this transfer from or to this computer."""
    digest = hashlib.sha256("\0".join([platform.node(), *words]).encode(errors="surrogateescape"))
    return f"{PART_PREFIX}{digest.hexdigest()[:12]}"


@contextmanager
def alone(name: str) -> Iterator[None]:
    """No second transfer of the same goes on meanwhile on this computer.

    Raises:
        TransferError: one does.
    """
    folder = data_folder() / "transfers"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / f"{name.removeprefix(PART_PREFIX)}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise TransferError("The same transfer is under way already, in another cell or notebook.") from None
    try:
        yield
    finally:
        lock.release()
