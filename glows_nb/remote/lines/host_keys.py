"""Host keys of machines, remembered by instance id at first use.

The API tells no host key, so there is nothing to compare the first one with: who stood between here and the machine
then stands there unseen. What is remembered guards every later line: ports are used again by other machines, ids are
not. The file is a `known_hosts` of OpenSSH, with the id where a host name would be, so that `ssh -o HostKeyAlias=ID`
checks the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from filelock import FileLock

from glows_nb.api.credentials.config import data_folder
from glows_nb.api.credentials.private_file import replace_file
from glows_nb.remote.errors import RemoteError

if TYPE_CHECKING:
    from asyncssh import SSHKey

LOCK_SECONDS: Final = 10


class Remembered(NamedTuple):
    """A line of the file: whose key, its kind, and the key in base64."""

    alias: str
    kind: str
    key: str


class HostKeys:
    """The file, and what is in it.

    Args:
        path: another file than the user's own.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or data_folder() / "known_machines"

    def of(self, alias: str) -> Remembered | None:
        """The key that is remembered for a machine, if one is.

        Raises:
            RemoteError: the file can't be read; a key that can't be compared is none that is right.
        """
        return next((line for line in self._lines() if line.alias == alias), None)

    def others_with(self, key: SSHKey, alias: str) -> list[str]:
        """Machines beside this one that showed the same key."""
        kind, text = _words(key)
        return [line.alias for line in self._lines() if (line.kind, line.key) == (kind, text) and line.alias != alias]

    def remember(self, alias: str, key: SSHKey) -> None:
        """This is the key of the machine from now on.

        Raises:
            RemoteError: the file can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self.path.with_suffix(".lock"), timeout=LOCK_SECONDS):
                kept = [line for line in self._lines() if line.alias != alias]
                text = "".join(f"{' '.join(line)}\n" for line in [*kept, Remembered(alias, *_words(key))])
                replace_file(self.path, text)
        except (OSError, TimeoutError) as error:
            raise RemoteError(f"The host keys in {self.path} can't be written: {error}.") from error

    def _lines(self) -> Iterator[Remembered]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace") if os.path.lexists(self.path) else ""
        except OSError as error:
            raise RemoteError(f"The host keys in {self.path} can't be read: {error.strerror}.") from error
        for line in text.splitlines():
            words = line.split()
            if len(words) == len(Remembered._fields):
                yield Remembered(*words)


def fingerprint_of(remembered: Remembered) -> str:
    """The fingerprint of a remembered key, as OpenSSH writes it."""
    import asyncssh

    try:
        return asyncssh.import_public_key(f"{remembered.kind} {remembered.key}").get_fingerprint()
    except asyncssh.KeyImportError:
        return "a key that can't be read"


def is_same(remembered: Remembered, key: SSHKey) -> bool:
    """Is it the key that is remembered?"""
    return (remembered.kind, remembered.key) == _words(key)


def _words(key: SSHKey) -> tuple[str, str]:
    kind, text = key.export_public_key("openssh").decode("ascii").split()[:2]
    return kind, text
