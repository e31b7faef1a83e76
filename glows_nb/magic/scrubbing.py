"""Takes what may be a token out of all places where IPython keeps what was typed.

Those are `In`, `_i`, `_ih`, the history file, a terminal's own history, and the lines that tracebacks show of a cell.
"""

from __future__ import annotations

import linecache
import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from difflib import get_close_matches
from typing import Any, Final

REMOVED: Final = "[removed]"
SHORTEST: Final = 6
"""Shorter words are no tokens, and taking them out would spoil other text."""

JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
"""What every SDK token looks like (FACTS 2)."""

LAST_INPUTS: Final = ("_i", "_ii", "_iii")


def may_be_tokens(line: str, cell: str, *, is_misread: bool) -> set[str]:
    """What in a refused line, and below it, may be a token.

    Args:
        line: the line.
        cell: what stands below it.
        is_misread: could its words not be understood? Then whatever stands behind login may be one.
    """
    found = set(JWT.findall(f"{line}\n{cell}"))
    return found | _words_of_login(line) | _pieces(cell) if is_misread and _is_login(line) else found


def _is_login(line: str) -> bool:
    """Is this, or is it near to, the command that a token might be written behind?"""
    words = [word for word in line.split() if not word.startswith("-")]
    return bool(words) and bool(get_close_matches(words[0].strip("'\"").lower(), ["login"]))


def _words_of_login(line: str) -> set[str]:
    """All that stands in a login line but the names of options."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    parts = [part for word in words[1:] for part in re.split(r"^--?[\w-]+=?", word)]
    return {piece for part in parts for piece in _pieces(part)}


def _pieces(text: str) -> set[str]:
    """A token may be cut in pieces by spaces or quotes, so that each piece counts."""
    return {piece for piece in re.split(r"[\s'\";,]+", text) if len(piece) >= SHORTEST}


def forget(shell: Any, secrets: set[str]) -> None:
    """Take these words out of everything in which the shell keeps what was typed."""
    if not secrets:
        return
    pattern = re.compile("|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True)))

    def cleaned(text: str) -> str:
        return pattern.sub(REMOVED, text)

    history = shell.history_manager
    if history is not None:
        for inputs in (history.input_hist_parsed, history.input_hist_raw):
            inputs[:] = [cleaned(text) for text in inputs]
        for name in (*LAST_INPUTS, "_i00"):
            setattr(history, name, cleaned(getattr(history, name)))
        _clean_file(history, cleaned)
    for name, value in list(shell.user_ns.items()):
        if isinstance(value, str) and (name in LAST_INPUTS or re.fullmatch(r"_i\d+", name)):
            shell.user_ns[name] = cleaned(value)
    _clean_sources(cleaned)
    _clean_prompt(shell, cleaned)


def _clean_file(history: Any, cleaned: Callable[[str], str]) -> None:
    """Rows of this session, whether they wait to be written or are written already."""
    # Writing takes the same lock, so that a row is in the one place or in the other.
    with history.db_input_cache_lock:
        history.db_input_cache = [
            (number, cleaned(source), cleaned(raw)) for number, source, raw in history.db_input_cache
        ]
        if not history.enabled or str(history.hist_file) == ":memory:":
            return
        with closing(sqlite3.connect(str(history.hist_file), timeout=10)) as database, database:
            # What is deleted would stay readable in the file's free space.
            database.execute("PRAGMA secure_delete = ON")
            rows = database.execute(
                "SELECT line, source, source_raw FROM history WHERE session = ?", (history.session_number,)
            ).fetchall()
            for number, source, raw in rows:
                if (cleaned(source), cleaned(raw)) != (source, raw):
                    database.execute(
                        "UPDATE history SET source = ?, source_raw = ? WHERE session = ? AND line = ?",
                        (cleaned(source), cleaned(raw), history.session_number, number),
                    )


def _clean_sources(cleaned: Callable[[str], str]) -> None:
    """The text of cells, of which a traceback shows the lines around a call."""
    for name, entry in list(linecache.cache.items()):
        # What is in no file has no time of change.
        if len(entry) == 4 and entry[1] is None:
            linecache.cache[name] = (entry[0], None, [cleaned(text) for text in entry[2]], entry[3])


def _clean_prompt(shell: Any, cleaned: Callable[[str], str]) -> None:
    """What the arrow keys bring back in a terminal; prompt_toolkit has no public way to change it."""
    prompt = getattr(getattr(shell, "pt_app", None), "history", None)
    for name in ("_loaded_strings", "_storage"):
        with suppress(AttributeError):
            texts = getattr(prompt, name)
            texts[:] = [cleaned(text) for text in texts]
