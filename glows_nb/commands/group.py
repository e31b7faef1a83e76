"""The click group that holds the commands, and how a line of words is run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from glows_nb.api.errors import GlowsError, short_form
from glows_nb.commands.json_text import Json, as_json

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
MAGIC_PROGRAM: Final = "%glows"
JSON: Final = "glows_nb.json"

F = TypeVar("F")


class CommandError(GlowsError):
    """A command's words can't be understood; the text names the nearest right one."""


class SecretInLine(CommandError):
    """A line holds what may be a token; no text repeats it, and whoever keeps lines must forget this one."""

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """The sentence alone, for `%tb` too: the line stands in the frames."""
        return lambda: [short_form(self)]


class Interrupted(KeyboardInterrupt):
    """A command was interrupted; where that leaves something behind, it has said what."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it."""
        return [short_form(self)]


# Front ends know an interrupt by this name.
Interrupted.__name__ = KeyboardInterrupt.__name__


@dataclass
class Run:
    """What is known of one line beside its command: click's `obj`."""

    is_traced: bool = False
    has_said_what_is_left: bool = False


class Command(click.Command):
    """A command with examples, other names and `--json`.

    Args:
        examples: lines that its help shows, without the program's name; the tests run them.
        aliases: other names for it.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), aliases: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)
        self.aliases = tuple(aliases)
        self.params.append(_json_option())

    def invoke(self, ctx: click.Context) -> Any:
        """Its value, or that as JSON."""
        value = super().invoke(ctx)
        return Json(as_json(value)) if ctx.meta.get(JSON) else value

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they are typed here."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{program(ctx)} {example}\n")


class Commands(click.Group):
    """A group whose commands may have other names."""

    command_class = Command
    group_class = type

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or with this other name."""
        others = (command for command in self.commands.values() if cmd_name in getattr(command, "aliases", ()))
        return super().get_command(ctx, cmd_name) or next(others, None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its other names and what it does."""
        names = {
            ", ".join((name, *getattr(command, "aliases", ()))): command
            for name, command in sorted(self.commands.items())
        }
        limit = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(words, command.get_short_help_str(limit)) for words, command in names.items()])


def trace_option(function: F) -> F:
    """The option `--trace` of a whole group."""
    return click.option(
        "--trace",
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, parameter, value: setattr(ctx.ensure_object(Run), "is_traced", value),
        help="Show where an error came from at once: %glows --trace COMMAND.",
    )(function)  # type: ignore[type-var]


@click.group(
    name=MAGIC_PROGRAM,
    cls=Commands,
    context_settings=CONTEXT_SETTINGS,
    invoke_without_command=True,
    epilog="More on one: help COMMAND. Without an account: sandbox. Values: x = %glows …, %glows … >> x.",
)
@trace_option
@click.pass_context
def group(context: click.Context) -> None:
    """Rent GPU machines from GLOWS: browse what there is, launch, watch, release."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def program(context: click.Context | None = None) -> str:
    """How the program is called where the command was typed: %glows or glows-nb."""
    context = context or click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or MAGIC_PROGRAM


def say(text: str) -> None:
    """A notice beside the value; where the value is JSON it goes to stderr, so that stdout holds nothing else."""
    context = click.get_current_context(silent=True)
    click.echo(text, err=context is not None and bool(context.meta.get(JSON)))


def say_what_is_left(text: str) -> None:
    """A notice of an interrupted command, on what goes on without it."""
    context = click.get_current_context(silent=True)
    line = context.find_object(Run) if context else None
    if line is not None:
        line.has_said_what_is_left = True
    say(text)


def run(words: str | Sequence[str], commands: click.Group = group, name: str = MAGIC_PROGRAM) -> Any:
    """Run a command and give its value.

    Args:
        words: the command and its arguments, as one line or as separate words.
        commands: the group that has it.
        name: how the group is called in help and errors.

    Raises:
        CommandError: there is no such command or option, or a value can't be understood.
        GlowsError: what the command itself raises.
        Interrupted: the command was interrupted; it has said what is left behind, if anything. It is a
            KeyboardInterrupt.
    """
    line = Run()
    try:
        return _carried_out(words, commands, name, line)
    except GlowsError as error:
        error.is_traced = line.is_traced
        raise


def _carried_out(words: str | Sequence[str], commands: click.Group, name: str, line: Run) -> Any:
    try:
        arguments = shlex.split(words) if isinstance(words, str) else list(words)
    except ValueError as error:
        raise CommandError(f"The line can't be read: {error}.") from None
    try:
        value = commands.main(arguments, prog_name=name, standalone_mode=False, obj=line)
    except click.ClickException as error:
        raise CommandError(_sentence(error, name)) from None
    except click.exceptions.Abort as stop:
        # click turns an interrupt into this: while a machine is awaited, plenty has been done.
        if isinstance(stop.__cause__, KeyboardInterrupt):
            said = "; what is left behind is said above" if line.has_said_what_is_left else ""
            raise Interrupted(f"stopped{said}") from None
        raise CommandError("Stopped; nothing was done.") from None
    # With standalone_mode=False click gives the exit status of --help as the value.
    return None if type(value) is int else value


def _sentence(error: click.ClickException, name: str) -> str:
    message = error.format_message()
    if not message.endswith((".", "?", ")")):
        message += "."
    context = getattr(error, "ctx", None)
    # `image submit` is a command in a group in the program.
    path = context.command_path.removeprefix(context.find_root().command_path).strip() if context else ""
    return f"{message} See: {name} help{f' {path}' if path else ''}"


def _json_option() -> click.Option:
    def remember(context: click.Context, parameter: click.Parameter, is_wanted: bool) -> None:
        if is_wanted:
            context.meta[JSON] = True

    return click.Option(
        ["--json"],
        is_flag=True,
        expose_value=False,
        callback=remember,
        help="Give the value as JSON, without secrets; notices go to stderr.",
    )
