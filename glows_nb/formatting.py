"""Words that tables, forms and commands share."""

from __future__ import annotations

import re
from typing import Final

SANDBOX_WORD: Final = "SANDBOX"
"""Stands wherever something is shown of a sandbox, where nothing costs money."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 machine, 2 machines."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


INVISIBLE: Final = re.compile("[\u034f\u115f\u1160\u3164\uffa0]")
"""Signs that Python counts as printable and that show nothing."""


def visible(text: str) -> str:
    """Text from elsewhere as it can be shown: whatever a terminal would obey, or nobody would see, is written out.

    Names are given by whoever made a thing. Control characters move the cursor, signs that turn the direction of
    writing or have no width make one name look like another: `\\x1b`, `\\u202e` and a line end as `\\n` stand there.
    """
    if text.isprintable() and not INVISIBLE.search(text):
        return text
    return "".join(sign if _is_seen(sign) else ascii(sign)[1:-1] for sign in text)


def _is_seen(sign: str) -> bool:
    # Of spaces Python counts one alone as printable; those of other widths, as in Japanese, are seen too.
    is_space = sign.isspace() and sign not in "\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"
    return is_space or (sign.isprintable() and not INVISIBLE.fullmatch(sign))
