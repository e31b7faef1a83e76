"""A handle of a job on a machine.

The methods of `job.py`, awaited.

Made from that file by tools/make_async_resources.py; change that one, and make this again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from glows_nb.formatting import visible
from glows_nb.remote.asking import Ask
from glows_nb.remote.calling import AwaitedHere, Caller
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.jobs.work import Work

T = TypeVar("T")

OnOutput = Callable[[bytes, bool], None]


class AsyncJob:
    """A job on a machine, as `AsyncMachine.job` gives it: it runs on there without us.

    Its times are by the machine's clock. What it leaves running in the background when its program has ended runs on,
    as after `exec`.
    """

    def __init__(self, work: Work) -> None:
        self._work = work

    @property
    def name(self) -> str:
        """By what it is found; of a job that was given no name it is made of its text."""
        return self._work.told.name

    @property
    def machine(self) -> str:
        """The name of its machine."""
        return self._work.machine

    @property
    def command(self) -> str:
        """The beginning of what is run."""
        return self._work.told.title

    @property
    def folder(self) -> str:
        """Where it runs, below the machine's home; "" is the home."""
        return self._work.told.folder

    @property
    def then(self) -> str | None:
        """What was asked for after it; None for nothing."""
        return self._work.told.then or None

    @property
    def was_there(self) -> bool:
        """Was it there already when it was asked for, so that none was started?"""
        return self._work.is_found

    @property
    def status(self) -> str:
        """How it is, as of the last `look`.

        One of "queued", "running", "done" (exit status 0), "failed", "stopped", "lost" (what looked after it there was
        killed) and "lost with the machine" (that has ended, and nobody knows that the job was over).
        """
        return self._work.told.status

    @property
    def exit_status(self) -> int | None:
        """That of its program; None until it has ended, and where a signal ended it. As of the last `look`."""
        return self._work.told.exit_status

    @property
    def signal(self) -> str:
        """The signal that ended it, such as "KILL"; "" for none. As it was last told of."""
        return self._work.told.signal

    @property
    def started(self) -> datetime | None:
        """When it began; None while it waits. As it was last told of."""
        return self._work.told.began

    @property
    def took(self) -> timedelta | None:
        """How long it ran, or had run when it was last told of; None where nobody knows."""
        return self._work.told.took

    async def look(self) -> None:
        """Ask the machine how it is, unless it is known to be over.

        Raises:
            NotReachable: there is no way onto the machine, which has not ended.
            RemoteError: the machine knows no such job any more, or what it says can't be true.
        """
        await self._run(self._work.look)

    async def log(self, tail: int | None = 100) -> str:
        """The end of what it has written, stdout and stderr as they came.

        Args:
            tail: how many lines, of 1 MB at most; None is that MB.

        Raises:
            InvalidRequest: it is no number of lines.
            NotReachable: there is no way onto the machine, or it has ended and the log with it.
        """
        return (await self.log_bytes(tail)).decode(errors="backslashreplace")

    async def log_bytes(self, tail: int | None = 100) -> bytes:
        """The same as `log`, as it was written.

        Args:
            tail: as for `log`.

        Raises:
            InvalidRequest, NotReachable: as for `log`.
        """
        return await self._run(lambda caller: self._work.log(caller, tail))

    async def follow(self, tail: int | None = None, *, on_output: OnOutput | None = None) -> AsyncJob:
        """Show what it writes, as it comes, from where this was left until it is over.

        An interrupt (Ctrl-C) ends this, not the job. A line that breaks is made again; nothing is lost or doubled. A
        notebook shows not more than the last MB of what is there already.

        Args:
            tail: begin with so many last lines instead.
            on_output: hears each piece as it comes, and False; nothing is shown then.

        Returns:
            The job, which is over.

        Raises:
            NotReachable: there is no way onto the machine any more.
            RemoteError: what the machine says can't be true.
        """
        await self._run(lambda caller: self._work.follow(caller, tail, on_output))
        return self

    async def wait(self, timeout: float | None = None) -> AsyncJob:
        """Wait until it is over, however it ends.

        Args:
            timeout: for how many seconds at most; None is for ever.

        Returns:
            The job, which is over.

        Raises:
            WaitTimeout: it is not over in time, and goes on.
            NotReachable, RemoteError: as for `follow`.
        """
        await self._run(lambda caller: self._work.wait(caller, timeout))
        return self

    async def stop(self) -> AsyncJob:
        """End it, with all that it has begun: first by TERM, after ten seconds by KILL; waits until it has ended.

        Returns:
            The job, which is over.

        Raises:
            NotReachable, RemoteError: as for `follow`.
        """
        await self._run(self._work.stop)
        return self

    async def fetch(
        self,
        remote: str,
        local: str | os.PathLike[str] = ".",
        delete: bool = False,
        dry_run: bool = False,
        *,
        include_ignored: bool = False,
        yes: bool = False,
        ask: Ask | None = None,
    ) -> Transfer:
        """Fetch a file or a folder from the folder that it runs in; see `AsyncMachine.fetch`.

        Args:
            remote: the file or folder, below the job's folder.
            local, delete, dry_run, include_ignored, yes, ask: as for `AsyncMachine.fetch`.

        Raises:
            InvalidRequest, TransferError, LineLost, NotReachable, HostKeyChanged: as for `AsyncMachine.fetch`.
        """
        options = (local, delete, dry_run, include_ignored, yes, ask)
        return await self._run(lambda caller: self._work.fetch(caller, remote, *options))

    def __repr__(self) -> str:
        told = self._work.told
        how = f" (exit status {told.exit_status})" if told.exit_status else ""
        how = f" (by signal {told.signal})" if told.signal else how
        how = " (what it had begun runs on)" if told.is_left else how
        took = "" if told.seconds is None else f", {told.seconds:.1f} s"
        return visible(f"<AsyncJob {told.name} on {self.machine}: {told.status}{how}{took}>")

    async def _run(self, work: Callable[[Caller], Coroutine[Any, Any, T]]) -> T:
        return await work(AwaitedHere())
