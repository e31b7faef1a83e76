"""What a transfer needs of the machine's side, whichever way it is had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

from glows_nb.formatting import visible
from glows_nb.remote.calling import in_time
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import Entry, Tree

T = TypeVar("T")


class Count(Protocol):
    """Hears how many more bytes are there; some may have been there from an interrupted transfer."""

    async def __call__(self, number: int, *, was_there: bool = False) -> None:
        """So many more are there."""


SILENT_SECONDS: Final = 600.0
"""After so long without a sign a machine is not waited for any longer; a slow disk can take minutes."""

RootKind = Literal["folder", "file", "none", "other"]

MOST_RULES: Final = 1 << 20


@dataclass
class Placing:
    """What is to be put in place when all of it is there.

    Attributes:
        folders: folders to make, or to give a mode, by their paths.
        files: what was sent, by path.
        large: of these, the names under which large ones were gathered.
        modes: files that are there already, and get only a mode or a time.
    """

    folders: dict[str, Entry] = field(default_factory=dict)
    files: dict[str, Entry] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    modes: dict[str, Entry] = field(default_factory=dict)


class MachineFiles(Protocol):
    """Files on a machine; every path is below the root that is named with it."""

    complaint: str
    """What the machine said last of files that could not be read."""
    about: str
    """What there is to say of this way, if it is not the usual one."""

    async def kind(self, path: str) -> RootKind:
        """What is at a path."""

    async def tree(self, root: str, only: str, staging: str) -> Tree:
        """The entries below a folder, or the one named `only`, and what is staged there.

        Raises:
            TransferError: it can't be looked at.
        """

    async def read_small(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The text of small files."""

    async def hashes(self, root: str, paths: Sequence[str]) -> dict[str, str]:
        """The SHA-256 of files; of none where nobody can tell."""

    async def put(
        self, root: str, staging: str, files: Mapping[str, Entry], locate: Callable[[str], Path], count: Count
    ) -> tuple[dict[str, str], list[str]]:
        """Send files into the staging folder; what of them is there by then is not sent again.

        Returns:
            The names of those that were gathered by themselves, and the paths of those that changed meanwhile here.

        Raises:
            TransferError: the machine can't keep them, or one can't be read here.
        """

    async def place(self, root: str, staging: str, placing: Placing) -> None:
        """Put what was sent in place, and take the staging folder away.

        Raises:
            TransferError: something can't be put there.
        """

    def small(self, root: str, paths: Sequence[str]) -> AsyncIterator[tuple[str, bytes]]:
        """The contents of small files, in pieces, each with its path; an empty one when a file is whole.

        Raises:
            TransferError: the machine says something else than what was asked for.
        """

    def large(self, root: str, path: str, begin: int) -> AsyncIterator[bytes]:
        """The contents of a file from a place on, in pieces."""

    async def prefix_hash(self, path: str, length: int) -> str:
        """The SHA-256 of a file's first bytes; "" where nobody can tell."""

    async def remove(self, root: str, paths: Sequence[str]) -> None:
        """Remove files and links, and folders that are empty by then."""


def about(files: MachineFiles) -> list[str]:
    """What there is to say of a way, as notes."""
    return [files.about] if files.about else []


async def answered(name: str, asked: Awaitable[T], seconds: float | None = None) -> T:
    """What a machine answers, if it does so in time.

    Raises:
        TransferError: it does not.
    """
    seconds = seconds or SILENT_SECONDS
    try:
        return await in_time(asked, seconds)
    except TimeoutError:
        raise TransferError(
            f"{name} has not answered for {seconds:.0f} s, and is not waited for any longer; the same call goes on."
        ) from None


async def texts_of(name: str, pieces: AsyncIterator[tuple[str, bytes]]) -> dict[str, str]:
    """The texts of files that say what is ignored.

    Raises:
        TransferError: they are too long for that.
    """
    texts: dict[str, bytearray] = {}
    length = 0
    async with aclosing(pieces):  # type: ignore[type-var]
        async for path, piece in pieces:
            length += len(piece)
            if length > MOST_RULES:
                raise TransferError(
                    f"The files of {name} that say what is ignored have over {MOST_RULES >> 20} MB; fetch with "
                    "include_ignored=True, which doesn't read them."
                )
            texts.setdefault(path, bytearray()).extend(piece)
    return {path: text.decode(errors="replace") for path, text in texts.items()}


def said_there(name: str, errors: str, doing: str) -> TransferError:
    """What went wrong on the machine, by what its programs said."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    line = visible(lines[-1][-200:]) if lines else "it said nothing"
    low = errors.lower()
    if any(words in low for words in ("no space left", "disk quota exceeded", "file too large")):
        return TransferError(
            f"The disk of {name} is full ({line}); make room there (df -h shows how much there is), then the same call "
            "goes on."
        )
    if "permission denied" in low or "not permitted" in low:
        return TransferError(f"{name} does not allow {doing}: {line}. Choose a folder that belongs to the user there.")
    if any(words in low for words in ("cannot overwrite", "is a directory", "not a directory", "file exists")):
        return TransferError(
            f"{name} has a folder where a file is to go, or a file where a folder is: {line}. Remove it there, or "
            "choose another name."
        )
    if "read-only file system" in low:
        return TransferError(f"{name} can only be read at that place: {line}.")
    return TransferError(f"{doing.capitalize()} on {name} failed: {line}.")
