"""`%load_ext glows_nb`: what is registered with IPython, and taken away again by `%unload_ext`."""

from __future__ import annotations

import html
import shlex
from typing import Any, Final

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import no_var_expand
from IPython.display import display
from traitlets import TraitError

from glows_nb.api.errors import ConfigError, GlowsError
from glows_nb.commands import CommandError, SecretInLine, group, run
from glows_nb.commands.cell import words_of_cell
from glows_nb.commands.descriptions import (
    SHOWN,
    TRANSFER,
    facts,
    facts_text,
    transfer_html,
    transfer_text,
    was_shown,
)
from glows_nb.commands.group import all_commands
from glows_nb.commands.settings import Glows, use_settings
from glows_nb.formatting import SANDBOX_WORD
from glows_nb.frames.tables import SANDBOX_BADGE
from glows_nb.magic import completion, elsewhere, names_there
from glows_nb.magic.lines import Words, is_statement, read_line
from glows_nb.magic.scrubbing import forget, may_be_tokens

MAGIC_NAME: Final = "glows"
OF_CELLS: Final = ("launch", "exec", "job", "run")
FORGOTTEN: Final = " What may be a token in the line is taken out of the histories; take it out of the cell too."
FRAMES_TO_CELL: Final = 3
"""From `is_statement` up: the magic, IPython's `run_line_magic`, the cell."""


def load(shell: InteractiveShell) -> None:
    """Register %glows and %%glows with completion and settings, and how values are shown.

    Raises:
        ConfigError: IPython's configuration file gives a setting a value that it can't have.
    """
    try:
        chosen = Glows(parent=shell)
    except TraitError as error:
        raise ConfigError(f"IPython's configuration file: {error}".rstrip(".") + ".") from None
    magic.__doc__ = documentation()
    shell.register_magic_function(magic, "line_cell", MAGIC_NAME)  # type: ignore[arg-type]  # typed as a method
    completion.load(shell)
    elsewhere.load(shell)
    names_there.load(shell)
    _remove_settings(shell)
    shell.configurables.append(chosen)  # type: ignore[arg-type]  # typed as shells alone
    use_settings(chosen)
    for kind in SHOWN:
        _formatters(shell)["text/html"].for_type(kind, card_html)
        _formatters(shell)["text/plain"].for_type(
            kind, lambda value, printer, cycle: printer.text("…" if cycle else facts_text(value))
        )
    _formatters(shell)["text/html"].for_type_by_name(*TRANSFER, transfer_html)
    _formatters(shell)["text/plain"].for_type_by_name(
        *TRANSFER, lambda value, printer, cycle: printer.text(transfer_text(value))
    )


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered."""
    for where in ("line", "cell"):
        shell.magics_manager.magics[where].pop(MAGIC_NAME, None)
    completion.unload(shell)
    elsewhere.unload(shell)
    names_there.unload(shell)
    _remove_settings(shell)
    use_settings(Glows())
    for mime in ("text/html", "text/plain"):
        for kind in (*SHOWN, ".".join(TRANSFER)):
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
    except (CommandError, ConfigError) as error:
        secrets = may_be_tokens(line, cell or "", is_misread=isinstance(error, CommandError))
        if shell is None or not secrets:
            raise
        forget(shell, secrets)
        refusal = error if isinstance(error, SecretInLine) else SecretInLine(_without(secrets, str(error)) + FORGOTTEN)
    else:
        if shell is not None and asked.name is not None:
            shell.push({asked.name: value})
            if not (asked.is_quiet or was_shown(value)):
                display(value)
        # `x = %glows …;` has its value all the same.
        is_shown = not asked.is_quiet and asked.name is None and not was_shown(value)
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


def _with_cell(line: str, cell: str) -> list[str]:
    """The words of a command with what stands below its line."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise CommandError(f"The line can't be read: {error}.") from None
    place, command = next(((place, word) for place, word in enumerate(words) if not word.startswith("-")), (0, ""))
    if command not in OF_CELLS:
        commands = f"{', '.join(OF_CELLS[:-1])} and {OF_CELLS[-1]}"
        raise CommandError(f"%%glows is for {commands} alone; write %glows {line.strip()} without the lines below it.")
    if command == "run":
        return [*words[: place + 1], f"--code={cell}", *words[place + 1 :]]
    if command in ("exec", "job"):
        if not cell.strip():
            raise CommandError(
                f"Nothing stands below the line; write the script there, or %glows {command} MACHINE -- COMMAND."
            )
        return [*words[: place + 1], f"--input={cell}", *words[place + 1 :]]
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


def card_html(value: Any) -> str:
    """The facts of a value as a small table; addresses are shown without their tokens."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{_cell(name, words)}</td></tr>'
        for name, words in facts(value)
    )
    return f"<table>{rows}</table>"


def _cell(name: str, words: str) -> str:
    escaped = html.escape(words)
    if name == "ssh":
        return f"<code>{escaped}</code>"
    if name == "machine" and words.startswith(SANDBOX_WORD):
        return escaped.replace(SANDBOX_WORD, SANDBOX_BADGE, 1)
    return escaped
