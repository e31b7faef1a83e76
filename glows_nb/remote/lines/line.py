"""The SSH line to one machine: made when it is first needed, once for all that follows, and again where it broke.

The password is asked of the service each time a line is made, and given to nobody but the machine whose host key is
the one that was remembered. Neither the user's ssh configuration nor their keys are shown to a machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import asyncssh

from glows_nb.api.client import AsyncClient, Client
from glows_nb.api.errors import ParamIllegal, WaitTimeout
from glows_nb.api.interrupting import noting_wait
from glows_nb.api.lifecycle.keys import made_from_name
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.formatting import visible
from glows_nb.remote import calling
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.errors import HostKeyChanged, LineLost, NotReachable, RemoteError, no_machine
from glows_nb.remote.lines import own_key
from glows_nb.remote.lines.address import address_of
from glows_nb.remote.lines.control_shell import ControlShell
from glows_nb.remote.lines.guest import Guest
from glows_nb.remote.lines.host_keys import HostKeys
from glows_nb.remote.progress import Progress, notify

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection

T = TypeVar("T")
AnyClient = Client | AsyncClient

CONNECT_SECONDS: Final = 10
LOGIN_SECONDS: Final = 30
ALIVE_EVERY_SECONDS: Final = 15
ALIVE_MOST_MISSED: Final = 4
"""A cell that holds Python's lock also holds up the thread of the lines, so these are no tight limits."""

ENCRYPTIONS: Final = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
"""The first is the fastest by half."""

MOST_COMMANDS: Final = 6
"""At once on a line, others wait: sshd allows ten sessions by itself, and files need some too."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 3.0
GROWTH: Final = 1.3

BROKEN: Final = (asyncssh.ConnectionLost, asyncssh.DisconnectError, asyncssh.ChannelOpenError, OSError)


class Line:
    """The way to one machine, shared by everything that is done on it; it belongs to one event loop.

    Args:
        client: whose machine it is.
        instance_id: which one.
    """

    def __init__(self, client: AnyClient, instance_id: str) -> None:
        self.instance: Instance | None = None
        self.login_shell = ""
        self.users: WeakSet[object] = WeakSet()
        """The handles that have used it; it is closed with the last of them."""
        self.sessions = asyncio.Semaphore(MOST_COMMANDS)
        self.client = client
        self.instance_id = instance_id
        self._connecting = asyncio.Lock()
        self._connection: SSHClientConnection | None = None
        self._guest: Guest | None = None
        self._shell: ControlShell | None = None
        self._opening_shell = asyncio.Lock()
        self._sftp: SFTPClient | None = None

    @property
    def name(self) -> str:
        """What the machine is called in sentences, so that it can be told from all others."""
        short = self.short_name
        return short if short == visible(self.instance_id) else f"{short} ({visible(self.instance_id)})"

    @property
    def short_name(self) -> str:
        """The name that it was launched with, else its id."""
        mark = self.client.account_mark
        made = made_from_name(self.instance.meta_key, mark) if self.instance is not None else None
        return visible(made.removesuffix(f"-{mark}") if made is not None else self.instance_id)

    @property
    def alias(self) -> str:
        """Under what its host key is remembered."""
        return alias_of(self.instance) if self.instance is not None else self.instance_id

    @property
    def is_open(self) -> bool:
        """Is there a line now, as far as is known?"""
        return self._connection is not None and self._guest is not None and not self._guest.is_lost

    async def connected(self, caller: Caller, patience: float | None = None) -> SSHClientConnection:
        """The connection; made if there is none.

        Args:
            caller: where it is needed.
            patience: for how many seconds to try until the machine can be entered; None is to try once.

        Raises:
            NotReachable: there is no way in.
            HostKeyChanged: it shows another host key than before.
            WaitTimeout: there was none within `patience`.
        """
        async with self._connecting:
            if self._connection is not None and self.is_open:
                return self._connection
            self.drop()
            if patience is None:
                self._connection = await self._connect(caller)
            else:
                with noting_wait(self.instance_id):
                    self._connection = await self._connect_patiently(caller, patience)
            return self._connection

    async def shell(self, caller: Caller) -> ControlShell | None:
        """The shell by which we look after files and processes there; None where there is none, only SFTP.

        Raises:
            LineLost: the line broke meanwhile.
            RemoteError: as for `connected`.
        """
        connection = await self.connected(caller)
        async with self._opening_shell:
            if self._shell is None or not self._shell.is_usable:
                async with self.unbroken("a shell was started"):
                    try:
                        self._shell = await ControlShell.open(connection)
                    except asyncssh.ChannelOpenError as refused:
                        if refused.code != asyncssh.OPEN_REQUEST_SESSION_FAILED:
                            raise
                        return None  # it lets nobody run anything
            return self._shell if self._shell.is_usable else None

    async def sftp(self, caller: Caller) -> SFTPClient | None:
        """SFTP; None where the machine has none."""
        connection = await self.connected(caller)
        if self._sftp is None:
            try:
                # Names that are no UTF-8 are names too.
                self._sftp = await in_time(connection.start_sftp_client(path_errors="surrogateescape"), LOGIN_SECONDS)
            except TimeoutError:
                return None
            except (asyncssh.SFTPError, *BROKEN):
                if self._guest is not None and self._guest.is_lost:
                    raise LineLost(f"The line to {self.name} broke while SFTP was started.") from None
                return None
        return self._sftp

    @asynccontextmanager
    async def unbroken(self, doing: str) -> AsyncIterator[None]:
        """What is within uses the line; where that breaks it is said as LineLost.

        Raises:
            LineLost: the line broke.
        """
        try:
            yield
        except TimeoutError:
            raise  # which is an OSError too, and a time that was set here
        except BROKEN as error:
            is_open = self.is_open
            if isinstance(error, asyncssh.ChannelOpenError) and is_open:
                raise RemoteError(
                    f"{self.name} opens no further session on this line ({visible(str(error.reason))}): sshd allows "
                    "ten at once by itself. Let one of them end first."
                ) from None
            # Something else may have made a new one by now.
            if not is_open:
                self.drop()
            raise LineLost(f"The line to {self.name} broke while {doing}.") from error

    def drop(self) -> None:
        """Let go of the line; the next use makes another."""
        connection, self._connection, self._shell, self._sftp = self._connection, None, None, None
        if connection is not None:
            connection.abort() if self._guest is None or self._guest.is_lost else connection.close()

    def abort(self) -> None:
        """Let go of the line without a word to the other side."""
        if self._connection is not None:
            self._connection.abort()

    async def ask(self) -> Instance:
        """The machine as the service tells of it now."""
        self.instance = await asked(self.client, lambda client: client.instances.get(self.instance_id))
        return self.instance

    async def accept_host_key(self, fingerprint: str) -> None:
        """Remember the key that the machine shows now, if it has this fingerprint.

        Raises:
            HostKeyChanged: it shows another one.
            NotReachable: it shows none.
        """
        instance = await self.ask()
        self._refuse_by_status(instance)
        address = address_of(instance)
        try:
            key = await in_time(asyncssh.get_server_host_key(address.host, address.port, config=None), CONNECT_SECONDS)
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise NotReachable(
                f"{self.name} shows no host key ({visible(str(error) or 'it does not answer')}).", may_pass=True
            ) from error
        shown = key.get_fingerprint() if key is not None else "none"
        if key is None or shown != fingerprint:
            raise HostKeyChanged(
                f"{self.name} shows the host key {shown}, which is not {visible(fingerprint)}; nothing was accepted.",
                fingerprint,
                shown,
            )
        HostKeys().remember(alias_of(instance), key)

    async def _connect_patiently(self, caller: Caller, patience: float) -> SSHClientConnection:
        progress, pause = Progress(caller), FIRST_PAUSE
        while True:
            try:
                connection = await self._connect(caller)
            except NotReachable as error:
                left = patience - progress.seconds
                if not error.may_pass:
                    raise
                if left <= 0:
                    raise WaitTimeout(
                        f"{error} That was so for {patience:g} s; the machine goes on.", self.instance
                    ) from error
                await progress.say(f"{progress.seconds:5.1f} s  {error}")
                await asyncio.sleep(min(pause, left))
                pause = min(pause * GROWTH, LONGEST_PAUSE)
            else:
                await progress.end(f"{progress.seconds:5.1f} s  {self.name} can be entered.")
                return connection

    async def _connect(self, caller: Caller) -> SSHClientConnection:
        instance = await self.ask()
        self._refuse_by_status(instance)
        address = address_of(instance)
        guest = Guest(address, alias_of(instance), self.name)
        began = time.monotonic()
        try:
            connection, _ = await in_time(
                asyncssh.create_connection(
                    lambda: guest,
                    address.host,
                    address.port,
                    username=address.user,
                    client_keys=own_key.for_machine(guest.alias),
                    # An empty list, not None, which would trust every key: whether it is right is for the guest to say.
                    known_hosts=([], [], []),
                    config=None,
                    agent_path=None,
                    gss_kex=False,
                    gss_auth=False,
                    encryption_algs=ENCRYPTIONS,
                    compression_algs=("none",),
                    connect_timeout=CONNECT_SECONDS,
                    login_timeout=LOGIN_SECONDS,
                    keepalive_interval=ALIVE_EVERY_SECONDS,
                    keepalive_count_max=ALIVE_MOST_MISSED,
                ),
                CONNECT_SECONDS + LOGIN_SECONDS,
            )
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise self._reason(error, guest, time.monotonic() - began) from error
        self._guest = guest
        for text in guest.to_say:
            await notify(caller, text)
        return connection

    def _refuse_by_status(self, instance: Instance) -> None:
        status = instance.status
        if status in LEAVING:
            raise NotReachable(
                f"{self.name} is {status}: it has ended, and nothing answers there any more. Launch one "
                "again under its name, or unpark it if it has a snapshot."
            )
        if status == InstanceStatus.RUNNING:
            return
        if status in (InstanceStatus.PAUSING, InstanceStatus.PAUSED, InstanceStatus.RESUMING):
            raise NotReachable(
                f"{self.name} is {status}: a snapshot is taken of it, and it goes on by itself after that.",
                may_pass=True,
            )
        raise NotReachable(
            f"{self.name} is {status}, and only a Running machine can be entered: %glows wait {self.short_name} waits "
            "for that, and what glows.machine(…, wait=True) gives does when it is first used.",
            may_pass=True,
        )

    def _reason(self, error: Exception, guest: Guest, seconds: float) -> RemoteError:
        """What to say of a connection that was not made."""
        if guest.problem is not None:
            return guest.problem
        if isinstance(error, asyncssh.PermissionDenied):
            return NotReachable(
                f"{self.name} refused {guest.address.user} with the password that the service tells for it. It may "
                "have been changed on the machine; the console shows what the service knows."
            )
        if isinstance(error, asyncssh.Error):
            # Also what a sandbox says where nobody is behind a machine's port: that names the way out.
            said = visible(error.reason.strip()).rstrip(".") or "nothing"
            return NotReachable(
                f"{self.name} is Running, and its SSH says: {said}.",
                may_pass=not isinstance(error, asyncssh.KeyExchangeFailed),
            )
        what = f"took over {seconds:.0f} s" if isinstance(error, TimeoutError) else str(error.strerror or error)  # type: ignore[attr-defined]
        return NotReachable(
            f"{self.name} is Running, but its SSH at {guest.address.host}:{guest.address.port} does not answer "
            f"({visible(what)}). sshd is often later than Running; glows.machine(…, wait=True) tries until it answers.",
            may_pass=True,
        )


def alias_of(instance: Instance) -> str:
    """Under what a machine's host key is remembered: its id, since its port will be another machine's one day.

    A sandbox may give an id again, so there the time when the machine came to be stands beside it.
    """
    if not instance.is_sandbox:
        return instance.instance_id
    created = instance.create_time.timestamp() if instance.create_time is not None else 0
    return f"{instance.instance_id}.sandbox.{created:.0f}"


async def asked(client: AnyClient, call: Callable[[Any], Any]) -> Any:
    """What a client answers; one that is not awaited is asked in another thread."""
    if isinstance(client, AsyncClient):
        answer: Awaitable[Any] = call(client)
        return await answer
    return await asyncio.to_thread(call, client)


_lines: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str, str], Line]]] = WeakKeyDictionary()


def line_to(client: AnyClient, instance_id: str) -> Line:
    """The line of this loop to a machine; every handle of the machine has the same."""
    loop = asyncio.get_running_loop()
    if loop not in _lines:
        _lines[loop] = {}
        calling.close_at_end(_abort_all)
    lines = _lines[loop]
    key = (client.base_url, client.account_mark, instance_id)
    line = lines.get(key)
    if line is None:
        line = lines[key] = Line(client, instance_id)
    # The client that came first may be closed by now.
    line.client = client
    return line


def _abort_all() -> None:
    for line in _lines.get(asyncio.get_running_loop(), {}).values():
        line.abort()


def has_lines() -> bool:
    """Is there any line of this loop?"""
    return any(line.is_open for line in _lines.get(asyncio.get_running_loop(), {}).values())


async def machine_named(client: AnyClient, word: str) -> Instance:
    """The machine that a word names.

    Raises:
        NotReachable: there is none.
    """
    try:
        found: Instance = await asked(client, lambda client: client.instances.find(word))
    except ParamIllegal:
        raise no_machine(word) from None
    return found
