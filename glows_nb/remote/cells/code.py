"""The code of a cell: whether it can be any, and by what it is found again."""

from __future__ import annotations

import hashlib
from typing import Final

from glows_nb.api.errors import InvalidRequest

LONGEST_CODE: Final = 10_000_000


def key_of(code: str) -> str:
    """By what a run of the same code is found."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def checked_code(code: object) -> str:
    """Code that can be sent.

    Raises:
        InvalidRequest: it can't.
    """
    if not isinstance(code, str):
        raise InvalidRequest("code", f"is {type(code).__name__}, not text.")
    if not code.strip():
        raise InvalidRequest("code", "is empty.")
    if len(code) > LONGEST_CODE:
        raise InvalidRequest("code", f"has {len(code):,} signs; {LONGEST_CODE:,} are the limit. Send it as a file.")
    return code
