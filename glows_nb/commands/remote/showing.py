"""How what comes of work on a machine is shown, beside its own words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glows_nb.frames.tables import Table
    from glows_nb.remote.files.transfer import Transfer

TRANSFER = ("glows_nb.remote.files.transfer", "Transfer")
"""Where its class is; a notebook that moves no files does not load it."""


def was_shown(value: Any) -> bool:
    """Is it a command that ended well, whose output was shown while it ran?"""
    output = sys.modules.get("glows_nb.remote.output")
    return output is not None and isinstance(value, output.Completed) and value.exit_status == 0


def transfer_text(transfer: Transfer) -> str:
    """What was done; of what only would be, the files too."""
    return repr(_files(transfer)) if _has_table(transfer) else str(transfer)


def transfer_html(transfer: Transfer) -> str | None:
    """The same for a notebook; None where the text alone says it all."""
    return _files(transfer)._repr_html_() if _has_table(transfer) else None


def _has_table(transfer: Transfer) -> bool:
    return transfer.is_dry_run and bool(transfer.rows)


def _files(transfer: Transfer) -> Table:
    from glows_nb.frames.tables import captioned

    return captioned(transfer.files, str(transfer), is_sandbox=False)
