"""The module's default client: what `glows.specs()`, the forms and `%glows` talk to.

Completion asks here which client is in use; the client itself is loaded when one is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Final

from glows_nb.api.credentials.config import masked
from glows_nb.completion.cache import names_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from glows_nb.api.client import Client
    from glows_nb.api.credentials.tokens import Token
    from glows_nb.embedded import Sandbox


class _Default:
    """The client in use, and the sandbox that was started for it, if any."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.client: Client | None = None
        self.sandbox: Sandbox | None = None

    def use(self, client: Client) -> Client:
        # The client before is not closed: it may be in use in another thread or under another name.
        from glows_nb.ledger.recorder import recorder_of

        self.client = client
        recorder_of(client)
        names_of(client)
        return client


_default: Final = _Default()


def connect(
    token: str | SecretStr | Token | None = None, base_url: str | None = None, profile: str | None = None
) -> Client:
    """Connect, and use this client from now on wherever none is named.

    Args:
        token: the SDK token; without it the profile's or GLOWS_SDK_TOKEN's.
        base_url: the service's address; without it the profile's, GLOWS_BASE_URL's or the live service's.
        profile: the name of a profile in the profile file.

    Raises:
        ConfigError: no token was found, or the address is refused. No request is made here.
    """
    token = masked(token)
    from glows_nb.api.client import Client

    with _default.lock:
        return _default.use(Client(token, base_url, profile=profile))


def connect_to_sandbox() -> Client:
    """Use the sandbox that the environment names, as under `glows-nb lab`, else one started in this process.

    Called again, it gives the same sandbox, with its machines; one that has stopped is left for another.
    """
    from glows_nb.api.client import Client
    from glows_nb.api.probing import probe
    from glows_nb.api.steps import Probe
    from glows_nb.embedded import sandbox_of_environment, start

    with _default.lock:
        if _default.client is not None and _default.client.is_sandbox and probe(Probe(_default.client.base_url)):
            return _default.client
        if sandbox_of_environment():
            named = Client()
            if probe(Probe(named.base_url)):
                return _default.use(named)
            named.close()
        if _default.sandbox is None or not _default.sandbox.is_running:
            _default.sandbox = start()
        return _default.use(_default.sandbox.client())


def about_sandbox_machines() -> str:
    """What there is to know of the machines of the sandbox that was started for the client in use; "" without one."""
    with _default.lock:
        started = _default.sandbox
        return started.about_machines if started is not None and started.is_running else ""


def current_client() -> Client:
    """The client in use; the first time, one from the environment or the default profile.

    Raises:
        ConfigError: there is none yet and no token was found.
    """
    with _default.lock:
        return _default.client or connect()


def forget_client() -> None:
    """Forget the client in use; the next call takes what environment and profiles say then. A sandbox goes on."""
    with _default.lock:
        _default.client = None


def client_in_use() -> Client | None:
    """The client in use, if there is one already; makes none and never waits."""
    return _default.client


def disconnect() -> None:
    """Forget the client in use and stop the sandbox that was started for it."""
    with _default.lock:
        if _default.client is not None:
            _default.client.close()
        if _default.sandbox is not None:
            _default.sandbox.close()
        _default.client = _default.sandbox = None


@contextmanager
def used_for_a_while(client: Client) -> Iterator[Client]:
    """Use this client wherever none is named, for the time of a with block; then the one before is in use again."""
    with _default.lock:
        before = _default.client, _default.sandbox
        _default.client = _default.sandbox = None
        _default.use(client)
    try:
        yield client
    finally:
        with _default.lock:
            disconnect()
            _default.client, _default.sandbox = before
