"""`glows.sandbox()`: the embedded GLOWS server, started from Python.

This is the only module that imports `glows_nb.sandbox` (DESIGN, layout); the server itself knows nothing of
the client.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from glows_nb.api.credentials.config import BASE_URL_VARIABLE, TOKEN_VARIABLE, resolve
from glows_nb.api.credentials.tokens import is_sandbox
from glows_nb.api.errors import ConfigError

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.sandbox.http.admin_client import AdminClient

_log = logging.getLogger("glows_nb.sandbox")

ADMIN_TOKEN_VARIABLE = "GLOWS_SANDBOX_ADMIN_TOKEN"  # noqa: S105 - the name of a variable


class Sandbox:
    """A running sandbox: its address, its token, and a client for it. Also a context manager."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        speed: float | None = None,
        path: str | os.PathLike[str] | None = None,
        fresh: bool = False,
        seed: int | None = None,
        reachable: bool | None = None,
        real_machines: bool | None = None,
    ) -> None:
        place = None if path is None else Path(path)
        given = _given(host=host, port=port, speed=speed, path=place, seed=seed, is_reachable=reachable)
        self._server = _server_class()(**given, is_fresh=fresh, has_real_machines=real_machines)

    @property
    def base_url(self) -> str:
        """The address to give to a client."""
        url: str = self._server.base_url
        return url

    @property
    def token(self) -> str:
        """The token to give to a client; good for this sandbox alone."""
        token: str = self._server.token
        return token

    @property
    def admin(self) -> AdminClient:
        """Its other side: faults, scenarios, the clock, the bills, users and what they may have."""
        admin: AdminClient = self._server.admin
        return admin

    @property
    def admin_token(self) -> str:
        """What opens that other side to another process; no user's token does."""
        token: str = self._server.admin_token
        return token

    @property
    def has_real_machines(self) -> bool:
        """Is somebody behind the machines' ports: a folder and processes on this computer?"""
        is_real: bool = self._server.machines.is_real
        return is_real

    @property
    def about_machines(self) -> str:
        """What whoever uses it should know of its machines, in one sentence."""
        sentence: str = self._server.machines.sentence
        return sentence

    @property
    def is_running(self) -> bool:
        """Does it serve? Not before it was started, and not when it was closed."""
        is_running: bool = self._server.is_running
        return is_running

    @property
    def is_exposed(self) -> bool:
        """Can other machines reach it?"""
        is_exposed: bool = self._server.is_exposed
        return is_exposed

    def start(self) -> Sandbox:
        """Serve in a background thread; returns when it answers."""
        self._server.start()
        return self

    def run(self) -> None:
        """Go on in the foreground until SIGINT or SIGTERM, then stop; for the main thread only."""
        self._server.run()

    def client(self, **options: Any) -> Client:
        """A new client for this sandbox; `options` are those of `Client`."""
        from glows_nb.api.client import Client

        return Client(self.token, self.base_url, **options)

    def close(self) -> None:
        """Stop serving; machines in a sandbox without a file are gone."""
        self._server.stop()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {self.base_url}>" if self.is_running else "<Sandbox, stopped>"


def sandbox(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float | None = None,
    path: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    scenario: str | None = None,
    seed: int | None = None,
    reachable: bool | None = None,
    real_machines: bool | None = None,
) -> Sandbox:
    """Start a sandbox in this process: a GLOWS server that needs no account and costs nothing.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        speed: how much faster than real its clock runs; 1 is real time, the default makes a launch take about
            five seconds.
        path: a SQLite file to keep its state in; without it the state ends with the sandbox.
        fresh: empty that file first.
        scenario: a named scenario to play from the start; `.admin.scenarios()` has them all.
        seed: makes chance the same in every run.
        reachable: do the machines' ports really accept, on loopback? Otherwise their addresses look like the service's
            and lead nowhere; so it is by default when the sandbox itself listens elsewhere than on loopback.
        real_machines: is somebody behind those ports? Then a machine that is entered is a folder and processes on this
            computer, which run as you. So it is by default where the system can keep them to their folder (Linux 5.13
            and newer, by Landlock); True lets them run also where it can't, with all your files in reach, and False
            leaves the ports without anybody behind them. Never on Windows.

    Returns:
        The running sandbox, with `.base_url`, `.token`, `.client()`, `.admin` and `.close()`.

    Raises:
        ConfigError: the extra that the sandbox needs is not installed, the port is taken, the file can't be used,
            there is no such scenario, or machines can't be real here.
    """
    started = start(
        host=host,
        port=port,
        speed=speed,
        path=path,
        fresh=fresh,
        scenario=scenario,
        seed=seed,
        reachable=reachable,
        real_machines=real_machines,
    )
    if started.has_real_machines:
        _tell(started.about_machines)
    return started


def start(*, host: str = "127.0.0.1", port: int = 0, scenario: str | None = None, **options: Any) -> Sandbox:
    """Start a sandbox as `sandbox` does, whose options it takes, for callers who tell of its machines themselves."""
    try:
        started = Sandbox(host, port, **options)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    from glows_nb.sandbox.http.admin_client import AdminError
    from glows_nb.sandbox.store.database import StoreError

    try:
        started.start()
        if scenario is not None:
            started.admin.play(scenario, options.get("seed") or 0)
        return started
    except AdminError as error:
        started.close()
        raise ConfigError(f"The sandbox can't play {scenario!r}: {error}.") from error
    except StoreError as error:
        raise ConfigError(f"The sandbox can't keep its state there: {error}.") from error
    except OSError as error:
        raise ConfigError(f"The sandbox can't listen on {host}:{port}: {error.strerror or error}.") from error


@cache
def _tell(sentence: str) -> None:
    """Tell the user once."""
    _log.warning("About the sandbox: %s", sentence)


def about_machines_here() -> tuple[bool, str]:
    """Would a sandbox's machines be real on this system, and what should one know of that, in one sentence?"""
    from glows_nb.sandbox.machines.choice import choose

    try:
        choice = choose()
    except ValueError as error:
        return False, str(error)
    return choice.is_real, choice.sentence


def sandbox_token(user: str, lifetime: float | None = None) -> str:
    """Get a token for a user of the sandbox that GLOWS_BASE_URL names, opened by GLOWS_SANDBOX_ADMIN_TOKEN.

    Args:
        user: the user's name; who isn't there comes into being.
        lifetime: how long the token is good for, in seconds; about a month without it.

    Raises:
        ConfigError: one of the two variables is not set, nothing answers there, or the sandbox refuses.
    """
    base_url, admin_token = os.getenv(BASE_URL_VARIABLE), os.getenv(ADMIN_TOKEN_VARIABLE)
    if not base_url or not admin_token:
        raise ConfigError(
            f"{BASE_URL_VARIABLE} and {ADMIN_TOKEN_VARIABLE} say which sandbox; glows-nb sandbox prints both."
        )
    from glows_nb.sandbox.http.admin_client import AdminClient, AdminError

    address = urlsplit(base_url)
    try:
        return AdminClient(f"{address.scheme}://{address.netloc}", admin_token).token(user, lifetime)
    except (AdminError, OSError) as error:
        raise ConfigError(f"The sandbox at {base_url} gives no token: {error}.") from error


def sandbox_of_environment() -> bool:
    """Do GLOWS_SDK_TOKEN and GLOWS_BASE_URL name a sandbox, as under `glows-nb lab`?"""
    if not (os.getenv(TOKEN_VARIABLE) and os.getenv(BASE_URL_VARIABLE)):
        return False
    return is_sandbox(resolve().token.get_secret_value())


def _server_class() -> Any:
    try:
        from glows_nb.sandbox.server import SandboxServer
    except ImportError as error:
        raise ConfigError(
            f'The sandbox needs {error.name}, which is not installed; run: pip install "glows-nb[sandbox]"'
        ) from error
    return SandboxServer


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given; the server knows the defaults of the others."""
    return {name: value for name, value in options.items() if value is not None}
