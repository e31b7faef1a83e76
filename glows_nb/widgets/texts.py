"""Every English text that the widgets show, in one place, so that they can be translated.

A text with a place for a value is a format string; the name in braces says what comes there.
"""

from __future__ import annotations

from typing import Final

COPIED: Final = "Copied"
COPY_REFUSED: Final = "The browser refused to copy"
