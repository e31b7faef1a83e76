"""The keys that a machine lets in: its own ~/.ssh/authorized_keys, read anew whenever somebody shows a key.

As OpenSSH's server does it, of which this knows the options that say what a key may do. A line with any other option
lets nobody in. The file is the machine's, and may be whatever its programs made of it: a link, a pipe, something huge
or something that others may write is as good as none.
"""

import os
import re
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import asyncssh

_FOLDER, _FILE = ".ssh", "authorized_keys"
_MOST_BYTES = 1 << 18
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_PERMISSIONS = ("port-forwarding", "agent-forwarding", "x11-forwarding", "pty", "user-rc")
_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\"|\\(?!"))*)")?(,|[ \t]+)')
_NAMES = {"x11-forwarding": "X11-forwarding"}
"""asyncssh tells capitals apart here, OpenSSH does not."""

FORCED = "forced command"
"""The option that holds it. Not as asyncssh calls it, which would forget what was asked for."""

Options = dict[str, object]


class AuthorizedKeys(asyncssh.SSHAuthorizedKeys):
    """What asyncssh asks whether a key is let in.

    Args:
        home: whose keys; None is a user that the machine hasn't got.
    """

    def __init__(self, home: Path | None) -> None:
        super().__init__()
        self._home = home
        self._given: list[Options] = []

    def validate(
        self,
        key: asyncssh.SSHKey,
        client_host: str,
        client_addr: str,
        cert_principals: Sequence[str] | None = None,
        ca: bool = False,
    ) -> Options | None:
        """What may be done with a key; None where it isn't let in. Nobody signs for others here."""
        if ca or self._home is None:
            return None
        kind, text = key.export_public_key("openssh").decode("ascii").split()[:2]
        for line in _lines(self._home):
            if text in line:
                options = _options(line.strip(), kind, text)
                if options is not None:
                    self._given.append(options)
                    return options
        return None

    def forget(self) -> None:
        """Somebody who has asked about a key came in by the password: nothing of the key holds for them."""
        for options in self._given:
            options.clear()


def _lines(home: Path) -> list[str]:
    """The lines of the file; no link is followed, since it could lead to what only this process has open."""
    only = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with ExitStack() as opened:

        def step(name: str, flags: int, folder: int | None) -> int:
            place = os.open(name, only | flags, dir_fd=folder)
            opened.callback(os.close, place)
            found = os.fstat(place)
            if found.st_mode & _OTHERS_MAY_WRITE or found.st_uid != os.geteuid():
                raise PermissionError(name)
            return place

        try:
            folder = step(_FOLDER, os.O_DIRECTORY, step(str(home), os.O_DIRECTORY, None))
            file = step(_FILE, 0, folder)
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
                return []
            return os.read(file, _MOST_BYTES).decode(errors="replace").split("\n")
        except OSError:
            return []


def _options(line: str, kind: str, text: str) -> Options | None:
    """The options of a line, as asyncssh knows them; None where it is none of this key, or not to be understood."""
    refused: dict[str, bool] = {}
    options: Options = {}
    at, is_more = 0, line.split()[0] != kind
    while is_more:
        found = _OPTION.match(line, at)
        if found is None:
            return None
        at, is_more = found.end(), found[3] == ","
        name, value = found[1].lower(), found[2]
        if name == "restrict" and value is None:
            refused |= dict.fromkeys(_PERMISSIONS, True)
        elif name.removeprefix("no-") in _PERMISSIONS and value is None:
            refused[name.removeprefix("no-")] = name.startswith("no-")
        elif name == "command" and value is not None and FORCED not in options:
            options[FORCED] = value.replace('\\"', '"')
        elif name != "expiry-time" or value is None or not _is_before(value):
            return None
    if line[at:].split()[:2] != [kind, text]:
        return None
    return options | {f"no-{_NAMES.get(name, name)}": True for name, is_refused in refused.items() if is_refused}


def _is_before(end: str) -> bool:
    """Is it still before a time, as OpenSSH writes it: YYYYMMDD[HHMM[SS]][Z]?"""
    digits = end.removesuffix("Z")
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    if form is None or not (digits.isascii() and digits.isdecimal()):
        return False
    try:
        told = datetime.strptime(digits, form).replace(tzinfo=UTC)
        moment = told if end.endswith("Z") else told.replace(tzinfo=None).astimezone()
    except (ValueError, OverflowError, OSError):
        return False
    return datetime.now(UTC) < moment
