"""Tab on a line of %glows: the same words as in the terminal, from what is known, never from the service.

IPython's older hook is not called for `x = %glows …`, and Jedi's words would come first; a matcher of the newer kind
has the line to itself.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from click.shell_completion import CompletionItem
from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from glows_nb.commands.group import group
from glows_nb.completion.line import completions, label, quoted, unfinished
from glows_nb.completion.refresh import Source, in_thread
from glows_nb.connection import client_in_use
from glows_nb.formatting import visible

log: Final = logging.getLogger("glows_nb")

MAGIC_LINE: Final = re.compile(
    r"""\s*%{1,2}glows\s(?P<line>.*)|(?:[^#'"%]|'[^']*'|"[^"]*")*=\s*%glows\s(?P<value>.*)""", re.DOTALL
)
"""A magic, or one whose value is given to a name, an attribute or an item."""

STORE: Final = ">>"
NO_BREAK_SPACE: Final = "\u00a0"
MOST_FILES: Final = 1000
"""Of a folder so many names are looked at."""

_source: Final = Source(in_thread, client_in_use)


def load(shell: InteractiveShell) -> None:
    """Complete lines of %glows."""
    matchers = shell.Completer.custom_matchers
    if glows_matcher not in matchers:
        matchers.append(glows_matcher)


def unload(shell: InteractiveShell) -> None:
    """Complete them no longer."""
    matchers = shell.Completer.custom_matchers
    if glows_matcher in matchers:
        matchers.remove(glows_matcher)


@context_matcher(identifier="glows_nb", priority=100)  # type: ignore[untyped-decorator]
def glows_matcher(context: CompletionContext) -> SimpleMatcherResult:
    """What can follow in a line of %glows; nothing for any other line."""
    try:
        return _matches(context)
    except Exception as error:  # noqa: BLE001 - a completer that raises takes all other completion along
        log.debug("completion failed: %s", error)
        return _nothing()


def _matches(context: CompletionContext) -> SimpleMatcherResult:
    lines = context.full_text.split("\n")
    before = _whole_line(lines[: context.cursor_line], context.text_until_cursor)
    found = MAGIC_LINE.fullmatch(before)
    if found is None:
        return _nothing()
    line = unfinished(found["line"] if found["line"] is not None else found["value"])
    if STORE in line.words or line.fragment.startswith(("$", "{")):
        return _nothing()  # here stand Python's names
    # Editors put the closing quotation mark behind the cursor when the opening one is typed.
    is_closed = line.quote != "" and context.line_with_cursor[context.cursor_position :].startswith(line.quote)
    items = [
        SimpleCompletion(
            text=quoted(str(item.value), line.quote).removesuffix(line.quote if is_closed else ""),
            # JupyterLab would break the line at plain spaces and write rows over each other.
            type=label(item).replace(" ", NO_BREAK_SPACE),
        )
        for item in _with_files(completions(group, "%glows", line, _source))
    ]
    # With nothing of ours IPython would go on to offer Python's names and files: what was typed stays as it is.
    return {
        "completions": items or [SimpleCompletion(text=line.fragment, type=f"no{NO_BREAK_SPACE}suggestion")],
        "matched_fragment": line.fragment,
        "ordered": True,
        "suppress": True,
    }


def _with_files(items: list[CompletionItem[str]]) -> Iterator[CompletionItem[str]]:
    """The items, the files and folders here in the place of those that say that files can follow."""
    for item in items:
        if item.type == "plain":
            yield item
            continue
        folder, _, begun = item.value.rpartition("/")
        folder += "/" if "/" in item.value else ""
        with suppress(OSError), os.scandir(Path(folder).expanduser()) as entries:
            named = {entry.name: entry.is_dir() for entry in islice(entries, MOST_FILES)}
            for name, is_folder in sorted(named.items()):
                is_offered = name.startswith(begun) and (begun or not name.startswith("."))
                if is_offered and visible(name) == name:
                    word = f"{folder}{name}{'/' if is_folder else ''}"
                    yield CompletionItem(word, label="folder" if is_folder else "file")


def _nothing() -> SimpleMatcherResult:
    # A new one each time: IPython writes into what it is given.
    return {"completions": [], "matched_fragment": "", "suppress": False}


def _whole_line(above: list[str], line: str) -> str:
    """The line with those above that a backslash at their end makes part of it."""
    for previous in reversed(above):
        if not previous.endswith("\\"):
            break
        line = f"{previous[:-1]} {line}"
    return line
