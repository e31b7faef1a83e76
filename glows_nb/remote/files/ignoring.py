"""What stays where it is: what `.gitignore` and `.glowsignore` say, and `.git`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from pathspec import GitIgnoreSpec, RegexPattern

from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.entries import FOLDER, PART_PREFIX, Entry

IGNORE_FILES: Final = (".gitignore", ".glowsignore")
"""The second is read after the first, so that it can take back what that says."""
ALWAYS: Final = ".git"
MOST_LINES: Final = 10_000
MOST_STARS: Final = 3
MOST_SECONDS: Final = 60.0


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
                    lines.setdefault(folder, []).extend(text.replace("\r\n", "\n").split("\n"))
        self._rules = {folder: [rule for line in texts for rule in _rules(line)] for folder, texts in lines.items()}

    def covers(self, path: str, *, is_folder: bool) -> bool:
        """Is this left where it is? That the folders above it are not is for the caller to know."""
        folder, _, base = path.rpartition("/")
        if base == ALWAYS:
            return True
        while self._rules:
            below = path[len(folder) + 1 :] if folder else path
            for rule in reversed(self._rules.get(folder, [])):
                if _is_of(rule, f"{below}/" if is_folder else below):
                    return bool(rule.include)
            if not folder:
                break
            folder = folder.rpartition("/")[0]
        return False


def are_too_hard(texts: Mapping[str, str]) -> bool:
    """Would it take for ever to match these? One star more in a rule takes some hundred times as long."""
    lines = [line for text in texts.values() for line in text.splitlines()]
    return len(lines) > MOST_LINES or any(
        line.count("**") > MOST_STARS or any(part.count("*") > MOST_STARS for part in line.split("/")) for line in lines
    )


def _rules(line: str) -> list[RegexPattern]:
    """What a line says; git passes over what is no rule, such as a lone !."""
    words = line.rstrip()
    if words == "!/":
        return []  # for the library it is about every folder
    if words.endswith("/**"):
        # What is in a folder, and not the folder too, as the library has it: git goes into that, and reads its rules.
        line = f"{words}/*"
    try:
        return [rule for rule in GitIgnoreSpec.from_lines([line]).patterns if isinstance(rule, RegexPattern)]
    except ValueError:
        return []


def _is_of(rule: RegexPattern, path: str) -> bool:
    """Is it about this path itself? The library takes a rule about a folder for one about all in it, which ! is not."""
    if rule.regex is None or rule.include is None:
        return False
    if not rule.regex.pattern.startswith("^"):
        # About everything, or about all folders.
        return "ps_d" not in rule.regex.groupindex or path.endswith("/")
    found = rule.regex.fullmatch(path)
    if found is None:
        return False
    return not found.groupdict().get("ps_d") or found.end("ps_d") == len(path)


def without_ignored(entries: Mapping[str, Entry], ignored: Ignored) -> tuple[dict[str, Entry], list[str]]:
    """A tree without what is ignored, and the paths of that, of a folder only its own.

    Raises:
        TransferError: it takes too long; whoever made the rules may have wanted that.
    """
    end = time.monotonic() + MOST_SECONDS
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
        if time.monotonic() > end:
            raise TransferError(
                f"To see what is ignored takes over {MOST_SECONDS:.0f} s; include_ignored=True does without."
            )
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
