"""`glows.doctor()`: all checks as a table that says what to do next."""

from __future__ import annotations

import html
import shutil
import textwrap
from dataclasses import astuple
from typing import Final

import pandas as pd

from glows_nb.api.client import Client
from glows_nb.connection import client_in_use
from glows_nb.doctor.checks import Check, examine
from glows_nb.formatting import SANDBOX_WORD, counted
from glows_nb.frames.tables import CAPTION, IS_SANDBOX, SANDBOX_BADGE, Table

FAILED: Final = "glows_failed"
COLUMNS: Final = ("check", "result", "found", "next_step")
SIGNS: Final = {"ok": "✓", "warn": "!", "fail": "✗", "not checked": "–"}
COLOURS: Final = {"warn": "var(--jp-warn-color0, #a15c00)", "fail": "var(--jp-error-color0, #b3261e)"}
NARROWEST: Final = 40


class Diagnosis(Table):
    """The checks, one row each; `attrs` holds how many failed as "glows_failed"."""

    def _repr_html_(self) -> str:
        badge = f"{SANDBOX_BADGE} " if self.attrs.get(IS_SANDBOX) else ""
        head = "".join(f'<th style="text-align:left">{name.replace("_", " ")}</th>' for name in COLUMNS)
        rows = "".join(_row(*row) for row in self[list(COLUMNS)].itertuples(index=False, name=None))
        caption = f'<div style="margin:.3em 0">{badge}{html.escape(self.attrs.get(CAPTION, ""))}</div>'
        return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        width = max(NARROWEST, shutil.get_terminal_size((100, 40)).columns)
        badge = f"{SANDBOX_WORD} · " if self.attrs.get(IS_SANDBOX) else ""
        lines = [f"{badge}{self.attrs.get(CAPTION, '')}"]
        for name, result, found, next_step in self[list(COLUMNS)].itertuples(index=False, name=None):
            begin = f"{SIGNS[result]} {result:<12}{name:<17}"
            lines += _wrapped(begin, found, width)
            lines += _wrapped(" " * len(begin) + "→ ", next_step, width) if next_step else []
        return "\n".join(lines)


def doctor(*, client: Client | None = None) -> Diagnosis:
    """Look at settings, token, service, routes, versions, front end and ledger, and say what to do about each.

    Columns: check, result ("ok", "warn", "fail", or "not checked" where something it needs has failed), found,
    next_step. Reads only, and never raises for what it finds.

    Args:
        client: the client to look at; without it the current one, else the settings that one would be made from.
    """
    used = client or client_in_use()
    return diagnosis(examine(client.connection if client else None), is_sandbox=used is not None and used.is_sandbox)


def diagnosis(checks: list[Check], *, is_sandbox: bool) -> Diagnosis:
    """The checks as a table."""
    count = {state: sum(check.state == state for check in checks) for state in SIGNS}
    caption = (
        f"{counted(len(checks), 'check')}: {count['ok']} ok, {counted(count['warn'], 'warning')}, "
        f"{count['fail']} failed, {count['not checked']} not checked"
    )
    table = Diagnosis(pd.DataFrame([astuple(check) for check in checks], columns=list(COLUMNS), dtype="string"))
    table.attrs = {CAPTION: caption, IS_SANDBOX: is_sandbox, FAILED: count["fail"]}
    return table


def _row(name: str, result: str, found: str, next_step: str) -> str:
    colour = f";color:{COLOURS[result]}" if result in COLOURS else ""
    first = f'<td style="text-align:left;white-space:nowrap{colour}">{SIGNS[result]} {result}</td>'
    cells = "".join(f'<td style="text-align:left">{html.escape(text)}</td>' for text in (found, next_step))
    return f'<tr><th style="text-align:left">{html.escape(name)}</th>{first}{cells}</tr>'


def _wrapped(begin: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=" " * len(begin), break_on_hyphens=False
    ) or [begin]
