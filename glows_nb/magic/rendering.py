"""How values look in a notebook: machines, offers, plans as a small card, with no secret in any."""

from __future__ import annotations

import html
from typing import Any

from glows_nb.commands.descriptions import facts
from glows_nb.formatting import SANDBOX_WORD
from glows_nb.frames.tables import SANDBOX_BADGE


def card_html(value: Any) -> str:
    """The facts of a value as a small table; addresses are shown without their tokens."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{_value(name, words)}</td></tr>'
        for name, words in facts(value)
    )
    return f"<table>{rows}</table>"


def _value(name: str, words: str) -> str:
    escaped = html.escape(words)
    if name == "ssh":
        return f"<code>{escaped}</code>"
    if name == "machine" and words.startswith(SANDBOX_WORD):
        return escaped.replace(SANDBOX_WORD, SANDBOX_BADGE, 1)
    return escaped
