"""Questions to the user, and the token typed unseen; where nobody can answer, a refusal with the way to go on."""

from __future__ import annotations

import getpass
import sys
import warnings

import click

from glows_nb.api.credentials.config import TOKEN_VARIABLE, profiles_path
from glows_nb.api.credentials.tokens import Token
from glows_nb.commands.environment import is_tty, shell
from glows_nb.commands.group import CommandError, say_what_is_left
from glows_nb.formatting import visible


def ask(question: str, *, word: str = "--yes") -> None:
    """Ask for a yes.

    Args:
        question: what is asked.
        word: what says so in the line, where nobody can be asked.

    Raises:
        CommandError: the answer was no, or nobody can be asked here, as under nbclient or papermill.
        KeyboardInterrupt: the user interrupted the question.
    """
    try:
        agreed = click.confirm(visible(question), err=_is_piped())
    except click.Abort as stop:
        # click makes this of the end of the input as well as of an interrupt; it is a RuntimeError.
        if not isinstance(stop.__context__, EOFError):
            # In a terminal the line still stands behind the question.
            if is_tty():
                click.echo()
            say_what_is_left("Nothing was done.")
            raise KeyboardInterrupt from None
        agreed = None
    except (NotImplementedError, OSError, RuntimeError):
        agreed = None
    if agreed is None:
        raise CommandError(f"Nobody can be asked here, so nothing was done; add {word} to go ahead without asking.")
    if not agreed:
        raise CommandError("Nothing was done.")


def ask_for_token() -> Token:
    """The token, typed or pasted unseen.

    Raises:
        CommandError: nobody can be asked, or what is typed would be seen.
    """
    refusal = CommandError(
        "Nobody can type a token unseen here, so nothing was done. "
        f"Set {TOKEN_VARIABLE} in the environment, or write a profile into {profiles_path()}."
    )
    # In a terminal getpass would go past a redirected stdin, and wait at the keyboard of whoever started the script.
    if shell() is None and not sys.stdin.isatty():
        raise refusal
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return Token(getpass.getpass("GLOWS SDK token (not shown): "))
    except (getpass.GetPassWarning, EOFError, NotImplementedError, OSError, RuntimeError):
        raise refusal from None


def _is_piped() -> bool:
    """A question in a terminal whose stdout is read by a program goes to stderr."""
    return shell() is None and not sys.stdout.isatty()
