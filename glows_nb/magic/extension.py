"""`%load_ext glows_nb`: what is registered with IPython, and taken away again by `%unload_ext`."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from glows_nb.api.errors import GlowsError
from glows_nb.api.models import Instance
from glows_nb.commands import run
from glows_nb.magic import completion
from glows_nb.magic.rendering import error_text, instance_html, instance_text

MAGIC_NAME = "glows"


def load(shell: InteractiveShell) -> None:
    """Register %glows and its completion, the short form of GLOWS errors, and how a machine is shown."""
    shell.register_magic_function(line_magic, "line", MAGIC_NAME)  # type: ignore[arg-type]  # typed as a method
    completion.load(shell)
    shell.set_custom_exc((GlowsError,), show_error)
    _formatters(shell)["text/html"].for_type(Instance, instance_html)
    _formatters(shell)["text/plain"].for_type(
        Instance, lambda instance, printer, cycle: printer.text("…" if cycle else instance_text(instance))
    )


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered."""
    shell.magics_manager.magics["line"].pop(MAGIC_NAME, None)
    completion.unload(shell)
    shell.set_custom_exc((), None)
    for kind in ("text/html", "text/plain"):
        _formatters(shell)[kind].pop(Instance, None)


def line_magic(line: str) -> Any:
    """Browse, launch, watch and release GPU machines: `%glows help` lists the commands."""
    return run(line)


def show_error(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """One sentence instead of forty lines, and still a real error: Run All stops. `%tb` shows the whole."""
    # IPython remembers an error for %tb and %debug only where it shows it itself.
    shell._get_exc_info((kind, error, traceback))
    lines = [error_text(error)]
    shell._showtraceback(kind, error, lines)
    return lines


def _formatters(shell: InteractiveShell) -> Any:
    if shell.display_formatter is None:
        raise GlowsError("This IPython shows nothing, so glows_nb can't show machines in it.")
    return shell.display_formatter.formatters
