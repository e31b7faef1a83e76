"""What can be a command on a machine: refused before anything is asked where it can't be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from io import IOBase, TextIOBase
from typing import Any, Final

from pydantic import SecretStr

from glows_nb.api.errors import InvalidRequest

LONGEST_COMMAND: Final = 100_000
"""Linux gives a program no single word over 128 KiB."""
MOST_IN_TERMINAL: Final = 1000


def checked(
    command: str | Sequence[str],
    env: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    given: Any = None,
    *,
    pty: bool = False,
) -> str:
    """The command as the machine's shell is to read it; a list of words is quoted.

    Args:
        command: a line, or words.
        env: variables for it, their values masked.
        timeout: seconds after which it is ended; None is never.
        given: what it reads.
        pty: does it get a terminal?

    Raises:
        InvalidRequest: something of it can't be.
    """
    words: Any = command
    if not isinstance(words, str | list | tuple) or not all(isinstance(word, str) for word in words):
        raise InvalidRequest("command", "is neither a line for the shell nor a list of words, each a str.")
    text = command if isinstance(command, str) else shlex.join(command)
    if not _can_be_said(text):
        raise InvalidRequest("command", "holds signs that are no text in UTF-8.")
    if not (given is None or isinstance(given, str | bytes | IOBase)):
        raise InvalidRequest("input", "is neither text nor bytes nor a file opened for bytes.")
    if isinstance(given, TextIOBase):
        raise InvalidRequest("input", "is a file opened for text; open it for bytes, with mode 'rb'.")
    if isinstance(given, str) and not _can_be_said(given):
        raise InvalidRequest("input", "holds signs that are no text in UTF-8; give bytes.")
    if not text.strip():
        raise InvalidRequest("command", "is empty; give a line for the shell, or a list of words.")
    if "\0" in text:
        raise InvalidRequest("command", "holds a NUL character, which no shell takes.")
    if len(text.encode()) > LONGEST_COMMAND:
        raise InvalidRequest(
            "command",
            f"of {len(text.encode())} bytes is over the limit of {LONGEST_COMMAND}; give it as input, as in "
            "exec('sh', input=…).",
        )
    if timeout is not None and (not isinstance(timeout, int | float) or not timeout > 0):
        raise InvalidRequest("timeout", f"{timeout!r} is not a number of seconds above 0.")
    if env is not None and not isinstance(env, Mapping):
        raise InvalidRequest("env", "is no mapping of names to values, as in {'NAME': 'value'}.")
    for name, value in (env or {}).items():
        if not isinstance(name, str) or not (name.isascii() and name.isidentifier()):
            raise InvalidRequest("env", f"{name!r} is no name for a variable.")
        if not isinstance(value, SecretStr):
            raise InvalidRequest("env", f"the value of {name} is no text; write it as a str.")
        if not _can_be_said(value.get_secret_value()):
            raise InvalidRequest("env", f"the value of {name} holds signs that are no text in UTF-8.")
        if "\0" in value.get_secret_value():
            raise InvalidRequest("env", f"the value of {name} holds a NUL character, which no variable can.")
        if pty and not (len(value) < MOST_IN_TERMINAL and value.get_secret_value().isprintable()):
            raise InvalidRequest(
                "env",
                f"the value of {name} can't go through a terminal: more than {MOST_IN_TERMINAL} signs, or some "
                "that it obeys; leave pty=True out.",
            )
    if pty and given is not None:
        raise InvalidRequest("input", "can't be given together with pty=True: a terminal has no end of what it reads.")
    return text


def _can_be_said(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)
