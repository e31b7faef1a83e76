"""The list of a machine's files: the command that makes it there, and what that says, read without trust."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from glows_nb.remote.files.entries import (
    FILE,
    FOLDER,
    LINK,
    MOST_ENTRIES,
    PART_PREFIX,
    SECOND,
    Entry,
    Kind,
    Lie,
    checked_path,
)
from glows_nb.remote.lines.control_shell import quoted

_KINDS: Final[Mapping[str, Kind]] = {
    **{"f": FILE, "d": FOLDER, "l": LINK},
    **{"regular file": FILE, "regular empty file": FILE, "directory": FOLDER, "symbolic link": LINK},
}
_OF_FIND: Final = re.compile(
    rb"([a-zA-Z?])\0([0-9]{1,18})\0(-?[0-9]{1,12})(?:[.,]([0-9]{1,12}))?\0([0-7]{1,5})\0([^\0]+)\0([^\0]*)\0"
)
_OF_STAT: Final = re.compile(rb"([a-z -]+)\|([0-9]{1,18})\|(-?[0-9]{1,12})\|([0-7]{1,5})\|\.//", re.MULTILINE)
_STAT: Final = "stat{} -c '%F|%s|%Y|%a|%n'"
_WALK: Final = (
    'walk() {{ for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do [ -e "$f" ] || [ -L "$f" ] || continue; {skip}'
    '{stat} "$f"; if [ -d "$f" ] && [ ! -L "$f" ]; then ( walk "$f" ); fi; done; }}; walk ./; '
    'links() {{ for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do {skip}if [ -L "$f" ]; then printf \'%s\\0\' "$f"; '
    'readlink "$f"; printf \'\\0\'; elif [ -d "$f" ]; then ( links "$f" ); fi; done; }}; printf \'\\0\'; links ./'
)


def list_command(find: str, only: str = "", *, leaves_parts: bool, follows: bool = False) -> str:
    """A command that lists what is below the folder that it runs in, without that folder.

    Args:
        find: by what: "gnu" is find that prints what it is told, "stat" is find and stat, "walk" stat and the shell.
        only: the one name that matters; all without it.
        leaves_parts: leave out the folders of transfers that are not over.
        follows: tell of what `only` leads to, if it is a link.
    """
    part = quoted(f"{PART_PREFIX}*").replace("'", "") if find == "walk" else quoted(f"{PART_PREFIX}*")
    there = f"{{ [ -e {quoted(f'./{only}')} ] || [ -L {quoted(f'./{only}')} ]; }} && " if only else ""
    if find == "gnu":
        where = f"{quoted(f'./{only}')} -maxdepth 0" if only else ". -mindepth 1"
        prune = f"-name {part} -prune -o" if leaves_parts else ""
        path = "%f" if only else "%P"
        return f"{there}find{' -H' if follows else ''} {where} {prune} -printf '%y\\0%s\\0%T@\\0%m\\0{path}\\0%l\\0'"
    stat = _STAT.format(" -L" if follows else "")
    if only:
        name = quoted(f".//{only}")
        target = f"[ ! -L {name} ] || {{ printf '%s\\0' {name}; readlink {name}; printf '\\0'; }}"
        return f"{there}{{ {stat} {name}; printf '\\0'; {':' if follows else target}; }}"
    if find == "walk":
        return _WALK.format(stat=stat, skip=f"case ${{f##*/}} in {part}) continue ;; esac; " if leaves_parts else "")
    prune = f"-name {part} -prune -o" if leaves_parts else ""
    one = 'for f do printf "%s\\0" "$f"; readlink "$f"; printf "\\0"; done'
    links = f"find .// {prune} -type l -exec sh -c {quoted(one)} sh {{}} +"
    return f"find .// {prune} -exec {stat} {{}} +; printf '\\0'; {links}"


def entries_of(said: bytes, begin: int, end: int, find: str) -> dict[str, Entry]:
    """What such a command wrote, from one place of an answer to another.

    Raises:
        Lie: it can't be what such a command writes, or is too much.
    """
    entries: dict[str, Entry] = {}
    told = _of_find(said, begin, end) if find == "gnu" else _of_stat(said[begin:end])
    for number, (path, entry) in enumerate(told, 1):
        entries[checked_path(path.decode(errors="surrogateescape"))] = entry
        if number > MOST_ENTRIES:
            raise Lie(f"it tells of more than {MOST_ENTRIES:,} files; fetch a part of them, or pack them there first")
    return entries


def _of_find(said: bytes, begin: int, end: int) -> Iterator[tuple[bytes, Entry]]:
    at = begin
    while at < end:
        found = _OF_FIND.match(said, at, end)
        if found is None:
            raise Lie("its list of files can't be read")
        kind, size, seconds, rest, mode, path, target = found.groups()
        at = found.end()
        mtime = int(seconds) * SECOND + int(f"{(rest or b'')[:9].decode():0<9}")
        target_text = target.decode(errors="surrogateescape")
        yield path, Entry(_KINDS.get(kind.decode(), "?"), int(size), mtime, int(mode, 8), target_text)


def _of_stat(said: bytes) -> Iterator[tuple[bytes, Entry]]:
    """A name may hold a line's end, and no name holds a slash, so .// begins each; behind a NUL are links' targets."""
    listed, _, links = said.partition(b"\0")
    targets = dict(_pairs(links))
    found = list(_OF_STAT.finditer(listed))
    for number, head in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(listed)
        path = listed[head.end() : end].removesuffix(b"\n")
        if path:
            kind = _KINDS.get(head[1].decode(), "?")
            target = targets.get(path, b"").decode(errors="surrogateescape") if kind == LINK else ""
            yield path, Entry(kind, int(head[2]), int(head[3]) * SECOND, int(head[4], 8), target)


def _pairs(said: bytes) -> Iterable[tuple[bytes, bytes]]:
    words = said.split(b"\0")
    for path, target in zip(words[::2], words[1::2], strict=False):
        yield path.removeprefix(b".//"), target.removesuffix(b"\n")
