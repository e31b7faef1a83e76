"""Our side of a login: the host key first, and the password only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncssh

from glows_nb.remote.errors import HostKeyChanged, RemoteError
from glows_nb.remote.lines.address import Address
from glows_nb.remote.lines.host_keys import HostKeys, fingerprint_of, is_same

if TYPE_CHECKING:
    from asyncssh import SSHKey


class Guest(asyncssh.SSHClient):
    """Our side of a login: looks at the host key first, and gives the password only then."""

    def __init__(self, address: Address, alias: str, name: str) -> None:
        self.address = address
        self.alias = alias
        self.problem: RemoteError | None = None
        self.to_say: list[str] = []
        self.is_lost = False
        self._name = name
        self._has_given = False
        self._keys = HostKeys()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
        """Is it the key that is remembered for this machine? The first one is remembered."""
        try:
            known = self._keys.of(self.alias)
            if known is None:
                self._first_use(key)
            elif not is_same(known, key):
                shown, before = key.get_fingerprint(), fingerprint_of(known)
                machine = self._name.split()[0]
                self.problem = HostKeyChanged(
                    f"{self._name} shows the host key {shown}, and had {before} before. Somebody may stand between, so "
                    "no password was sent. If you know why it changed (an image that makes its keys anew, a sshd that "
                    f'was set up again): glows.machine("{machine}").accept_host_key("{shown}"), or in a terminal: '
                    f"glows-nb ssh {machine} --accept-host-key {shown}",
                    before,
                    shown,
                )
        except RemoteError as error:
            self.problem = error
        return self.problem is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the line has ended."""
        self.is_lost = True

    def password_auth_requested(self) -> str | None:
        """The password, once: one that was refused is not said again."""
        if self._has_given:
            return None
        self._has_given = True
        return self.address.password.get_secret_value()

    def kbdint_auth_requested(self) -> str | None:
        """Some servers ask for the password in a dialogue."""
        return None if self._has_given else ""

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> list[str] | None:
        """The password, where one thing is asked that is not to be seen."""
        if not prompts:
            return []
        if self._has_given or len(prompts) != 1 or prompts[0][1]:
            return None
        self._has_given = True
        return [self.address.password.get_secret_value()]

    def _first_use(self, key: SSHKey) -> None:
        others = self._keys.others_with(key, self.alias)
        self._keys.remember(self.alias, key)
        if others:
            self.to_say.append(
                f"{self._name} has the same host key as {', '.join(others[:3])}: it is part of the image, so whoever "
                "has the image could pass for this machine."
            )
