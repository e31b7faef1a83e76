"""The command that runs a command on a machine: exec."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import current_thread, main_thread
from typing import IO, TYPE_CHECKING, Any, Final

import click

from glows_nb.api.errors import GlowsError
from glows_nb.commands.group import (
    JSON,
    MAGIC_PROGRAM,
    STDOUT_IS_TAKEN,
    CommandError,
    as_written,
    group,
    program,
    say,
    saying_notes_of_interrupt,
)
from glows_nb.commands.parameter_types import MACHINE, POSITIVE
from glows_nb.commands.variables import variables
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.remote.output import Completed

OF_SIGNALS: Final = 128
OF_BROKEN_PIPE: Final = OF_SIGNALS + 13
SHELL: Final = "sh"
SHELL_SIGNS: Final = ("|", "||", "&&", ">", ">>", "2>", "<")


@group.command(
    name="exec",
    examples=(
        "exec train -- nvidia-smi",
        "exec train -- 'cd data && ls | head'",
        "exec train --timeout 60 --env EPOCHS=3 -- sh -c 'echo $EPOCHS'",
    ),
)
@click.argument("machine", type=MACHINE)
@click.argument("words", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
@click.option("--timeout", type=POSITIVE, metavar="S", help="Seconds after which it is ended there.")
@click.option(
    "--env", "envs", multiple=True, metavar="NAME[=VALUE]", help="A variable; NAME alone takes its value from here."
)
@click.option("--input", "given", metavar="TEXT", help="What it reads; in a notebook that can stand below the line.")
@click.option("--pty", is_flag=True, help="Give it a terminal, without a keyboard.")
@click.option("--no-check", is_flag=True, help="In a notebook: a status other than 0 is no error.")
@click.pass_context
def execute(
    context: click.Context,
    machine: str,
    words: tuple[str, ...],
    timeout: float | None,
    envs: tuple[str, ...],
    given: str | None,
    pty: bool,
    no_check: bool,
) -> Completed:
    """Run a command on MACHINE; its output shows as it runs.

    What stands behind -- is the command. One word is a line for the machine's shell, such as 'cd data && ls'; several
    are quoted, so that each arrives as it is. An interrupt ends it there, with all that it started.

    \b
    In a notebook a script can stand below the line, for sh or for what stands behind --:
      %%glows exec train -- python3 -
      print("on the machine")

    In a terminal it reads what is piped in, its output goes on unchanged where that is no terminal, and its exit status
    is that of glows-nb; 128 and the number of a signal where one ended it.
    """
    from glows_nb.remote.machine import Machine

    is_terminal = program() != MAGIC_PROGRAM
    context.meta[STDOUT_IS_TAKEN] = is_terminal
    if not words and given is None:
        raise click.UsageError(f"The command is missing, as in: {program()} exec train -- nvidia-smi", context)
    if pty and given is not None:
        raise CommandError("A terminal has no end of what it reads: give --pty or an input, not both.")
    if pty and is_terminal and sys.stdin.isatty():
        say(f"The keyboard does not go there, only what is shown comes here; for a shell: {program()} ssh {machine}")
    command = as_written(words) or [SHELL]
    if not is_terminal:
        refuse_shell_signs(command)
    is_json = bool(context.meta.get(JSON))
    streams = Streams() if is_terminal and not is_json else None
    with saying_notes_of_interrupt(), _ended_by_signals() if is_terminal else nullcontext():
        try:
            completed = Machine(machine, client=current_client()).exec(
                command[0] if len(command) == 1 else command,
                check=not (is_terminal or no_check),
                timeout=timeout,
                input=_piped() if given is None and is_terminal and not pty else given,
                env=variables(envs),
                pty=pty,
                quiet=is_json,
                on_output=streams,
            )
        except OSError as error:
            raise _unwritable(error) from None
    if is_terminal:
        _leave(completed, streams)
    return completed


class Streams:
    """What takes a command's output in a terminal: bytes as they are, or text that a terminal does not obey."""

    def __init__(self) -> None:
        from glows_nb.remote.execution.terminal_text import TerminalText

        self._texts = (TerminalText(), TerminalText())

    def __call__(self, piece: bytes, is_error: bool) -> None:
        """A piece has come; where it can't be written there is no use in more, and the command is ended there."""
        to: Any = sys.stderr if is_error else sys.stdout
        if to.isatty():
            to.write(self._texts[is_error].of(piece, is_last=not piece))
        else:
            to.buffer.write(piece)
        to.flush()


def refuse_shell_signs(words: Sequence[str]) -> None:
    """No shell reads a line of a notebook, so that what it would do with these has to be left to the machine's.

    Raises:
        CommandError: one of them is a word.
    """
    sign = next((word for word in words if len(words) > 1 and word in SHELL_SIGNS), None)
    if sign is not None:
        line = " ".join(words)
        raise CommandError(f"{sign} is for a shell, and several words are no line for one; quote it: -- '{line}'")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A terminal that is closed, or a kill, ends the command there as Ctrl-C does."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if current_thread() is not main_thread():
        yield  # signals come to the main thread alone
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _piped() -> IO[bytes] | None:
    """What is piped into this program; without its buffer, which Python's end would wait for."""
    if sys.stdin is None or sys.stdin.isatty():
        return None
    raw: IO[bytes] = sys.stdin.buffer.raw  # type: ignore[union-attr]  # of a real stdin
    return raw


def _leave(completed: Completed, streams: Streams | None) -> None:
    """End this program as the command ended."""
    if streams is None:
        from glows_nb.commands.json_output import as_json

        click.echo(as_json(completed))
    else:
        streams(b"", False)
        streams(b"", True)
    name = f"SIG{completed.signal}"
    number = getattr(signal, name, OF_SIGNALS - 1)
    raise SystemExit(OF_SIGNALS + number if completed.signal else completed.exit_status)


def _unwritable(error: OSError) -> BaseException:
    if isinstance(error, BrokenPipeError):
        # Python would write what is left when it ends, and say that it can't.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SystemExit(OF_BROKEN_PIPE)
    return GlowsError(f"The output can't be written here ({error.strerror}), so the command was ended on the machine.")
