"""The SSH server of one machine: greeting, password and keys, forwarding to and from loopback.

What a channel asks for is in `commands`.
"""

import hmac
import logging
import socket
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from glows_nb.sandbox.machines.addresses import SSH_GREETING, SSH_VERSION, is_loopback
from glows_nb.sandbox.machines.inside.authorized_keys import FORCED, AuthorizedKeys
from glows_nb.sandbox.machines.inside.commands import Session
from glows_nb.sandbox.machines.inside.processes import Processes

_TRIES = 3
_MOST_KEYS = 6
_MOST_SESSIONS = 10
_LOGIN_SECONDS = 120
_MOST_OUTSIDE = 100
_LOOPBACK = "127.0.0.1"
_ENCRYPTIONS = (
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)

_log = logging.getLogger("glows_nb.sandbox")


class Greeted(socket.socket):
    """A connection whose caller was greeted already: the server's own greeting, its first words, is not sent."""

    _is_greeted = False

    def send(self, data: Any, *flags: int) -> int:
        """Send, but for the greeting."""
        if not self._is_greeted:
            self._is_greeted = True
            if bytes(data[: len(SSH_GREETING)]) == SSH_GREETING:
                rest = data[len(SSH_GREETING) :]
                return len(SSH_GREETING) + (super().send(rest, *flags) if len(rest) else 0)
        return super().send(data, *flags)


@dataclass(frozen=True)
class Service:
    """What the machine offers to whoever knows its password, or has a key that it lets in."""

    processes: Processes
    user: str
    password: str
    host_key: asyncssh.SSHKey
    has_files: bool = True
    """Is there SFTP?"""
    outside: dict[asyncssh.SSHServerConnection, None] = field(default_factory=dict)
    """Who has come and not logged in, oldest first."""


async def serve(connection: socket.socket, service: Service) -> None:
    """Serve one caller, who was greeted, until the line ends."""
    greeted = Greeted(fileno=connection.detach())
    try:
        served = await asyncssh.run_server(
            greeted,
            server_factory=lambda: _Login(service),
            server_host_keys=[service.host_key],
            server_version=SSH_VERSION,
            encoding=None,
            line_editor=False,
            login_timeout=_LOGIN_SECONDS,
            encryption_algs=_ENCRYPTIONS,
        )
    except Exception as error:  # noqa: BLE001 - of a caller who may say anything; the next one is served
        _log.debug("a caller of a machine was not served: %s", error)
        return
    await served.wait_closed()


class _Login(asyncssh.SSHServer):
    """One caller: the machine's user, with password or key, a few tries, and forwarding that stays on this computer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._failures = 0
        self._unknown_keys = 0
        self._keys = AuthorizedKeys(None)
        self._sessions: list[Session] = []

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection, to end it after too many tries; the oldest of too many that have not logged in goes."""
        self._connection = conn
        outside = self._service.outside
        if len(outside) >= _MOST_OUTSIDE:
            next(iter(outside)).abort()
        outside[conn] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._service.outside.pop(self._connection, None)

    def auth_completed(self) -> None:
        """It is inside."""
        self._service.outside.pop(self._connection, None)

    def begin_auth(self, username: str) -> bool:
        """Everybody has to say the password, or to have a key."""
        self._keys = AuthorizedKeys(self._service.processes.home if username == self._service.user else None)
        self._connection.set_authorized_keys(self._keys)
        return True

    def password_auth_supported(self) -> bool:
        """It is one way in."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Nobody knows this key: it is none of those that the machine lets in."""
        self._unknown_keys += 1
        if self._unknown_keys >= _MOST_KEYS:
            self._end_tries()
        return False

    def validate_password(self, username: str, password: str) -> bool:
        """Is it the machine's?"""
        is_known = username == self._service.user
        is_right = hmac.compare_digest(password.encode(), self._service.password.encode()) and is_known
        self._failures += not is_right
        if self._failures >= _TRIES:
            self._end_tries()
        if is_right:
            self._keys.forget()
        return is_right

    def session_requested(self) -> Session | bool:
        """Every channel is a command, a shell, or files; a line has as many at once as OpenSSH's server lets it."""
        self._sessions = [session for session in self._sessions if not session.is_over]
        if len(self._sessions) >= _MOST_SESSIONS:
            return False
        forced = self._connection.get_key_option(FORCED)
        self._sessions.append(
            Session(
                self._service.processes,
                has_files=self._service.has_files,
                forced=forced if isinstance(forced, str) else None,
            )
        )
        return self._sessions[-1]

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Forward to this computer's loopback alone."""
        return is_loopback(dest_host)

    def server_requested(self, listen_host: str, listen_port: int) -> Awaitable[asyncssh.SSHListener]:
        """Listen on loopback, whatever is asked for, as OpenSSH's server does without GatewayPorts."""
        host = listen_host if is_loopback(listen_host) else _LOOPBACK
        return self._connection.forward_local_port(host, listen_port, listen_host, listen_port)

    def _end_tries(self) -> None:
        self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many authentication failures")
