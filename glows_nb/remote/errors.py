"""What goes wrong between here and a machine; every text says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glows_nb.api.errors import GlowsError
from glows_nb.formatting import visible

if TYPE_CHECKING:
    from glows_nb.remote.output import Completed


LIES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Python raises where an answer is read that can't be one."""


class RemoteError(GlowsError):
    """The root of what goes wrong on a machine or on the way to it."""


class NotReachable(RemoteError):
    """There is no way onto the machine now: it does not run, has no SSH port, answers not, or lets nobody in.

    Attributes:
        may_pass: may the same succeed a little later, as sshd is late after Running?
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


def no_machine(word: str) -> NotReachable:
    """Nobody is called so."""
    return NotReachable(f"There is no machine {visible(word)!r}; %glows list shows those that there are.")


class HostKeyChanged(RemoteError):
    """The machine shows another host key than before; no password was sent.

    Attributes:
        known: the fingerprint that was remembered, such as "SHA256:…".
        shown: the fingerprint of the key that it shows now.
    """

    def __init__(self, message: str, known: str, shown: str) -> None:
        super().__init__(message)
        self.known = known
        self.shown = shown


class LineLost(RemoteError):
    """The line broke, and could not be made again; what was done until then is in the text."""


class CommandFailed(RemoteError):
    """A command on a machine ended with a status other than 0, by a signal, or not in time.

    Attributes:
        completed: its status and its output.
    """

    def __init__(self, message: str, completed: Completed) -> None:
        super().__init__(message)
        self.completed = completed


class Stopped(RemoteError):
    """Another thread has set the event that the work was given to be stopped by; what it had begun has ended."""


class TransferError(RemoteError):
    """Files could not be sent or fetched; what is in place by then is whole, and the same call goes on from there."""
