"""What stays where it is: what `.gitignore` and `.glowsignore` say, and `.git`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pathspec import GitIgnoreSpec

from glows_nb.remote.files.entries import FOLDER, PART_PREFIX, Entry

IGNORE_FILES: Final = (".gitignore", ".glowsignore")
"""The second is read after the first, so that it can take back what that says."""
ALWAYS: Final = ".git"


class Ignored:
    """The rules of a tree.

    Args:
        texts: what the files of rules hold, by their paths; those of a folder count for what is in it.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        lines: dict[str, list[str]] = {}
        for name in IGNORE_FILES:
            for path, text in texts.items():
                folder, _, base = path.rpartition("/")
                if base == name:
                    lines.setdefault(folder, []).extend(text.splitlines())
        self._specs = {folder: GitIgnoreSpec.from_lines(rules) for folder, rules in lines.items()}

    def covers(self, path: str, *, is_folder: bool) -> bool:
        """Is this left where it is? That the folders above it are not is for the caller to know."""
        folder, _, base = path.rpartition("/")
        if base == ALWAYS:
            return True
        while self._specs:
            spec = self._specs.get(folder)
            if spec is not None:
                below = path[len(folder) + 1 :] if folder else path
                said = spec.check_file(f"{below}/" if is_folder else below).include
                if said is not None:
                    return said
            if not folder:
                break
            folder = folder.rpartition("/")[0]
        return False


def without_ignored(entries: Mapping[str, Entry], ignored: Ignored) -> tuple[dict[str, Entry], list[str]]:
    """A tree without what is ignored, and the paths of that, of a folder only its own."""
    kept: dict[str, Entry] = {}
    left: list[str] = []
    left_folders: set[str] = set()
    # Folders come before what is in them.
    for path in sorted(entries):
        entry = entries[path]
        if path.rpartition("/")[0] in left_folders:
            if entry.kind == FOLDER:
                left_folders.add(path)
            continue
        if is_part(path):
            continue
        if ignored.covers(path, is_folder=entry.kind == FOLDER):
            left.append(path)
            if entry.kind == FOLDER:
                left_folders.add(path)
            continue
        kept[path] = entry
    return kept, left


def is_part(path: str) -> bool:
    """Does it belong to a transfer that is not over?"""
    return any(part.startswith(PART_PREFIX) for part in path.split("/"))


def above(path: str) -> Iterable[str]:
    """The folders that a path is in, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
