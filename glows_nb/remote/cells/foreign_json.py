"""JSON that a machine sends is read only where what comes of it stays within bounds."""

from __future__ import annotations

import json
import re
from typing import Any, Final

MOST_BESIDE_TEXT: Final = 8_000_000
"""Signs beside text: of each Python makes some twenty bytes."""
OF_ITS_OWN: Final = 1 << 20
"""What the keeper itself says is shorter; so are the heads of messages."""

_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


class TooMuch(ValueError):
    """Of so long a text Python would make too much."""


def read(part: bytes, most: int = OF_ITS_OWN) -> Any:
    """What a short part of a frame says.

    Raises:
        ValueError, RecursionError: it is no JSON, or longer than it can be.
    """
    if len(part) > most:
        raise ValueError("it is too long")
    return json.loads(part)


def read_content(part: bytes) -> Any:
    """What a message says, which may be long as long as it is text.

    Raises:
        TooMuch: it is more than is read.
        ValueError, RecursionError: it is no JSON.
    """
    # To count is far quicker than to leave the text out.
    may_be_much = len(part) > MOST_BESIDE_TEXT and sum(map(part.count, (b",", b"[", b"{"))) > MOST_BESIDE_TEXT // 4
    if may_be_much and len(_TEXT.sub(b"", part)) > MOST_BESIDE_TEXT:
        raise TooMuch
    return json.loads(part)
