"""Questions before something is done: whoever is at the notebook or the terminal is asked, or a function of theirs."""

from __future__ import annotations

from collections.abc import Callable

from glows_nb.formatting import visible
from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import TransferError

Ask = Callable[[str], bool]
"""Asks a question, and says whether the answer was yes."""


def ask_here(question: str) -> bool:
    """Ask whoever is at the notebook or the terminal for a yes.

    Raises:
        TransferError: nobody is.
    """
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, RuntimeError, NotImplementedError, OSError):
        raise TransferError("Nobody can be asked here, so nothing was done; yes=True goes ahead without.") from None
    return answer.strip().lower() in ("y", "yes")


async def agreed(caller: Caller, ask: Ask, question: str) -> None:
    """Go on only after a yes.

    Raises:
        TransferError: it was a no, or nobody can be asked.
    """
    if not await caller.call(lambda: ask(visible(question))):
        raise TransferError("Nothing was done.")
