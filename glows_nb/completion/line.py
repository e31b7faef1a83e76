"""What can follow on an unfinished line of words: read the line, ask click, and write the words so that they fit.

Notebook and terminal share this; how they show it is theirs.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any, Final

import click
from click.shell_completion import CompletionItem, ShellComplete

from glows_nb.completion.refresh import Source, source

PLAIN_WORD: Final = re.compile(r"[\w@%+:,./-][\w@%+=:,./~-]*")


@dataclass(frozen=True)
class Unfinished:
    """A line up to the cursor: its finished words, and the one that is being typed.

    Attributes:
        words: the finished words, without their quotes; of `--gpu=H1` the option is one.
        value: what was typed of the last one, without quotes.
        fragment: the same as it stands in the line: what a completion replaces.
        quote: the quotation mark that is still open, or "".
    """

    words: tuple[str, ...]
    value: str
    fragment: str
    quote: str


def unfinished(line: str) -> Unfinished:
    """Read a line up to the cursor as a shell reads it, but for quotes that are still open."""
    words: list[str] = []
    value, quote, start, is_escaped, is_in_word = "", "", len(line), False, False
    for position, character in enumerate(line):
        if is_escaped:
            value, is_escaped = value + character, False
        elif character == "\\" and quote != "'":
            is_escaped, start, is_in_word = True, min(start, position), True
        elif quote:
            quote, value = ("", value) if character == quote else (quote, value + character)
        elif character in "'\"":
            quote, start, is_in_word = character, min(start, position), True
        elif character.isspace():
            if is_in_word:
                words.append(value)
            value, start, is_in_word = "", len(line), False
        else:
            value, start, is_in_word = value + character, min(start, position), True
    fragment = line[start:]
    option, equals, rest = fragment.partition("=")
    if equals and re.fullmatch(r"--[\w-]+", option):
        return Unfinished((*words, option), value.partition("=")[2], rest, quote)
    return Unfinished(tuple(words), value, fragment, quote)


def completions(commands: click.Group, name: str, line: Unfinished, known_from: Source) -> list[CompletionItem[str]]:
    """What can stand where the cursor is; where a command is waiting for nothing else, its options.

    Args:
        commands: the group whose line it is.
        name: how the group is called.
        line: the line up to the cursor, without that name.
        known_from: where the names of things come from.
    """

    def asked(typed: str) -> list[CompletionItem[str]]:
        reset = source.set(known_from)
        try:
            return ShellComplete(commands, {}, name, "").get_completions(list(line.words), typed)
        finally:
            source.reset(reset)

    if re.match(r"-[^-]", line.value):
        # click takes every word with a minus for an option; a column to sort by can have one too.
        signed = [item for item in asked(line.value[1:]) if item.is_signed]
        if signed:
            return [_with_minus(item) for item in signed]
    found = asked(line.value)
    return found if found or line.value or _awaits_value(commands, line.words) else asked("-")


def label(item: CompletionItem[Any]) -> str:
    """What kind of word it is, and what is known of it, in few words."""
    if item.label:
        return str(item.label)
    if item.value.startswith("-"):
        return "option"
    # Of the words that click offers by itself, only commands are explained.
    return "command" if item.help else "value"


def quoted(word: str, quote: str = "") -> str:
    """The word as it stands in a line: within the quotation marks that were begun, else in some where it needs any."""
    if not quote:
        if PLAIN_WORD.fullmatch(word):
            return word
        quote = '"'
    return shlex.quote(word) if re.search(r'["\\$`!]', word) or quote in word else f"{quote}{word}{quote}"


def _awaits_value(commands: click.Group, words: tuple[str, ...]) -> bool:
    """Is the last word an option that takes a value?"""
    command: click.Command = commands
    for word in words:
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word) or command
    return any(
        isinstance(option, click.Option) and not option.is_flag and not option.count and words[-1] in option.opts
        for option in command.params
        if words
    )


def _with_minus(item: CompletionItem[str]) -> CompletionItem[str]:
    return CompletionItem(f"-{item.value}", help=item.help, label=item.label)
