"""Files from one machine to another through this computer, as many at once as a part of its disk holds."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final

from glows_nb.formatting import visible
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import FILE, Entry, version_name
from glows_nb.remote.files.machine_files import MachineFiles
from glows_nb.remote.files.resuming import Gone
from glows_nb.remote.files.shell_files import BLOCK, LARGE
from glows_nb.remote.progress import size

AT_ONCE: Final = 256 << 20


class ThroughHere:
    """The way of files through a folder on this computer.

    Args:
        source: the files of the machine that has them, below `root`.
        target: the files of the other machine, below `place`, and in `staging` there.
        folder: where they are meanwhile.
        gone: hears how much has gone: half of it when it is here, and half when it is there.
    """

    def __init__(
        self, source: MachineFiles, root: str, target: MachineFiles, place: str, staging: str, folder: Path, gone: Gone
    ) -> None:
        self._source, self._root = source, root
        self._target, self._place, self._staging = target, place, staging
        self._folder, self._gone = folder, gone
        self._entries: Mapping[str, Entry] = {}

    async def carry(self, new: Mapping[str, Entry], names: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Bring files and links into the staging folder.

        Args:
            new: what is to go, by its path on the other machine.
            names: the path on this one, for each.

        Returns:
            The names of those that were gathered by themselves there, and the paths of those that changed meanwhile.

        Raises:
            TransferError: there is no room here or there, or the machine says what can't be.
            LineLost: a line broke.
        """
        self._entries = new
        gathered: dict[str, str] = {}
        changed: list[str] = []
        if not new:
            # Folders and modes alone: what puts them in place begins in the staging folder.
            await self._target.put(self._place, self._staging, {}, self._locate, self._count)
        for batch in _batches(new):
            await self._fetch(batch, names)
            whole = {path: entry for path, entry in batch.items() if entry.kind != FILE or self._is_here(path)}
            changed += batch.keys() - whole.keys()
            large, others = await self._target.put(self._place, self._staging, whole, self._locate, self._count)
            gathered |= large
            changed += others
            for path in batch:
                self._locate(path).unlink(missing_ok=True)
        return gathered, changed

    async def _fetch(self, batch: Mapping[str, Entry], names: Mapping[str, str]) -> None:
        missing = {path: entry for path, entry in batch.items() if entry.kind == FILE and not self._is_here(path)}
        need, free = sum(entry.size for entry in missing.values()), shutil.disk_usage(self._folder).free
        if need > free:
            raise TransferError(
                f"This computer has {size(free)} left in {self._folder.parent}, and {size(need)} have to go through it "
                f"at once: {size(need - free)} are missing. Two machines in one private network need no room here."
            )
        small = {names[path]: path for path, entry in missing.items() if entry.size < LARGE}
        if small:
            pieces = self._source.small(self._root, list(small))
            await self._write({there: self._entries[path] for there, path in small.items()}, small, pieces)
        for path, entry in missing.items():
            if entry.size >= LARGE:
                await self._fetch_large(path, names[path], entry)

    async def _write(
        self, wanted: Mapping[str, Entry], paths: Mapping[str, str], pieces: AsyncIterator[tuple[str, bytes]]
    ) -> None:
        """Write what comes; a file that has another size by now is none that was asked for."""
        async with aclosing(pieces) as coming:  # type: ignore[type-var]
            parts, length = list[bytes](), 0
            async for there, piece in coming:
                length += len(piece)
                if length <= wanted[there].size:
                    parts.append(piece)
                    await self._count(len(piece))
                if piece:
                    continue
                if length == wanted[there].size:
                    place = self._locate(paths[there])
                    place.write_bytes(b"".join(parts))
                    _set_time(place, wanted[there])
                parts, length = [], 0

    async def _fetch_large(self, path: str, there: str, entry: Entry) -> None:
        place = self._locate(path)
        begin = place.stat().st_size // BLOCK * BLOCK if place.exists() else 0
        at = begin
        with place.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            file.truncate()
            async with aclosing(self._source.large(self._root, there, begin)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    piece = piece[: entry.size - at]
                    file.write(piece)
                    at += len(piece)
                    await self._count(len(piece))
                    if at >= entry.size:
                        break
        if at < entry.size:
            raise TransferError(f"{visible(there)} has become shorter while it was sent; the same call goes on.")
        _set_time(place, entry)

    async def _count(self, number: int, *, was_there: bool = False) -> None:
        await self._gone.count(number // 2, was_there=was_there)

    def _locate(self, path: str) -> Path:
        """Where a file is meanwhile; its name says which one, of which time and size."""
        return self._folder / version_name(path, self._entries[path])

    def _is_here(self, path: str) -> bool:
        place, entry = self._locate(path), self._entries[path]
        try:
            found = place.stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)


def _batches(new: Mapping[str, Entry]) -> Iterator[dict[str, Entry]]:
    """Files that are here at once; links come with the last, as none is taken over from one batch to the next."""
    batch: dict[str, Entry] = {}
    held = 0
    for path, entry in new.items():
        if entry.kind != FILE:
            continue
        if batch and held + entry.size > AT_ONCE:
            yield batch
            batch, held = {}, 0
        batch[path] = entry
        held += entry.size
    batch |= {path: entry for path, entry in new.items() if entry.kind != FILE}
    if batch:
        yield batch


def _set_time(place: Path, entry: Entry) -> None:
    os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))
