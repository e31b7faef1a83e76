"""The root of all errors, how a notebook shows one, and those of a request: refused, unanswered, or in doubt."""

from __future__ import annotations

import sys
from collections.abc import Callable

from glows_nb.formatting import visible


class GlowsError(Exception):
    """The root of every error that glows_nb raises on purpose; its text is one plain sentence."""

    is_traced = False
    """Does a notebook show at once where it came from, and not only for `%tb`?"""

    def __str__(self) -> str:
        return visible(super().__str__())

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """What IPython shows of an error that has it: the sentence, instead of forty lines of frames.

        IPython looks for it while it handles the error. `%tb` comes later, when nothing is handled: it finds none, and
        shows the whole.
        """
        if self.is_traced or sys.exc_info()[1] is not self:
            raise AttributeError("_render_traceback_")
        return lambda: [short_form(self), "(%tb shows where it came from)"]


def short_form(error: BaseException) -> str:
    """An error's kind, in red, and its sentence, as a notebook shows them."""
    return f"\x1b[31m{type(error).__name__}\x1b[0m: {error}"


class ConfigError(GlowsError):
    """The client can't be set up: no token, an unreadable profile, a refused address."""


class InvalidRequest(GlowsError, ValueError):
    """An argument breaks a rule of the contract; nothing was sent.

    Attributes:
        field: the argument's name.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class TransportError(GlowsError):
    """No valid answer came: refused, reset, timed out, or HTTP 5xx.

    Attributes:
        may_have_arrived: False when it is certain that the service never saw the request.
    """

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class RateLimited(GlowsError):
    """HTTP 429: the service wants fewer requests.

    Attributes:
        retry_after: seconds that the service asked to wait, None where it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadResponse(GlowsError):
    """An answer came that is not what the contract describes; operation and field are in the text."""


class AmbiguousResult(GlowsError):
    """A write may or may not have happened, and it can't be looked up; the text says how to check."""
