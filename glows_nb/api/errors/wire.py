"""No answer that can be used came, or nobody knows what became of a write."""

from __future__ import annotations

from glows_nb.api.errors.base import GlowsError


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
