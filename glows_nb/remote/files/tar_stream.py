"""Files as a stream of tar, made here and read here: the library makes and reads heads, nothing is extracted by it."""

from __future__ import annotations

import tarfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import LINK, SECOND, Entry, Lie
from glows_nb.remote.files.local_tree import changed_meanwhile

BLOCK: Final = tarfile.BLOCKSIZE
AT_ONCE: Final = 1 << 18
LONGEST_NAME: Final = 1 << 16
_LONG_NAME: Final = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def packed(
    files: Mapping[str, Entry], locate: Callable[[str], Path], changed: list[str], *, has_parts_of_seconds: bool
) -> Iterator[bytes]:
    """Files and links as a stream of tar, in pieces of about 256 KB.

    Args:
        files: what goes into it.
        locate: where each is.
        changed: gets the paths of files that are others than they were; they are in the stream as far as they can be.
        has_parts_of_seconds: can whoever unpacks it read times that are no whole seconds?

    Raises:
        TransferError: a file can't be read.
    """
    gathered = bytearray()
    for path, entry in files.items():
        gathered += _head(path, entry, has_parts_of_seconds=has_parts_of_seconds)
        if entry.kind != LINK:
            place = locate(path)
            for piece in contents(place, entry.size):
                gathered += piece
                if len(gathered) >= AT_ONCE:
                    yield bytes(gathered)
                    gathered.clear()
            gathered += bytes(-entry.size % BLOCK)
            if changed_meanwhile(place, entry):
                changed.append(path)
    yield bytes(gathered) + bytes(2 * BLOCK)


def _head(path: str, entry: Entry, *, has_parts_of_seconds: bool) -> bytes:
    head = tarfile.TarInfo(f"./{path}")
    head.mode, head.mtime = entry.mode & 0o777, entry.mtime_ns // SECOND
    if entry.kind == LINK:
        head.type, head.linkname = tarfile.SYMTYPE, entry.target
    else:
        head.size = entry.size
    if not has_parts_of_seconds:
        return head.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    head.pax_headers = {"mtime": f"{entry.mtime_ns // SECOND}.{entry.mtime_ns % SECOND:09}"}
    return head.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def contents(place: Path, size: int, begin: int = 0) -> Iterator[bytes]:
    """A file from a place on, exactly up to `size`; what it lacks by now is made up by zeros, and seen afterwards.

    Raises:
        TransferError: it can't be read.
    """
    left = size - begin
    try:
        with place.open("rb", buffering=0) as file:
            file.seek(begin)
            while left > 0 and (piece := file.read(min(AT_ONCE, left))):
                left -= len(piece)
                yield piece
    except OSError as error:
        raise TransferError(f"{place} can't be read: {error.strerror}.") from error
    while left > 0:
        yield bytes(min(AT_ONCE, left))
        left -= min(AT_ONCE, left)


def in_pieces(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The same in pieces of so many bytes at most."""
    for piece in pieces:
        for start in range(0, len(piece), most):
            yield piece[start : start + most]


async def members(stream: Any, wanted: frozenset[str]) -> AsyncIterator[tuple[str, bytes]]:
    """The files in a stream that a machine sends: path and next piece; an empty one when that is all.

    Args:
        stream: has `readexactly`, as of asyncio or asyncssh.
        wanted: the paths that were asked for.

    Raises:
        Lie: it holds something else.
    """
    long_name, names = "", 0
    seen: set[str] = set()
    while True:
        block = await _exactly(stream, BLOCK)
        if block is None or not any(block):
            return
        try:
            head = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            raise Lie("what it sends is no tar") from None
        if head.type in _LONG_NAME:
            names += 1
            if not 0 < head.size <= LONGEST_NAME or names > len(_LONG_NAME):
                raise Lie("it sends names without files, or one that is longer than names are")
            name = await _body(stream, head.size)
            if head.type == tarfile.GNUTYPE_LONGNAME:
                long_name = name.rstrip(b"\0").decode(errors="surrogateescape")
            continue
        path, long_name, names = (long_name or head.name).removeprefix("./"), "", 0
        if head.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or path not in wanted or path in seen or head.size < 0:
            raise Lie("it sends something else than the files that were asked for")
        seen.add(path)
        left = head.size
        while left:
            piece = await _exactly(stream, min(AT_ONCE, left))
            if piece is None:
                return
            left -= len(piece)
            yield path, piece
        yield path, b""
        if await _exactly(stream, -head.size % BLOCK) is None:
            return


async def _body(stream: Any, length: int) -> bytes:
    body = await _exactly(stream, length + -length % BLOCK)
    return b"" if body is None else body[:length]


async def _exactly(stream: Any, length: int) -> bytes | None:
    """So many bytes; None where the stream ends before."""
    if not length:
        return b""
    try:
        read: bytes = await stream.readexactly(length)
    except EOFError:
        return None
    return read
