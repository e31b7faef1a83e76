"""A handle of a machine, for commands, files and ports."""

from __future__ import annotations

import os
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Mapping, Sequence
from threading import Event
from types import TracebackType
from typing import IO, Any, TypeVar

from pydantic import SecretStr

from glows_nb.api.client import Client
from glows_nb.api.models.instances import Instance
from glows_nb.api.requests.create import sealed
from glows_nb.connection import current_client
from glows_nb.remote import calling
from glows_nb.remote.asking import Ask
from glows_nb.remote.calling import Caller, OnProgress
from glows_nb.remote.cells.kernel_status import KernelStatus
from glows_nb.remote.cells.outputs import Result
from glows_nb.remote.errors import Stopped
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.handle import Handle, refuse_as_options
from glows_nb.remote.jobs.job import Job, OnOutput
from glows_nb.remote.output import Completed
from glows_nb.remote.ports.forward import Forward

T = TypeVar("T")


class Machine:
    """Work on a machine over SSH: commands, files, ports.

    It connects when it is first used, once, and stays connected for all that follows, also by other handles of the same
    machine; a line that was lost is made again. The password is asked of the service each time, and neither kept nor
    shown; your ssh configuration and your own keys are shown to no machine. A machine's host key is remembered at first
    use, by its id, since the API tells none to compare it with: whoever stood in between at that first time would not
    be seen. Another key later is refused before the password is sent (HostKeyChanged). The end of `with` closes it.

    Args:
        machine: an id, a meta key or a name given to launch; or an Instance.
        wait: wait at first use until the machine runs and its sshd answers.
        timeout: for how many seconds at most.
        client: whom to ask for the machine; the client in use without it.
    """

    def __init__(
        self, machine: str | Instance, *, wait: bool = False, timeout: float = 600, client: Client | None = None
    ) -> None:
        self._handle = Handle(client or current_client(), machine, timeout if wait else None)

    @property
    def instance(self) -> Instance:
        """The machine, as the service last told of it; asked now where it never was, or by an AsyncMachine's connect.

        Raises:
            NotReachable: there is none of this name.
        """
        return self._handle.instance

    def connect(self) -> None:
        """Connect now, rather than at first use.

        Raises:
            NotReachable: there is no way onto the machine; the text says why.
            HostKeyChanged: it shows another host key than before.
            WaitTimeout: with `wait`, it could not be entered in time.
        """
        self._run(self._handle.connect)

    def exec(
        self,
        command: str | Sequence[str],
        check: bool = True,
        timeout: float | None = None,
        input: str | bytes | IO[bytes] | None = None,
        env: Mapping[str, str | SecretStr] | None = None,
        pty: bool = False,
        *,
        quiet: bool = False,
        on_output: OnOutput | None = None,
        on_progress: OnProgress | None = None,
        stop: Event | None = None,
    ) -> Completed:
        """Run a command on the machine; what it writes is shown while it runs.

        An interrupt (Ctrl-C) ends it there, with what it has started: first as Ctrl-C would, then harder. What it
        leaves in the background runs on; where that still has its output, this says so and returns.

        Args:
            command: a line for the machine's shell, or a list of words, which are quoted.
            check: raise where its status is not 0.
            timeout: seconds after which it is ended there.
            input: what it reads: text, bytes, or a file opened for bytes, as it comes; nothing without it.
            env: variables for it; they are seen in no list of processes.
            pty: give it a terminal, for programs that want one; stderr is part of stdout then.
            quiet: show nothing.
            on_output: hears each piece as it comes, and whether it is of stderr; nothing is shown then.
            on_progress: hears what is said of the way to the machine, in this thread, instead of its being shown.
            stop: what another thread sets to stop it, as an interrupt does in this one.

        Returns:
            Its status, and what it wrote: of more than 1 MB the end, and all of it in a file.

        Raises:
            InvalidRequest: the command or a variable can't be one; nothing was run.
            CommandFailed: its status is not 0, or its time was over; the text has its last lines.
            Stopped: `stop` was set, and the command has ended there.
            LineLost: the line broke while it ran; it may go on there.
            NotReachable, HostKeyChanged: as for `connect`.
        """
        env = sealed({"envs": env})["envs"]
        options = {"check": check, "timeout": timeout, "given": input, "env": env, "pty": pty}
        return self._run(
            lambda caller: self._handle.exec(caller, command, options, quiet, on_output), on_progress, stop
        )

    def job(
        self,
        command: str | Sequence[str] | None = None,
        name: str | None = None,
        then: str | None = None,
        after: str | Job | Sequence[str | Job] | None = None,
        slots: int | None = None,
        *,
        input: str | None = None,
        env: Mapping[str, str | SecretStr] | None = None,
        folder: str = "",
        again: bool = False,
    ) -> Job:
        """Start a command there that runs on without us: without the line, the notebook and this computer.

        The same call again finds the job, by its name or else its text, and starts none, even if it has ended.

        Args:
            command: as for `exec`; None only finds the job of that name.
            name: by what it is found.
            then: "release" or "park" is for whoever keeps leases; refused yet, since nobody would carry it out.
            after: jobs, or their names, that have to be over before, however they end.
            slots: queue, and run with fewer than so many others that queue; with 1 one after the other.
            input, env: a text that it reads; variables, in no list of processes and not written down there.
            folder: where it runs, below the home.
            again: start another run under this name, where the last one is over.

        Raises:
            InvalidRequest: something of it can't be, or another job has this name; none was started.
            LineLost: the line broke; the same call again finds what was started.
            RemoteError, NotReachable, HostKeyChanged: as for `connect`, or the machine has no Python 3.8.
        """
        env = sealed({"envs": env})["envs"]
        options: dict[str, Any] = {"name": name, "then": then, "after": after, "slots": slots, "script": input}
        options |= {"env": env, "folder": folder, "again": again}
        return Job(self._run(lambda caller: self._handle.job(caller, command, options)))

    def run(
        self,
        code: str,
        *,
        again: bool = False,
        trust: bool = False,
        quiet: bool = False,
        marked: bool = False,
        send: Mapping[str, object] | None = None,
        yes: bool = False,
        ask: Ask | None = None,
        on_progress: OnProgress | None = None,
        stop: Event | None = None,
    ) -> Result:
        """Run Python code in the machine's kernel, which keeps its variables; what it shows comes here as it comes.

        The kernel belongs to a keeper on the machine, which is put there and begun with the first code that is run. It
        goes on when the line breaks or this computer is gone, and keeps what is said meanwhile. The same code called
        again while it runs there, or after it has ended with nobody there to see that, is not run again: what it says
        is shown. An interrupt goes to the kernel there, and what that leads to is waited for; a second one lets go.

        Args:
            code: what a cell holds; IPython's own lines (%, !) are for the kernel there.
            again: run it anew though it runs there, or has ended unseen.
            trust: show scripts and HTML of the machine as they are.
            quiet: show nothing.
            marked: show the machine's name above.
            send: variables that are set there before it runs, as by `put`; not where it runs already.
            yes: ask nothing; ipykernel is put on the machine if it has none.
            ask: asks such a question, and says whether the answer was yes; without it whoever is at the keyboard.
            on_progress, stop: as for `exec`.

        Returns:
            What came of it; an error of the code is in it, and not raised.

        Raises:
            InvalidRequest: the code can't be any, or a variable has no safe form; nothing was run.
            RemoteError: no kernel can be begun there, or it was another one after the line broke.
            Stopped, NotReachable, HostKeyChanged: as for `exec`, or the machine has ended.
        """
        ended: list[Result] = []
        options: dict[str, Any] = {"again": again, "trust": trust, "quiet": quiet, "marked": marked, "send": send or {}}
        options |= {"yes": yes, "ask": ask}
        try:
            return self._run(lambda caller: self._handle.run(caller, code, options, ended), on_progress, stop)
        except KeyboardInterrupt:
            if not ended:
                raise
            if ended[0].error is not None:
                raise ended[0].error from None
            return ended[0]  # it has taken the interrupt, and gone on well

    def put(
        self,
        variables: Mapping[str, object] | None = None,
        /,
        *,
        yes: bool = False,
        ask: Ask | None = None,
        **named: object,
    ) -> None:
        """Set variables in the machine's kernel: `m.put(df=df, epochs=3)`.

        Of Python's plain types, lists, dicts, tuples and sets of them, times, Decimal and UUID, numpy's arrays without
        objects, and pandas' tables; nothing is pickled. While a cell runs there it waits its turn, as a cell would.

        Args:
            variables, named: by name; the former for names that are also an argument here.
            yes, ask: as for `send`, about more than 100 MB.

        Raises:
            InvalidRequest: a name can't be any, or a value has no safe form; nothing was sent.
            RemoteError: the machine has not what they need, or no kernel can be begun there.
            TransferError, LineLost, NotReachable, HostKeyChanged: as for `send`.
        """
        refuse_as_options(yes, ask)
        everything = {**(variables or {}), **named}
        self._run(lambda caller: self._handle.put(caller, everything, yes, ask))

    def get(self, *names: str, yes: bool = False, ask: Ask | None = None) -> Any:
        """Variables of the machine's kernel, of the types that `put` takes; nothing that comes is unpickled or run.

        Args:
            names: of the variables.
            yes, ask: as for `put`.

        Returns:
            The value; of several names a tuple of theirs.

        Raises:
            RemoteError: there is none of this name, it has no safe form, or what the machine says can't be true.
            InvalidRequest, TransferError, LineLost, NotReachable, HostKeyChanged: as for `put`.
        """
        found = self._run(lambda caller: self._handle.get(caller, names, yes, ask))
        return found[names[0]] if len(names) == 1 else tuple(found[name] for name in names)

    def kernel_status(self) -> KernelStatus:
        """What the machine's kernel does, and what ran in it lately.

        Raises:
            RemoteError, NotReachable, HostKeyChanged: no kernel can be begun there; as for `connect`.
        """
        return self._run(self._handle.kernel_status)

    def restart_kernel(self) -> None:
        """Begin another kernel there, without the variables of this one; it raises what `kernel_status` does."""
        self._run(self._handle.restart_kernel)

    def output(self, run_id: str = "") -> Result:
        """All that code which ran in the machine's kernel has said, shown nowhere; waits until it has ended.

        Args:
            run_id: which, of `kernel_status().runs`; the last one without it.

        Raises:
            InvalidRequest, RemoteError, NotReachable, HostKeyChanged: there is none; as for `kernel_status`.
        """
        return self._run(lambda caller: self._handle.output(caller, run_id))

    def send(
        self,
        local: str | os.PathLike[str],
        remote: str = "",
        delete: bool = False,
        dry_run: bool = False,
        *,
        include_ignored: bool = False,
        yes: bool = False,
        ask: Ask | None = None,
        on_progress: OnProgress | None = None,
        stop: Event | None = None,
    ) -> Transfer:
        """Send a file or a folder to the machine: only what changed, with modes and times.

        Each file is put in place when all of it is there. Interrupted anywhere, the same call goes on where it was.
        What `.gitignore` and `.glowsignore` in the folder say stays here, and `.git`; links that lead out of it too.

        Args:
            local: the file or folder.
            remote: what it is to be there, below the home; with / at its end the folder that it goes into; its own name
                without it. A single file goes into a folder that is there.
            delete: delete there what is not here, after a question.
            dry_run: only tell what would be done.
            include_ignored: send what is ignored too.
            yes, ask: ask nothing; what asks and says whether the answer was yes, else whoever is at the keyboard.
            on_progress, stop: as for `exec`; it hears how far this is too.

        Raises:
            InvalidRequest: there is no such file.
            TransferError: the machine can't take it: no room, no permission.
            LineLost: the line broke, and several attempts to go on got nothing through.
            Stopped, NotReachable, HostKeyChanged: as for `exec`; the same call goes on from there.
        """
        options = (delete, dry_run, include_ignored, yes, ask)
        return self._run(lambda caller: self._handle.send(caller, local, remote, *options), on_progress, stop)

    def fetch(
        self,
        remote: str,
        local: str | os.PathLike[str] = ".",
        delete: bool = False,
        dry_run: bool = False,
        *,
        include_ignored: bool = False,
        yes: bool = False,
        ask: Ask | None = None,
        on_progress: OnProgress | None = None,
        stop: Event | None = None,
    ) -> Transfer:
        """Fetch a file or a folder from the machine: only what changed, with modes and times; as `send` otherwise.

        What comes is not trusted: nothing outside the target is written, whatever the machine says. Left out, and told,
        are links that lead out of it, devices, and names that a terminal would obey.

        Args:
            remote: the file or folder there, below the home.
            local: what it is to be here; with / at its end, or as ".", the folder that it goes into.
            delete: delete here what is not there, after a question.
            dry_run: only tell what would be done.
            include_ignored: fetch too what `.gitignore` and `.glowsignore` there leave out.
            yes: ask nothing, not even above 10 GB or 100,000 files.
            ask, on_progress, stop: as for `send`.

        Raises:
            InvalidRequest: the path can't be one.
            TransferError: there is no such file, it can't be written here, or what the machine says can't be true.
            LineLost, Stopped, NotReachable, HostKeyChanged: as for `send`.
        """
        options = (delete, dry_run, include_ignored, yes, ask)
        return self._run(lambda caller: self._handle.fetch(caller, remote, local, *options), on_progress, stop)

    def send_to(self, other: str | Instance, path: str, remote: str = "") -> Transfer:
        """Send a file or a folder from this machine to another one.

        Over a private network that both are in, by a key of one use that only unpacks files there; through this
        computer otherwise. No password is given to either.

        Args:
            other, path: the other machine; the file or folder on this one.
            remote: what it is to be on the other; the same path without it.

        Raises:
            TransferError, LineLost, NotReachable, HostKeyChanged: as for `send` and `fetch`.
        """
        return self._run(lambda caller: self._handle.send_to(caller, other, path, remote))

    def forward(self, port: int, local_port: int = 0) -> Forward:
        """Open a port here that leads to one of the machine, until it is closed or Python ends.

        Only this computer can reach it. For 8888 too, where it needs no public address.

        Args:
            port, local_port: the port on the machine, where it listens on loopback; the one here, else a free one.

        Raises:
            InvalidRequest, NotReachable, HostKeyChanged: a port is none, or the one here is taken; as for `connect`.
        """
        return self._run(lambda caller: self._handle.forward(caller, port, local_port))

    def wait_http(
        self,
        port: int,
        path: str = "/",
        timeout: float = 600,
        *,
        status: int | None = None,
        contains: str = "",
        public: bool = False,
    ) -> None:
        """Wait until a program on the machine answers over HTTP, through the line: no public port is needed.

        Args:
            port, path: its port there; what is asked for.
            timeout: for how many seconds to try.
            status, contains: the status that is wanted, any below 400 without it; what the answer has to contain.
            public: ask at the port's public address, as others reach it, instead of through the line.

        Raises:
            InvalidRequest, WaitTimeout: port, path or time can't be; it did not answer so in time, as the text says.
            NotReachable, HostKeyChanged: as for `connect`.
        """
        options: dict[str, Any] = {"timeout": timeout, "status": status, "contains": contains, "public": public}
        self._run(lambda caller: self._handle.wait_http(caller, port, path, **options))

    def install_key(self) -> str:
        """Put the public half of a key of glows_nb's own on the machine, which is used from then on.

        The private half is in the user's data folder, readable by its owner alone; one for all machines.

        Returns:
            Its fingerprint.

        Raises:
            CommandFailed, NotReachable, HostKeyChanged: it can't be written there; as for `connect`.
        """
        return self._run(self._handle.install_key)

    def accept_host_key(self, fingerprint: str) -> None:
        """Take the host key that the machine shows now for right, if it has this fingerprint.

        Args:
            fingerprint: as HostKeyChanged tells it, "SHA256:…", after you have looked.

        Raises:
            HostKeyChanged, NotReachable: it shows another one, or none.
        """
        self._run(lambda caller: self._handle.accept_host_key(caller, fingerprint))

    def close(self) -> None:
        """Close the line, unless another handle of the machine uses it; the machine goes on, and costs as before."""
        self._run(self._handle.close)

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Machine {self._handle}>"

    def _run(
        self,
        work: Callable[[Caller], Coroutine[Any, Any, T]],
        on_progress: OnProgress | None = None,
        stop: Event | None = None,
    ) -> T:
        self._handle.refuse_without_library()
        try:
            return calling.run(work, on_progress=on_progress, stop=stop)
        except CancelledError as ended:
            raise Stopped(" ".join(["Stopped.", *getattr(ended, "__notes__", [])])) from None
