"""A shell by the system's OpenSSH: our host keys, nobody's settings and keys, the password by a pipe."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from glows_nb.api.credentials.config import TOKEN_VARIABLE
from glows_nb.api.models.instances import Instance
from glows_nb.remote.lines import own_key
from glows_nb.remote.lines.address import address_of
from glows_nb.remote.lines.host_keys import HostKeys
from glows_nb.remote.lines.line import ALIVE_EVERY_SECONDS, ALIVE_MOST_MISSED, alias_of
from glows_nb.remote.terminal.password_pipe import password_program

OF_SIGNALS: Final = 128


def run_openssh(program: str, instance: Instance) -> int | None:
    """Run it, and return its exit status; None where it can't be given the password.

    Args:
        program: where it is.
        instance: the machine, whose host key is remembered.
    """
    address = address_of(instance)
    with password_program(address.password) as asked:
        if asked is None:
            return None
        words = [program, *_options(alias_of(instance)), "-p", str(address.port), f"{address.user}@{address.host}"]
        # It has no use for the token.
        env = ["/usr/bin/env", "-u", TOKEN_VARIABLE, f"SSH_ASKPASS={asked}", "SSH_ASKPASS_REQUIRE=force"]
        with _interrupts_are_its_own(), subprocess.Popen([*env, *words]) as process:  # noqa: S603 - our own words
            status = process.wait()
    return status if status >= 0 else OF_SIGNALS - status


def _options(alias: str) -> list[str]:
    keys = own_key.for_machine(alias)
    options = [
        f"UserKnownHostsFile={_quoted(HostKeys().path)}",
        "GlobalKnownHostsFile=/dev/null",
        f"HostKeyAlias={alias}",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "IdentityAgent=none",
        "IdentitiesOnly=yes",
        f"PubkeyAuthentication={'yes' if keys else 'no'}",
        "PreferredAuthentications=publickey,password,keyboard-interactive",
        # The pipe answers once; without a terminal to type at, more questions would be three more refusals.
        "NumberOfPasswordPrompts=1",
        f"ServerAliveInterval={ALIVE_EVERY_SECONDS}",
        f"ServerAliveCountMax={ALIVE_MOST_MISSED}",
    ]
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return ["-F", "none", "-t" if is_terminal else "-T", *_each("-i", keys or ()), *_each("-o", options)]


def _each(option: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _quoted(path: Path) -> str:
    """A path as OpenSSH reads it in an option: in quotes, and without what it would expand."""
    return '"{}"'.format(str(path).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"'))


@contextmanager
def _interrupts_are_its_own() -> Iterator[None]:
    """Ctrl-C is for it alone: it begins with the usual effect of one, and passes them on once it is connected."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
