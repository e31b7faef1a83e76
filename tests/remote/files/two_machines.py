"""Two machines with files, of which one sends to the other."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import glows_nb as glows
from glows_nb.remote.files.transfer import Transfer
from tests.sandbox.machines.real import attach


@dataclass(frozen=True)
class Side:
    """A machine, and its home on this computer."""

    machine: glows.Machine
    home: Path
    password: str

    def write(self, path: str, text: str | bytes, mode: int = 0o644, at: int = 1_700_000_000_123_456_789) -> None:
        """A file in its home."""
        place = self.home / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        place.chmod(mode)
        os.utime(place, ns=(at, at))


@dataclass(frozen=True)
class Two:
    """Two machines."""

    client: glows.Client
    token: str
    one: Side
    other: Side

    def join(self) -> None:
        """Put both into one private network."""
        attach(self.client, self.one.machine.instance, self.other.machine.instance)

    def send(self, path: str, remote: str = "") -> Transfer:
        """Send from the one to the other."""
        return self.one.machine.send_to(self.other.machine.instance, path, remote)


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is in a folder: contents, links, modes, times."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        name, stat = str(path.relative_to(folder)), path.lstat()
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif not path.is_file():
            found[name] = ("folder or device", stat.st_mode)
        else:
            found[name] = ("file", path.read_bytes(), stat.st_mode, stat.st_mtime_ns)
    return found


def some_files(side: Side) -> None:
    """A folder of all kinds of files."""
    chance = random.Random(7)  # noqa: S311 - contents of files
    side.write("data/small", "small")
    side.write("data/empty file", b"")
    side.write("data/sub/run.sh", "#!/bin/sh\n", 0o755, at=1_600_000_000_000_000_000)
    side.write("data/sub/deeper/large", chance.randbytes(9_000_000), 0o600)
    side.write("data/a 'b\"c$(d)\\\n", "odd", 0o640)
    side.write("data/-n", "no option")
    (side.home / "data" / "empty").mkdir(mode=0o750)
    (side.home / "data" / "link").symlink_to("sub/run.sh")
    (side.home / "data" / "sub" / "up").symlink_to("../small")
