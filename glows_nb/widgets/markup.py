"""What the widgets say alike, as HTML: a time, and an error."""

from __future__ import annotations

import html
from datetime import UTC, datetime

from glows_nb.api.errors import GlowsError
from glows_nb.formatting import visible


def escaped(text: str) -> str:
    """Foreign text as HTML that shows it, with what nobody would see written out."""
    return html.escape(visible(text))


def time_html(moment: datetime) -> str:
    """A time that the page shows as how long ago it was, and without a page as it is."""
    exact = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f'<time datetime="{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" title="{exact}">{exact}</time>'


def error_html(error: Exception) -> str:
    """An error: a sign, its kind, its sentence."""
    kind = f"<b>{type(error).__name__}</b>: " if isinstance(error, GlowsError) else f"<b>{type(error).__name__}</b> "
    return f'<span class="glows-error">✗ {kind}{escaped(str(error))}</span>'
