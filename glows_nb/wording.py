"""Words that tables, forms and commands share."""

from __future__ import annotations

from typing import Final

SANDBOX_WORD: Final = "SANDBOX"
"""Stands wherever something is shown of a sandbox, where nothing costs money."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 machine, 2 machines."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
