"""`%load_ext glows_nb`: what is registered with IPython, and taken away again by `%unload_ext`."""

from __future__ import annotations

import shlex
from types import TracebackType
from typing import Any, Final

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import no_var_expand
from IPython.display import display

from glows_nb.api.errors import GlowsError
from glows_nb.commands import CommandError, Interrupted, SecretInLine, group, run
from glows_nb.commands.cell import words_of_cell
from glows_nb.commands.facts import SHOWN, facts_text
from glows_nb.commands.group import all_commands, is_traced
from glows_nb.commands.settings import Glows, use_settings
from glows_nb.magic import completion
from glows_nb.magic.forgetting import forget, is_login, words_of_login
from glows_nb.magic.lines import Words, is_statement, read_line
from glows_nb.magic.rendering import card_html, error_text

MAGIC_NAME: Final = "glows"
OF_CELLS: Final = "launch"
FRAMES_TO_CELL: Final = 3
"""From `is_statement` up: the magic, IPython's `run_line_magic`, the cell."""


def load(shell: InteractiveShell) -> None:
    """Register %glows and %%glows with completion and settings, the short form of errors, how values are shown."""
    magic.__doc__ = documentation()
    shell.register_magic_function(magic, "line_cell", MAGIC_NAME)  # type: ignore[arg-type]  # typed as a method
    completion.load(shell)
    shell.set_custom_exc((GlowsError, Interrupted), show_error)
    _remove_settings(shell)
    chosen = Glows(parent=shell)
    shell.configurables.append(chosen)  # type: ignore[arg-type]  # typed as shells alone
    use_settings(chosen)
    for kind in SHOWN:
        _formatters(shell)["text/html"].for_type(kind, card_html)
        _formatters(shell)["text/plain"].for_type(
            kind, lambda value, printer, cycle: printer.text("…" if cycle else facts_text(value))
        )


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered."""
    for where in ("line", "cell"):
        shell.magics_manager.magics[where].pop(MAGIC_NAME, None)
    completion.unload(shell)
    shell.set_custom_exc((), None)
    _remove_settings(shell)
    use_settings(Glows())
    for mime in ("text/html", "text/plain"):
        for kind in SHOWN:
            _formatters(shell)[mime].pop(kind, None)


@no_var_expand
def magic(line: str, cell: str | None = None) -> Any:
    """Browse, launch, watch and release GPU machines; `load` puts the commands and examples here."""
    shell = get_ipython()
    if shell is not None:
        line = shell.var_expand(line, FRAMES_TO_CELL - 1, Words())
    try:
        asked = read_line(line)
        value = run(asked.command if cell is None else _with_cell(asked.command, cell))
    except CommandError as error:
        secrets = words_of_login(line) if is_login(line) else set()
        if shell is None or not secrets:
            raise
        forget(shell, secrets)
        refusal = error if isinstance(error, SecretInLine) else SecretInLine(_without(secrets, str(error)))
    else:
        if shell is not None and asked.name is not None:
            shell.push({asked.name: value})
            if not asked.is_quiet:
                display(value)
        # `x = %glows …;` has its value all the same.
        is_shown = not asked.is_quiet and asked.name is None
        return None if not is_shown and (cell is not None or is_statement(FRAMES_TO_CELL)) else value
    raise refusal


def documentation() -> str:
    """What `%glows?` shows: the commands, how values are had, and all examples."""
    with group.make_context("%glows", [], resilient_parsing=True) as context:
        overview = group.get_help(context)
    commands = all_commands(group).values()
    examples = [f"  %glows {example}" for command in commands for example in getattr(command, "examples", ())]
    values = [
        "Values:",
        "  specs = %glows specs --gpu 4090     the DataFrame",
        "  %glows specs >> specs               stored and shown",
        "  %glows specs --json                 as JSON",
        "  %glows specs;                       not shown",
        "  %glows show {name}                  Python variables, also as $name",
    ]
    return "\n".join([overview, "", *values, "", "All examples:", *examples])


def show_error(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """One sentence instead of forty lines, and still a real error: Run All stops. `%tb` shows the whole."""
    # IPython remembers an error for %tb and %debug only where it shows it itself. The frames of a line that holds a
    # token would show it, so that one is not remembered.
    has_traceback = not isinstance(error, SecretInLine)
    if has_traceback:
        shell._get_exc_info((kind, error, traceback))
    if isinstance(error, Interrupted):
        kind, words = KeyboardInterrupt, "stopped; what is left behind is said above"
        lines = [error_text(kind.__name__, KeyboardInterrupt(words))]
    elif is_traced(error) and has_traceback:
        lines = shell.InteractiveTB.structured_traceback(kind, error, traceback, tb_offset=tb_offset)
    else:
        lines = [error_text(kind.__name__, error, has_traceback=has_traceback)]
    shell._showtraceback(kind, error, lines)
    return lines


def _with_cell(line: str, cell: str) -> list[str]:
    """The words of a launch with what stands below its line."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise CommandError(f"The line can't be read: {error}.") from None
    if OF_CELLS not in words[:2]:
        raise CommandError(f"%%glows is for launch alone; write %glows {line.strip()} without the lines below it.")
    below = words_of_cell(cell)
    if "--cmd" in below and any(word.partition("=")[0] == "--cmd" for word in words):
        raise CommandError("There are two start commands: --cmd in the line, and one below it; keep one.")
    return words + below


def _without(secrets: set[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _remove_settings(shell: InteractiveShell) -> None:
    shell.configurables[:] = [each for each in shell.configurables if not isinstance(each, Glows)]


def _formatters(shell: InteractiveShell) -> Any:
    if shell.display_formatter is None:
        raise GlowsError("This IPython shows nothing, so glows_nb can't show machines in it.")
    return shell.display_formatter.formatters
