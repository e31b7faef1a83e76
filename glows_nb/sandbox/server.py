"""A sandbox that runs: the application, its store and its clock behind a real port.

`SandboxServer` runs in a thread of its own with an event loop of its own, beside whatever the process is doing,
or in the foreground until it is told to stop. The command line is not here.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import threading
import time
import zlib
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

import uvicorn

from glows_nb.sandbox import tokens
from glows_nb.sandbox.backend import Backend
from glows_nb.sandbox.catalogue import CATALOGUE, Catalogue
from glows_nb.sandbox.clock import Clock
from glows_nb.sandbox.faults.connections import Connections
from glows_nb.sandbox.faults.wire import Transcript
from glows_nb.sandbox.http.admin import Admin
from glows_nb.sandbox.http.admin_client import AdminClient
from glows_nb.sandbox.http.app import BASE_PATH, Api, create_app
from glows_nb.sandbox.machines.addresses import is_loopback, named_like_the_service
from glows_nb.sandbox.machines.choice import ELSEWHERE, choose, nobody
from glows_nb.sandbox.machines.ports import MachinePorts
from glows_nb.sandbox.settings import DEFAULT_LIMITS, DEFAULT_SWITCHES, Limits, Switches
from glows_nb.sandbox.store.store import Store

if TYPE_CHECKING:
    from glows_nb.sandbox.machines.real_machines import RealMachines

DEFAULT_SPEED = 10.0
"""Virtual seconds per real one: a machine that takes 47 seconds to start is there in about 5."""

_START_TIMEOUT_SECONDS = 10.0
_KEEP_UP_SECONDS = 0.05

_log = logging.getLogger("glows_nb.sandbox")


class SandboxServer:
    """An embedded GLOWS server.

    host, port: where it listens; port 0 takes a free one. Anything but a loopback address is warned about.
    speed: virtual seconds per real second; 1 is real time.
    path: the SQLite file that keeps its state, which belongs to one server at a time; None keeps it in memory.
    user: whose `token` is; more users come into being with `issue_token`.
    seed: makes ids, passwords and ports the same in every run.
    limits, switches: what a user may have, and how the service behaves where that isn't known.
    is_fresh: empty the file first, and the folder of its machines.
    has_real_machines: is somebody behind the machines' ports (`machines.real_machines`)? None is where this system can
        confine what runs there (`machines.choice`).
    is_reachable: do the machines' ports really accept, on loopback? Otherwise their addresses look like the service's,
        and lead nowhere; so it is by default when the server itself listens elsewhere than on loopback.

    Also a context manager. Once stopped it can be started again: with a file it goes on where it was.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = DEFAULT_SPEED,
        path: str | Path | None = None,
        user: str = "researcher",
        *,
        seed: int | None = None,
        catalogue: Catalogue = CATALOGUE,
        limits: Limits = DEFAULT_LIMITS,
        switches: Switches = DEFAULT_SWITCHES,
        is_fresh: bool = False,
        is_reachable: bool | None = None,
        has_real_machines: bool | None = False,
    ) -> None:
        self._host = host
        self._port = port
        self._speed = speed
        self._path = None if path is None else Path(path)
        self._user = user
        self._chance = random.Random(seed)  # noqa: S311 - no secret is made from it but those of fake machines
        self._catalogue = catalogue
        self._limits = limits
        self._switches = switches
        self._is_fresh = is_fresh
        self._is_reachable = is_loopback(host) if is_reachable is None else is_reachable
        self.machines = choose(has_real_machines) if self._is_reachable else nobody(ELSEWHERE)
        """Whether its machines are real, in words too."""
        self._running: _Running | None = None
        self._token = ""

    def start(self) -> "SandboxServer":
        """Start in the background; when this returns, the port answers."""
        if self._running is not None:
            raise RuntimeError("the sandbox is running already")
        if self.is_exposed:
            _log.warning("The sandbox listens on %s: other machines can reach it.", self._host)
        ports = MachinePorts(self._real_machines(), self.machines.sentence) if self._is_reachable else None
        store = Store(
            self._path,
            self._catalogue,
            self._chance,
            limits=self._limits,
            switches=self._switches,
            addresses=ports or named_like_the_service,
            is_fresh=self._is_fresh,
        )
        if ports is not None and ports.real is not None:
            ports.real.take_over(is_fresh=self._is_fresh)
            store.networks.reach_really(zlib.crc32(store.users.secret().encode()))
        # Once is enough: started again it goes on where it was.
        self._is_fresh = False
        self._running = _Running(self._host, self._port, self._speed, store, self._catalogue, ports)
        # The same port again, should it be started again: clients know the address by now.
        self._port = self._running.port
        self._token = self.issue_token(self._user)
        return self

    def stop(self) -> None:
        """Stop it, and return when its thread has ended and port and file are closed. Twice does no harm."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def run(self) -> None:
        """Run in the foreground until SIGINT or SIGTERM, then stop. Starts it unless that has been done.

        For the main thread only, since signals are received there.
        """
        told_to_stop = threading.Event()

        def tell(number: int, frame: FrameType | None) -> None:
            told_to_stop.set()

        before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._running is None:
                self.start()
            # In slices, because on Windows a wait without end can't be interrupted.
            while not told_to_stop.wait(0.5):
                pass
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def base_url(self) -> str:
        """The address for clients, up to and with the API's version."""
        return self._url + BASE_PATH

    @property
    def token(self) -> str:
        """The SDK token of the server's own user."""
        self._started  # noqa: B018 - complains when there is no server
        return self._token

    @property
    def admin_token(self) -> str:
        """What opens the admin side; no user's token does."""
        return self._started.store.users.admin_token()

    @property
    def admin(self) -> AdminClient:
        """The admin side, over HTTP: faults, scenarios, clock, bills, users."""
        return AdminClient(self._url, self.admin_token)

    @property
    def is_exposed(self) -> bool:
        """Can other machines reach it?"""
        return not is_loopback(self._host)

    @property
    def store(self) -> Store:
        """The state, for tests that put something there which no request can."""
        return self._started.store

    @property
    def clock(self) -> Clock:
        """The virtual clock: read it, set its speed, pause it, advance it."""
        return self._started.clock

    def issue_token(self, user: str, lifetime: float = tokens.LIFETIME_SECONDS) -> str:
        """Make a token for any user, good for `lifetime` real seconds."""
        if not user:
            raise ValueError("a user has a name")
        users = self._started.store.users
        return tokens.issue(users.user(user), users.secret(), lifetime)

    @property
    def is_running(self) -> bool:
        """Does it serve?"""
        return self._running is not None

    def _real_machines(self) -> "RealMachines | None":
        if not self.machines.is_real:
            return None
        # Loaded where it is wanted: not every system has processes and folders as it needs them.
        from glows_nb.sandbox.machines.real_machines import RealMachines

        beside = None if self._path is None else self._path.resolve().with_name(f"{self._path.name}-machines")
        return RealMachines(beside, is_confined=self.machines.is_confined)

    @property
    def _url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._started.port}"

    @property
    def _started(self) -> "_Running":
        if self._running is None:
            raise RuntimeError("the sandbox is not running; call start() first")
        return self._running

    def __enter__(self) -> "SandboxServer":
        if self._running is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Running:
    """Everything that exists only while a server runs, so that none of it is ever half there."""

    def __init__(
        self, host: str, port: int, speed: float, store: Store, catalogue: Catalogue, ports: MachinePorts | None
    ) -> None:
        self.store = store
        try:
            # Virtual time may have run ahead of real time when the file was last used; it never goes back.
            self.clock = Clock(speed, start=max(time.time(), self.store.latest_time()))
            self._socket = _listening_socket(host, port)
        except BaseException:
            self.store.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._backend = Backend(store, self.clock, catalogue, ports)
        connections, transcript = Connections(), Transcript()
        routes = Api(self._backend, connections, transcript).routes() + Admin(self._backend, transcript).routes()
        self._server = _Server(_config(create_app(routes), connections))
        self._thread = threading.Thread(target=self._serve, name="glows-sandbox", daemon=True)
        self._thread.start()
        if not self._server.is_up.wait(_START_TIMEOUT_SECONDS) or not self._server.started:
            self.stop()
            raise RuntimeError("the sandbox did not start; the log says why")

    def stop(self) -> None:
        """End the thread, then close what it used."""
        self._server.tell_to_exit()
        self._thread.join()
        self._socket.close()
        self.store.users.keep_time(self.clock.now())
        self.store.close()

    def _serve(self) -> None:
        try:
            # Its own loop: the thread that starts a sandbox may be a notebook kernel's, which has one running.
            # The ports need one that tells when a socket can be read, which the default of Windows does not.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve_and_keep_up())
        finally:
            self._server.is_up.set()

    async def _serve_and_keep_up(self) -> None:
        keeping_up = asyncio.create_task(self._keep_up())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            keeping_up.cancel()
            await self._backend.close()

    async def _keep_up(self) -> None:
        """Let happen what is due also while nobody asks: machines' ports are open to those who don't."""
        while True:
            try:
                self._backend.catch_up()
            except Exception:  # noqa: BLE001 - it goes on, and the log has the traceback
                _log.exception("the sandbox can't keep up with its machines")
            await asyncio.sleep(_KEEP_UP_SECONDS)


class _Server(uvicorn.Server):
    """uvicorn that says when it is up. Outside of the main thread it leaves signals alone by itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.is_up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # asyncio forgets a connection that it accepted just before its server is closed: nothing more is accepted,
        # and what was gets its two turns first, in which it becomes one that uvicorn knows.
        for listening in sockets or ():
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(2):
            await asyncio.sleep(0)
        await super().shutdown(sockets)
        # Where a request never ended, uvicorn gives up waiting and leaves its connection open.
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def tell_to_exit(self) -> None:
        """Stop serving; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            # The loop may have ended by itself.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Tick ten times in a second, as uvicorn does, but end at once when told to."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks = (ticks + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 0.1)


def _listening_socket(host: str, port: int) -> socket.socket:
    """Bind here and hand over, so that nobody can take a free port between its being found and used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is (as `socket.create_server` doesn't);
    # without it every answer takes 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening


def _config(app: object, connections: Connections) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",
        http=connections.protocol(),
        proxy_headers=False,  # the address of a client is that of its connection
        ws="none",
        lifespan="off",
        log_config=None,  # the process's logging belongs to the process
        log_level="warning",
        access_log=False,
        server_header=False,
        # A client that polls every few seconds should not find its connection closed under its hands.
        timeout_keep_alive=75,
        # At the end idle connections are closed at once; this is for requests that never end.
        timeout_graceful_shutdown=1,
    )
