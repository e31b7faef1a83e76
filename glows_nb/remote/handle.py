"""What `Machine` and `AsyncMachine` do, each in the loop that it belongs to; the libraries are loaded at first use."""

from __future__ import annotations

import os
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from glows_nb.api.client import AsyncClient, Client
from glows_nb.api.errors import ConfigError, InvalidRequest, ParamIllegal
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import LEAVING
from glows_nb.formatting import visible
from glows_nb.remote.asking import Ask, ask_here
from glows_nb.remote.calling import Caller
from glows_nb.remote.cells.kernel_status import KernelStatus, remember, status_of
from glows_nb.remote.cells.outputs import Result
from glows_nb.remote.errors import LIES, NotReachable, RemoteError, no_machine
from glows_nb.remote.files.transfer import Transfer
from glows_nb.remote.output import Completed
from glows_nb.remote.ports.forward import Forward
from glows_nb.remote.progress import is_notebook, notify

if TYPE_CHECKING:
    from glows_nb.remote.cells.attachment import Attachment
    from glows_nb.remote.jobs.work import Work
    from glows_nb.remote.lines.line import Line


class Handle:
    """One machine, as somebody named it.

    Args:
        client: whom to ask for it.
        machine: its id, key or name, or itself.
        patience: seconds to wait until it can be entered; None is not to.
    """

    def __init__(self, client: Client | AsyncClient, machine: str | Instance, patience: float | None) -> None:
        if not isinstance(machine, Instance) and not (isinstance(machine, str) and machine.strip()):
            raise InvalidRequest("machine", f"{machine!r} names none; give its name, its id, or an Instance.")
        self._client = client
        self._word = machine.instance_id if isinstance(machine, Instance) else machine
        self._found = machine if isinstance(machine, Instance) else None
        self._patience = patience

    def __str__(self) -> str:
        return visible(self._word)

    @property
    def instance(self) -> Instance:
        """The machine, as it was last told of."""
        if self._found is None:
            if isinstance(self._client, AsyncClient):
                raise NotReachable(f"{self} was not asked for yet; await its connect() first.")
            try:
                self._found = self._client.instances.find(self._word)
            except ParamIllegal:
                raise no_machine(self._word) from None
        return self._found

    @staticmethod
    def refuse_without_library() -> None:
        """Say what to install, where that is missing.

        Raises:
            ConfigError: it is.
        """
        for name in ("asyncssh", "nh3", "pathspec"):
            if find_spec(name) is None:
                raise ConfigError(
                    f'Work on machines needs {name}, which is not installed; run: pip install "glows-nb[remote]"'
                )

    async def connect(self, caller: Caller) -> None:
        """Connect now."""
        await self._line(caller)

    async def exec(
        self,
        caller: Caller,
        command: str | Sequence[str],
        options: Mapping[str, Any],
        quiet: bool,
        on_output: Callable[[bytes, bool], None] | None,
    ) -> Completed:
        """Run a command."""
        from glows_nb.remote.execution.checking import checked
        from glows_nb.remote.execution.executing import execute
        from glows_nb.remote.execution.printing import OnOutput, Printed

        text = checked(command, options["env"], options["timeout"], options["given"], pty=options["pty"])
        shown = OnOutput(on_output) if quiet or on_output is not None else Printed()
        return await execute(await self._line(caller), caller, text, on_output=shown, **options)

    async def job(self, caller: Caller, command: str | Sequence[str] | None, options: Mapping[str, Any]) -> Work:
        """Start a job, or find it."""
        from glows_nb.remote.jobs.checking import wanted
        from glows_nb.remote.jobs.work import started

        checked = wanted(command, **options)
        return await started(self, await self._line(caller), caller, checked)

    async def line_unless_ended(self, caller: Caller) -> Line | None:
        """The line; None where the machine has ended, and all that was on it."""
        try:
            return await self._line(caller)
        except NotReachable:
            line = await self._unconnected()
            if line.instance is None or line.instance.status not in LEAVING:
                raise
            return None

    async def kernel_status(self, caller: Caller) -> KernelStatus:
        """What the kernel there does."""
        attachment = await self.attachment(caller)
        try:
            return status_of(await attachment.ask("status"))
        except (*LIES, OSError) as error:
            raise RemoteError(f"{attachment.name} can't be believed: it tells no state of its kernel.") from error

    async def restart_kernel(self, caller: Caller) -> None:
        """Another kernel, without the variables of this one."""
        attachment = await self.attachment(caller)
        remember(await self._line(caller), None)
        await attachment.ask("restart")
        await attachment.ask("start")

    async def output(self, caller: Caller, run_id: str) -> Result:
        """What a run has said, from its beginning."""
        from glows_nb.remote.cells.running import output_of

        return await output_of(await self._line(caller), caller, await self.attachment(caller), run_id)

    async def attachment(self, caller: Caller) -> Attachment:
        """The channel to the keeper there."""
        from glows_nb.remote.cells.attachment import attached

        return await attached(await self._line(caller), caller, ask_here)

    async def run(self, caller: Caller, code: str, options: Mapping[str, Any], ended: list[Result]) -> Result:
        """Run code in the kernel there; where an interrupt came the result is in `ended` alone."""
        from glows_nb.remote.cells.code import checked_code
        from glows_nb.remote.cells.running import run_cell
        from glows_nb.remote.cells.showing import Show, Silent
        from glows_nb.remote.cells.widget_moves import relay_of

        code = checked_code(code)
        # In a loop of the user's own nobody could wait for what a widget is told.
        can_relay = isinstance(self._client, Client) and is_notebook() and not options["quiet"]
        ask = None if options["yes"] else options["ask"] or ask_here
        line = await self._given(caller, code, options["send"], ask, again=options["again"])
        show = Silent(line.short_name) if options["quiet"] else Show(line.short_name, is_marked=options["marked"])
        result, is_interrupted = await run_cell(
            line,
            caller,
            code,
            again=options["again"],
            trust=options["trust"],
            show=show,
            widgets=relay_of(line) if can_relay else None,
            ask=ask,
        )
        ended.append(result)
        if is_interrupted:
            raise CancelledError
        return result

    async def _given(
        self, caller: Caller, code: str, variables: Mapping[str, object], ask: Ask | None, *, again: bool
    ) -> Line:
        """The line, with variables set in the kernel there for code that is about to run; what runs has had its own."""
        from glows_nb.remote.cells.exchanging import packed, put
        from glows_nb.remote.cells.running import is_there_already

        if not variables:
            return await self._line(caller)
        async with packed(variables) as path:
            line = await self._line(caller)
            if again or not await is_there_already(line, caller, code, ask):
                await put(line, caller, list(variables), path, ask)
            else:
                await notify(caller, f"Not sent: {', '.join(variables)}; this cell is on {line.short_name} already.")
            return line

    async def put(self, caller: Caller, variables: Mapping[str, object], yes: bool, ask: Ask | None) -> None:
        """Set variables in the kernel there."""
        from glows_nb.remote.cells.exchanging import packed, put

        async with packed(variables) as path:
            await put(await self._line(caller), caller, list(variables), path, None if yes else ask or ask_here)

    async def get(self, caller: Caller, names: Sequence[str], yes: bool, ask: Ask | None) -> dict[str, Any]:
        """Variables of the kernel there."""
        from glows_nb.remote.cells.exchanging import checked_names, get

        checked = checked_names(names)
        return await get(await self._line(caller), caller, checked, None if yes else ask or ask_here)

    async def send(
        self,
        caller: Caller,
        local: str | os.PathLike[str],
        remote: str,
        delete: bool,
        dry_run: bool,
        include_ignored: bool,
        yes: bool,
        ask: Callable[[str], bool] | None,
    ) -> Transfer:
        """Send files."""
        from glows_nb.remote.files.sending import send

        options = _of_transfer(delete, dry_run, include_ignored, yes, ask)
        return await send(await self._line(caller), caller, local, remote, **options)

    async def fetch(
        self,
        caller: Caller,
        remote: str,
        local: str | os.PathLike[str],
        delete: bool,
        dry_run: bool,
        include_ignored: bool,
        yes: bool,
        ask: Callable[[str], bool] | None,
    ) -> Transfer:
        """Fetch files."""
        from glows_nb.remote.files.fetching import fetch

        options = _of_transfer(delete, dry_run, include_ignored, yes, ask)
        return await fetch(await self._line(caller), caller, remote, local, **options)

    async def send_to(self, caller: Caller, other: str | Instance, path: str, remote: str) -> Transfer:
        """Send files to another machine."""
        from glows_nb.remote.files.between import send_between

        to = Handle(self._client, other, self._patience)
        return await send_between(await self._line(caller), await to._line(caller), caller, path, remote)

    async def forward(self, caller: Caller, port: int, local_port: int) -> Forward:
        """Open a port here."""
        from glows_nb.remote.ports.forwarding import forward, is_silent

        line = await self._line(caller)
        opened = await forward(line, caller, port, local_port)
        if await is_silent(line, caller, port):
            await notify(caller, f"Nothing listens at port {port} of {line.name} yet; once it does, this answers.")
        return opened

    async def wait_http(
        self,
        caller: Caller,
        port: int,
        path: str,
        *,
        timeout: float,
        status: int | None,
        contains: str,
        public: bool,
    ) -> None:
        """Wait for an answer."""
        from glows_nb.remote.ports.http_waiting import wait_http

        # At its public address a machine answers that nobody gets onto.
        line = await (self._unconnected() if public else self._line(caller))
        options: dict[str, Any] = {"timeout": timeout, "status": status, "contains": contains, "public": public}
        await wait_http(line, caller, port, path, **options)

    async def install_key(self, caller: Caller) -> str:
        """Put our key there."""
        from glows_nb.remote.execution.key_installing import install

        return await install(await self._line(caller), caller)

    async def accept_host_key(self, caller: Caller, fingerprint: str) -> None:
        """Take the key that it shows for right."""
        line = await self._unconnected()
        await line.accept_host_key(fingerprint)

    async def close(self, caller: Caller) -> None:
        """Close the line."""
        from glows_nb.remote.lines.line import has_lines

        # A handle that was never used has opened none, and who it is nobody has to know then.
        if self._found is not None or has_lines():
            line = await self._unconnected()
            line.users.discard(self)
            if not line.users:
                line.drop()

    async def _unconnected(self) -> Line:
        from glows_nb.remote.lines.line import line_to, machine_named

        if self._found is None:
            self._found = await machine_named(self._client, self._word)
        line = line_to(self._client, self._found.instance_id)
        line.instance = line.instance or self._found
        return line

    async def _line(self, caller: Caller) -> Line:
        line = await self._unconnected()
        line.users.add(self)
        await line.connected(caller, self._patience)
        self._found = line.instance or self._found
        return line


def refuse_as_options(yes: object, ask: object) -> None:
    """Say so where a variable has the name of an option, and would not be sent.

    Raises:
        InvalidRequest: one has.
    """
    for name, is_one in (("yes", isinstance(yes, bool)), ("ask", ask is None or callable(ask))):
        if not is_one:
            raise InvalidRequest(name, f"is an option; a variable of this name is put by m.put({{{name!r}: …}}).")


def _of_transfer(
    delete: bool, dry_run: bool, include_ignored: bool, yes: bool, ask: Callable[[str], bool] | None
) -> dict[str, Any]:
    """What sending and fetching have in common; without `ask` whoever is at the keyboard is asked."""
    asking = None if yes else ask or ask_here
    return {"delete": delete, "dry_run": dry_run, "include_ignored": include_ignored, "ask": asking}
