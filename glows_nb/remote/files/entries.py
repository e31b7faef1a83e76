"""What a tree of files holds, here or on a machine: kinds, sizes, times; and which names are safe to be made here."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from glows_nb.formatting import visible

PART_PREFIX: Final = ".glows-part-"
"""Folders in which a transfer keeps what is not whole yet."""

MOST_ENTRIES: Final = 500_000
LONGEST_PATH: Final = 4096
SECOND: Final = 1_000_000_000

Kind = Literal["f", "d", "l", "?"]
FILE: Final = "f"
FOLDER: Final = "d"
LINK: Final = "l"

_OF_WINDOWS: Final = re.compile(r'[\\:*?"<>|]|[. ]\Z|\A(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)', re.IGNORECASE)


class Entry(NamedTuple):
    """A file, folder or link.

    Attributes:
        kind: "f", "d", "l", or "?" for a device, a socket or the like.
        size: bytes.
        mtime_ns: when it was last written, in nanoseconds; whole seconds where nobody tells more.
        mode: its permissions.
        target: what a link holds.
    """

    kind: Kind
    size: int
    mtime_ns: int
    mode: int
    target: str = ""


@dataclass
class Tree:
    """The entries below a folder, by their paths with / between.

    Attributes:
        entries: what is there.
        staged: what is left of an interrupted transfer, below its own folder.
        free: bytes that can still be written there; None where nobody tells.
        notes: sentences about what could not be looked at.
        left_out: paths of what is there and does not go.
        is_partial: is there something that could not be looked at, so that what is missing here may be there?
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    staged: dict[str, Entry] = field(default_factory=dict)
    free: int | None = None
    notes: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    is_partial: bool = False


class Lie(Exception):
    """A machine tells of a path that no tree can hold."""


def checked_path(path: str) -> str:
    """A path as a machine tells it.

    Raises:
        Lie: it leads out of its tree, or is none.
    """
    if not path or "\0" in path or len(path) > LONGEST_PATH or any(part in ("", ".", "..") for part in path.split("/")):
        raise Lie(f"the machine told of a file {visible(path[:80])!r}, which can't be in the folder that was asked for")
    return path


def below(root: str, name: str) -> str:
    """The path of something in a folder of a machine."""
    return f"{root.rstrip('/')}/{name}"


def version_name(path: str, entry: Entry) -> str:
    """Under what a file is gathered until it is whole: it says which file, of which size and time."""
    words = f"{path}\0{entry.size}\0{entry.mtime_ns}"
    return hashlib.sha256(words.encode(errors="surrogateescape")).hexdigest()[:24]


def why_refused(path: str, entry: Entry) -> str:
    """Why this is not made here though the machine has it; "" where nothing speaks against it."""
    if entry.kind == "?":
        return "neither a file nor a folder nor a link"
    if visible(path) != path:
        return "a name with signs that a terminal obeys, or that nobody sees"
    if os.name == "nt" and any(_OF_WINDOWS.search(part) for part in path.split("/")):
        return "a name that Windows can't have"
    if entry.kind == LINK and not stays_inside(path, entry.target):
        return "a link that leads out of the folder"
    return ""


def stays_inside(path: str, target: str) -> bool:
    """Does a link stay within its tree? It may go up only at its beginning, since it could go up from a link else."""
    if not target or target.startswith("/") or (os.name == "nt" and ("\\" in target or ":" in target)):
        return False
    parts = target.split("/")
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return ".." not in parts[ups:] and ups <= path.count("/") and visible(target) == target


def is_same_time(one: Entry, other: Entry) -> bool | None:
    """Were both written at the same time? None where the seconds are the same and one side tells no parts of them."""
    if one.mtime_ns == other.mtime_ns:
        return True
    if one.mtime_ns // SECOND != other.mtime_ns // SECOND:
        return False
    if not one.mtime_ns % SECOND or not other.mtime_ns % SECOND:
        return None
    # File systems keep 100 ns, or less.
    return abs(one.mtime_ns - other.mtime_ns) < 1000
