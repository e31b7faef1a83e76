"""Trees of files as tests make and compare them."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """What a path is: its kind, its permissions, its time, and its contents, by hash, or a link's target."""

    kind: str
    mode: int
    mtime_ns: int
    contents: str


def made(root: Path, files: Mapping[str, bytes | str | None]) -> Path:
    """Make files of bytes, links of texts, and folders of None."""
    root.mkdir(exist_ok=True)
    for name, contents in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if contents is None:
            path.mkdir(exist_ok=True)
        elif isinstance(contents, str):
            path.symlink_to(contents)
        else:
            path.write_bytes(contents)
    return root


def looked_at(root: Path, *, has_times: bool = True) -> dict[str, Found]:
    """All below a folder; the time of folders and links is left out, as nobody promises that."""
    found = {}
    waiting = [root]
    while waiting:
        for path in waiting.pop().iterdir():
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                entry = Found("link", 0, 0, str(path.readlink()))
            elif stat.S_ISDIR(status.st_mode):
                entry = Found("folder", stat.S_IMODE(status.st_mode), 0, "")
                waiting.append(path)
            elif stat.S_ISREG(status.st_mode):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                time = status.st_mtime_ns if has_times else 0
                entry = Found("file", stat.S_IMODE(status.st_mode), time, digest)
            else:
                entry = Found("other", 0, 0, "")
            found[str(path.relative_to(root))] = entry
    return found


def in_seconds(tree: Mapping[str, Found]) -> dict[str, Found]:
    """The same with whole seconds, where nobody can set more."""
    return {path: found._replace(mtime_ns=found.mtime_ns // 10**9) for path, found in tree.items()}


def is_part(path: str) -> bool:
    """Does it belong to a transfer that is not over?"""
    return ".glows-part-" in path
