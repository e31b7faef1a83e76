"""Files that come from a machine, put in place on this computer: never outside the folder they are meant for.

What is not whole yet lies in a folder of its own beside them; what is whole is put in place by one rename. Folders on
the way are looked at, not trusted: one that is a link leads nowhere that was asked for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from glows_nb.formatting import visible
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import Entry

AT_ONCE: Final = 1 << 20
LONGEST_SHOWN: Final = 300


class Target:
    """A folder here that files are put into.

    Args:
        root: the folder; it is made with the first file.
        part_name: the name of the folder in it for what is not whole yet.
    """

    def __init__(self, root: Path, part_name: str) -> None:
        self.root = root
        self.parts = root / part_name
        self.replacing: dict[str, list[str]] = {}
        """By the place of what is in the way: what goes when something else is put there."""
        self._real: set[str] = set()

    def free(self) -> int:
        """Bytes that can still be written."""
        place = self.root.absolute()
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it.

        Raises:
            TransferError: something else is there, or it can't be made.
        """
        missing, folder = [], path
        while folder and folder not in self._real:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        if "" not in self._real:
            missing.append("")
        for folder in reversed(missing):
            self._make_one(folder)

    def _make_one(self, path: str) -> None:
        folder = self.root / path if path else self.root
        self._clear(path)
        try:
            if path:
                with suppress(FileExistsError):
                    folder.mkdir()
                if not stat.S_ISDIR(folder.lstat().st_mode):
                    raise TransferError(
                        f"{_shown(folder)} is no folder here, and one on the machine; nothing is put through it. "
                        "Remove or rename it, then the same call goes on."
                    )
            else:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _reason(error, folder) from error
        self._real.add(path)

    def set_folder_mode(self, path: str, entry: Entry) -> None:
        """Of a folder that was made; its owner can still write into it, or it could not be fetched again.

        Raises:
            TransferError: it can't be set.
        """
        self.make_folder(path)
        try:
            (self.root / path).chmod(entry.mode & 0o777 | 0o700)
        except OSError as error:
            raise _reason(error, self.root / path) from error

    def part(self, name: str) -> Path:
        """Where a file is gathered until it is whole."""
        self.make_folder("")
        try:
            with suppress(FileExistsError):
                self.parts.mkdir(mode=0o700)
            if not stat.S_ISDIR(self.parts.lstat().st_mode):
                raise TransferError(f"{_shown(self.parts)} is in the way; remove it.")
        except OSError as error:
            raise _reason(error, self.parts) from error
        return self.parts / name

    @contextmanager
    def writing(self, part: Path, *, begin: int = 0) -> Iterator[BinaryIO]:
        """The file of a part, at this place; what is behind it is cut off.

        Raises:
            TransferError: it can't be written.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(part, flags, 0o600), "r+b") as file:
                file.truncate(begin)
                file.seek(begin)
                yield file
        except OSError as error:
            raise _reason(error, part) from error

    def place(self, part: Path, path: str, entry: Entry) -> None:
        """Put what is whole where it belongs, with its mode and time.

        Raises:
            TransferError: it can't be put there.
        """
        folder = path.rpartition("/")[0]
        self.make_folder(folder)
        to = self.root / path
        self._clear(path)
        try:
            # No program of another user comes of it, whatever the machine says.
            part.chmod(entry.mode & 0o777)
            os.utime(part, ns=(entry.mtime_ns, entry.mtime_ns))
            part.replace(to)
        except OSError as error:
            raise _reason(error, to) from error

    def place_link(self, path: str, entry: Entry) -> None:
        """Make a link that was found to stay inside.

        Raises:
            TransferError: it can't be made.
        """
        part = self.part("link")
        self.make_folder(path.rpartition("/")[0])
        try:
            part.unlink(missing_ok=True)
            part.symlink_to(entry.target)
            self._clear(path)
            part.replace(self.root / path)
        except OSError as error:
            raise _reason(error, self.root / path) from error

    def set_mode_and_time(self, path: str, entry: Entry) -> None:
        """Of a file whose contents are right.

        Raises:
            TransferError: they can't be set.
        """
        self.make_folder(path.rpartition("/")[0])
        to = self.root / path
        try:
            if stat.S_ISREG(to.lstat().st_mode):
                to.chmod(entry.mode & 0o777)
                os.utime(to, ns=(entry.mtime_ns, entry.mtime_ns))
        except OSError as error:
            raise _reason(error, to) from error

    def _clear(self, path: str) -> None:
        """Take away what is in the way there."""
        if path in self.replacing:
            self.remove(self.replacing.pop(path))

    def remove(self, paths: list[str]) -> None:
        """Remove files, links, and folders that are empty by then; the deepest first.

        Raises:
            TransferError: one can't be removed.
        """
        for path in sorted(paths, key=lambda path: path.count("/"), reverse=True):
            self.make_folder(path.rpartition("/")[0])
            place = self.root / path
            try:
                if stat.S_ISDIR(place.lstat().st_mode):
                    place.rmdir()
                else:
                    place.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise _reason(error, place) from error

    def finish(self) -> None:
        """Nothing is left in pieces."""
        shutil.rmtree(self.parts, ignore_errors=True)


def hash_of(path: Path, length: int | None = None) -> str:
    """The SHA-256 of a file, or of its first bytes.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.sha256()
    left = length
    with path.open("rb") as file:
        while left is None or left > 0:
            piece = file.read(AT_ONCE if left is None else min(AT_ONCE, left))
            if not piece:
                break
            digest.update(piece)
            left = None if left is None else left - len(piece)
    return digest.hexdigest()


def _reason(error: OSError, place: Path) -> TransferError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TransferError(f"This computer's disk is full ({_shown(place)}); make room, then the same call goes on.")
    return TransferError(f"{_shown(place)} can't be written here: {error.strerror or error}.")


def _shown(place: Path) -> str:
    """A path, of a very long one both ends."""
    text = visible(str(place))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN // 2]}…{text[-LONGEST_SHOWN // 2 :]}"
