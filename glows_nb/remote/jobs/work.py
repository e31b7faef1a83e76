"""What `Job` and `AsyncJob` do: start a job, look at it, follow it, end it, whatever becomes of the line meanwhile."""

from __future__ import annotations

import asyncio
import posixpath
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from glows_nb.api.errors import InvalidRequest, TransportError, WaitTimeout
from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import LineLost, NotReachable, RemoteError
from glows_nb.remote.execution.printing import OnOutput, Printed
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.jobs.checking import Wanted, checked_lines
from glows_nb.remote.jobs.keeping import note, place_in_log
from glows_nb.remote.jobs.there import NothingThere, ask, asked
from glows_nb.remote.jobs.told import LARGEST_LOG, Told, believed
from glows_nb.remote.lines.own_file import status_of
from glows_nb.remote.lines.reading import AT_ONCE
from glows_nb.remote.progress import is_notebook, notify, size

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 15.0
NOTE_SECONDS: Final = 5.0
MOST_BEHIND: Final = 1 << 20
"""So much of a log a notebook shows; of what is further back a follower is told how much it is."""
LOG_ELSEWHERE: Final = "its log on the machine has it"


class Way(Protocol):
    """The way to the job's machine, as often as one is needed."""

    async def line_unless_ended(self, caller: Caller) -> Line | None:
        """The line; None where the machine has ended."""

    async def fetch(self, caller: Caller, remote: str, *options: Any) -> Transfer:
        """Fetch files from it."""


class Work:
    """One run of a job on a machine.

    Args:
        way: to the machine.
        line: the one that there is.
        told: what it said of the job.
        is_found: was the job there already?
    """

    def __init__(self, way: Way, line: Line, told: Told, *, is_found: bool) -> None:
        self.told = told
        self.is_found = is_found
        self.client = line.client
        self.instance_id = line.instance_id
        self.machine = line.short_name
        self.at = 0
        self._way = way
        self._tail: int | None = None
        """With how many last lines a follower begins that has begun with nothing yet."""
        self._noted = 0.0

    async def look(self, caller: Caller) -> None:
        """Ask how it is, unless it is known to be over.

        Raises:
            NotReachable: there is no way onto the machine, which has not ended.
            RemoteError: the machine knows no such job, or what it says can't be true.
        """
        if self.told.is_over:
            return
        async with self._line(caller) as line:
            if line is not None:
                await self._take(line, (await ask(line, caller, "look", **self._words()))[0])

    async def log(self, caller: Caller, tail: int | None) -> bytes:
        """The last lines of what it has written."""
        checked_lines(tail)
        async with self._line(caller) as line:
            if line is None:
                raise NotReachable(f"{self.machine} has ended, and the log of {self.told.name} with it.")
            answer, text = await ask(line, caller, "log", tail=tail, **self._words())
            await self._take(line, answer)
            return text

    async def stop(self, caller: Caller) -> None:
        """End it there, with all that it has begun, and wait until it has ended."""
        async with self._line(caller) as line:
            if line is None:
                return
            await self._take(line, (await ask(line, caller, "stop", **self._words()))[0])
        await self._until_over(caller, None)

    async def wait(self, caller: Caller, timeout: float | None) -> None:
        """Until it is over."""
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout < 0):
            raise InvalidRequest("timeout", f"{timeout!r} is not a number of seconds of at least 0.")
        try:
            async with asyncio.timeout(timeout):
                await self._until_over(caller, None)
        except TimeoutError:
            raise WaitTimeout(
                f"{self.told.name} on {self.machine} is not over after {timeout:g} s; it goes on there.", None
            ) from None

    async def follow(self, caller: Caller, tail: int | None, function: Callable[[bytes, bool], None] | None) -> None:
        """Show what it writes from where this was left, until it is over."""
        checked_lines(tail)
        shown = OnOutput(function) if function is not None else Printed(LOG_ELSEWHERE)
        self._tail = tail
        if tail is None and function is None and is_notebook():
            await self._skip(caller)
        try:
            await self._until_over(caller, shown)
        except asyncio.CancelledError as stop:
            stop.add_note(
                f"No longer following; {self.told.name} goes on on {self.machine}. follow() again goes on where this "
                "was, stop() ends the job."
            )
            raise
        finally:
            await asyncio.shield(self._note())

    async def fetch(self, caller: Caller, remote: str, *options: Any) -> Transfer:
        """Fetch files from the folder that it runs in."""
        if not isinstance(remote, str):
            raise InvalidRequest("remote", f"{remote!r} is no path on the machine.")
        joined = posixpath.join(self.told.folder, remote) if self.told.folder else remote
        return await self._way.fetch(caller, joined, *options)

    async def _until_over(self, caller: Caller, shown: OnOutput | None) -> None:
        """By one line after the other, as often as they break."""
        pause, is_through = 0.0, shown is None
        while not (is_through and self.told.is_over):
            begun = self.at
            try:
                await asyncio.sleep(pause)
                async with self._line(caller) as line:
                    if line is None:
                        return
                    await self._read(line, caller, shown)
                    is_through = True
                    pause = FIRST_PAUSE
                await self.look(caller)
            except (LineLost, NotReachable, TransportError) as error:
                if isinstance(error, NotReachable) and not error.may_pass:
                    raise
                if self.at > begun or not pause:
                    await notify(caller, f"[The line to {self.machine} broke. What runs there goes on; trying again.]")
                    pause = FIRST_PAUSE
                else:
                    pause = min(pause * 2, LONGEST_PAUSE)

    async def _read(self, line: Line, caller: Caller, shown: OnOutput | None) -> None:
        """What comes by this line, until the machine says that it is over."""
        at, tail = (None, None) if shown is None else (self.at, self._tail)
        async with asked(line, caller, "follow", at=at, tail=tail, **self._words()) as (answer, piece, process):
            if tail is not None:
                self.at, self._tail = _place(line, answer), None
            await self._take(line, answer)
            while True:
                if piece and shown is not None:
                    await self._show(caller, shown, piece)
                piece = await process.stdout.read(AT_ONCE)
                if not piece:
                    break
            await process.wait_closed()
            status = status_of(process.exit_status)
            if status != 0:
                said = (await process.stderr.read(AT_ONCE)).decode(errors="replace").strip()[-300:]
                raise RemoteError(f"{self.told.name} on {line.name} can't be followed: {visible(said) or status}")
            if shown is not None and shown.wants(0, b""):
                await caller.call(lambda: shown(b"", False))

    async def _show(self, caller: Caller, shown: OnOutput, piece: bytes) -> None:
        def show() -> None:
            # Where this is interrupted the piece comes again: doubled is better than lost.
            if shown.wants(0, piece):
                shown(piece, False)
            self.at += len(piece)

        await caller.call(show)
        if time.monotonic() - self._noted > NOTE_SECONDS:
            await self._note()

    async def _skip(self, caller: Caller) -> None:
        """A notebook shows no more than the end of a long log."""
        await self.look(caller)
        skipped = self.told.size - MOST_BEHIND - self.at
        if skipped > 0:
            self.at += skipped
            await notify(caller, f"[{size(skipped)} of the log of {self.told.name} are not shown; {LOG_ELSEWHERE}.]")

    def _words(self) -> dict[str, Any]:
        return {"name": self.told.name, "number": self.told.number}

    async def _take(self, line: Line, answer: dict[str, Any]) -> None:
        if answer.get("refused") == "no job":
            raise RemoteError(f"{line.name} has no job {self.told.name} any more; its folder there was deleted.")
        told = believed(answer, line.name)
        if (told.name, told.number) != (self.told.name, self.told.number):
            raise RemoteError(f"{line.name} can't be believed: it tells of another job.")
        is_news = told.status != self.told.status
        self.told = told
        if is_news:
            await self._note()

    async def _note(self) -> None:
        self._noted = time.monotonic()
        await note(self.client, self.instance_id, self.told, log_at=self.at)

    @asynccontextmanager
    async def _line(self, caller: Caller) -> AsyncIterator[Line | None]:
        """The line; None where the machine has ended, and the job with it."""
        line = await self._way.line_unless_ended(caller)
        if line is None and not self.told.is_over:
            self.told = self.told.lost_with_machine()
            await self._note()
        yield line


async def started(way: Way, line: Line, caller: Caller, wanted: Wanted) -> Work:
    """Start a job, or find the one that is there; see `Machine.job`.

    Raises:
        InvalidRequest: another job has this name, or what it is to wait for, or its folder, is not there.
        LineLost: the line broke; the same call again finds the job where it was started.
        NotReachable, RemoteError: as for `Machine.exec`.
    """
    if wanted.after_on - {line.short_name}:
        raise InvalidRequest("after", f"is a job of another machine than {line.name}, which knows nothing of it.")
    if wanted.text:
        words: dict[str, Any] = {
            "do": "start",
            "token": secrets.token_hex(12),
            "command": wanted.text,
            "input": wanted.script,
            "folder": wanted.folder,
            "env": dict(wanted.env),
            "then": wanted.then,
            "after": list(wanted.after),
            "slots": wanted.slots,
            "again": wanted.again,
            "title": wanted.title,
        }
    else:
        words = {"do": "look"}
    try:
        answer, _ = await ask(line, caller, name=wanted.name, **words)
    except LineLost as lost:
        raise LineLost(
            f"{lost} {wanted.name} may have begun there; the same again finds it, and begins none."
        ) from None
    if "refused" in answer:
        _refuse(line, wanted, answer)
    told = believed(answer, line.name)
    if told.name != wanted.name:
        raise RemoteError(f"{line.name} can't be believed: it tells of another job.")
    work = Work(way, line, told, is_found=answer.get("is_found") is not False)
    if work.is_found and wanted.text:
        await notify(
            caller,
            f"{told.name} is there already on {line.name}, {told.status}; none was started. again=True (--again) "
            "starts another run when it is over.",
        )
    await note(line.client, line.instance_id, told, text_hash=wanted.hash if wanted.text else "")
    work.at = await place_in_log(line.client, line.instance_id, told)
    return work


async def listed(line: Line, caller: Caller) -> list[Told]:
    """The newest run of each job of a machine.

    Raises:
        RemoteError, LineLost, NotReachable: as for `started`.
    """
    try:
        answer, _ = await ask(line, caller, "list")
    except NothingThere:
        return []
    jobs = answer.get("jobs")
    if not isinstance(jobs, list):
        raise RemoteError(f"{line.name} can't be believed: its list of jobs is none.")
    return [believed(job, line.name) for job in jobs]


def _place(line: Line, answer: dict[str, Any]) -> int:
    at = answer.get("at")
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at <= LARGEST_LOG:
        raise RemoteError(f"{line.name} can't be believed: what it says of a log is nothing.")
    return at


def _refuse(line: Line, wanted: Wanted, answer: dict[str, Any]) -> NoReturn:
    match answer["refused"]:
        case "no job":
            raise InvalidRequest(
                "name", f"{line.name} has no job {wanted.name}; %glows jobs lists those that there are."
            )
        case "other":
            parts = {
                "command": "another command",
                "input": "another script",
                "folder": "another folder",
                "env": "other variables",
            }
            told = answer.get("differing")
            differing = [parts[part] for part in parts if isinstance(told, list) and part in told]
            raise InvalidRequest(
                "name",
                f"the job {wanted.name} on {line.name} has {' and '.join(differing) or 'another text'}; give "
                "another name, or again=True (--again) for another run under this one.",
            )
        case "going":
            raise InvalidRequest(
                "again", f"{wanted.name} is not over on {line.name}; stop it first, or give another name."
            )
        case "no after":
            missing = visible(str(answer.get("name"))[:100])
            raise InvalidRequest("after", f"there is no job {missing} on {line.name} to wait for.")
        case "no folder":
            raise InvalidRequest(
                "folder", f"there is no folder {visible(wanted.folder)} on {line.name}; send it first."
            )
    raise RemoteError(f"{wanted.name} could not be begun on {line.name}: {visible(str(answer['refused'])[:100])}.")
