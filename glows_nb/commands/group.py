"""The click group that holds the commands, and how a line of words is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from glows_nb.api.credentials.tokens import Token
from glows_nb.api.errors import GlowsError
from glows_nb.api.errors.base import short_form
from glows_nb.formatting import SANDBOX_WORD, visible

if TYPE_CHECKING:
    from pydantic import SecretStr

    from glows_nb.api.client import Client

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
LONGEST_HELP: Final = 80
MAGIC_PROGRAM: Final = "%glows"
JSON: Final = "glows_nb.json"
STDOUT_IS_TAKEN: Final = "glows_nb.stdout"
"""Set in the `meta` of a command whose stdout is not for notices."""
ENV: Final = "--env"
ASSIGNMENT: Final = re.compile("(?P<option>--env=)?(?P<name>[^=]*)=(?P<value>.*)", re.DOTALL)

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
    written_out: list[Token] = field(default_factory=list)
    """Values of variables that stood in the line."""


SECTIONS: Final = (
    ("Begin", ("sandbox", "login", "use", "logout", "doctor", "config", "help")),
    ("Choose", ("specs", "cheapest", "images", "image submit", "image rm")),
    ("Rent and release", ("launch", "form", "wait", "cancel", "park", "unpark")),
    ("Watch", ("list", "show", "stats", "spend", "budget", "panel")),
    ("Get in", ("ssh", "url", "open")),
    (
        "Work on a machine",
        (
            *("run", "on", "off", "kernel add", "kernel list", "kernel remove"),
            *("exec", "job", "jobs", "log", "send", "fetch", "copy", "forward"),
        ),
    ),
    (
        "Keep and connect",
        ("snap", "snapshots", "networks", "network create", "network attach", "network endpoints"),
    ),
)
"""How the list of all commands is arranged: in the order in which one meets them."""

EXAMPLES: Final = (
    "specs --gpu 4090 --sort price",
    "launch --gpu 4090 --name train --max-price 0.60 --wait --yes",
    "ssh train",
    "cancel train --wait --yes",
)
"""Of the commands' own examples those that one begins with."""


class Command(click.Command):
    """A command with examples, other names, `--json` and `--trace`.

    Args:
        examples: lines that its help shows, without the program's name; the tests run them.
        aliases: other names for it.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), aliases: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)
        self.aliases = tuple(aliases)
        self.params += [_json_option(), _trace_option(hidden=True)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words as arguments and options."""
        self._check_values(ctx, args)
        has_dashes = "--" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            # click forgets whose error it is where an option lacks its value.
            error.ctx = error.ctx or ctx
            takes_dashes = any("--" in str(param.metavar) for param in self.params)
            if isinstance(error, click.NoSuchOption) and takes_dashes and not has_dashes:
                hint = f"what is for the machine stands behind --, as in: {program(ctx)} {self.examples[0]}"
                raise click.UsageError(f"No such option: {error.option_name}; {hint}", ctx) from None
            if not error.message.startswith("Got unexpected extra argument"):
                raise
            raise click.UsageError(f"{error.message}; words that belong together need quotes.", ctx) from None

    def _check_values(self, ctx: click.Context, args: Sequence[str]) -> None:
        """Refuse an option that would take the next one for its value, as where `--name $name` expands to nothing.

        Raises:
            UsageError: there is one.
        """
        options = [param for param in self.params if isinstance(param, click.Option)]
        takes_value = {name for option in options if not option.is_flag for name in option.opts}
        known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        for word, value in pairwise(args):
            if word == "--":
                return
            if word in takes_value and (value in known or value.partition("=")[0] in takes_value):
                following = value.partition("=")[0]
                raise click.UsageError(
                    f"Option {word!r} requires an argument, and {following!r} follows; {word}=… takes anything.", ctx
                )

    def invoke(self, ctx: click.Context) -> Any:
        """Its value, or that as JSON."""
        value = super().invoke(ctx)
        if not ctx.meta.get(JSON):
            return value
        from glows_nb.commands.json_output import Json, as_json

        return Json(as_json(value))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they are typed here."""
        super().format_epilog(ctx, formatter)
        _write_examples(self.examples, ctx, formatter)


class Commands(click.Group):
    """A group whose commands may have other names; alone it shows its help.

    Args:
        sections: titles, and which commands are listed under each; of a group in it, each of its commands. Without
            sections there is one list.
        examples: lines that its help shows, without the program's name; the tests run them.
    """

    command_class = Command
    group_class = type

    def __init__(
        self,
        *args: Any,
        sections: Sequence[tuple[str, Sequence[str]]] = (),
        examples: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **{"invoke_without_command": True, **options})
        self.sections = tuple(sections)
        self.examples = tuple(examples)

    def invoke(self, ctx: click.Context) -> Any:
        """What its command gives."""
        value = super().invoke(ctx)
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return value

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, by their other names too where something was typed."""
        names = {name: command for name, command in sorted(self.commands.items()) if not command.hidden}
        if incomplete:
            names |= {alias: command for command in names.values() for alias in getattr(command, "aliases", ())}
        # click would cut what they do to 45 characters; its own `shell_complete` adds the options.
        found = [
            CompletionItem(name, help=command.get_short_help_str(LONGEST_HELP))
            for name, command in names.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or with this other name."""
        others = (command for command in self.commands.values() if cmd_name in getattr(command, "aliases", ()))
        return super().get_command(ctx, cmd_name) or next(others, None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its other names and what it does."""
        commands = all_commands(self) if self.sections else dict(sorted(self.commands.items()))
        words = {name: ", ".join((name, *getattr(command, "aliases", ()))) for name, command in commands.items()}
        widest = max(map(len, words.values()))
        for title, names in self.sections or (("Commands", tuple(commands)),):
            with formatter.section(title):
                # As wide as the widest of all, so that the sections stand in line.
                formatter.write_dl(
                    [
                        (f"{words[name]:{widest}}", commands[name].get_short_help_str(formatter.width - widest - 6))
                        for name in names
                    ]
                )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they are typed here, and what else is to be said."""
        _write_examples(self.examples, ctx, formatter)
        super().format_epilog(ctx, formatter)


def all_commands(commands: click.Group, path: str = "") -> dict[str, click.Command]:
    """Every command by its words; of a group in the group each of its commands."""
    found: dict[str, click.Command] = {}
    for name, command in commands.commands.items():
        if isinstance(command, Commands):
            found |= all_commands(command, f"{path}{name} ")
        else:
            found[f"{path}{name}"] = command
    return found


def _trace_option(*, hidden: bool) -> click.Option:
    def remember(context: click.Context, parameter: click.Parameter, is_wanted: bool) -> None:
        if is_wanted:
            context.ensure_object(Run).is_traced = True

    return click.Option(
        ["--trace"],
        is_flag=True,
        expose_value=False,
        callback=remember,
        hidden=hidden,
        help="Show the whole traceback of a command's error.",
    )


TRACE: Final = _trace_option(hidden=False)
"""`--trace` of a whole group; each of its commands has it too, without a line in its help."""


@click.group(
    name=MAGIC_PROGRAM,
    cls=Commands,
    params=[TRACE],
    context_settings=CONTEXT_SETTINGS,
    sections=SECTIONS,
    examples=EXAMPLES,
    epilog="""\b
No account yet: %glows sandbox. More on one command: %glows help launch.
Each line gives a value: x = %glows …   %glows … >> x   %glows …; shows nothing.""",
)
def group() -> None:
    """Rent GPU machines from GLOWS: browse what there is, launch, watch, release."""


def program(context: click.Context | None = None) -> str:
    """How the program is called where the command was typed: %glows or glows-nb."""
    context = context or click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or MAGIC_PROGRAM


def say(text: str) -> None:
    """A notice beside the value; to stderr where stdout is to hold nothing else, as where the value is JSON."""
    context = click.get_current_context(silent=True)
    click.echo(visible(text), err=context is not None and any(context.meta.get(key) for key in (JSON, STDOUT_IS_TAKEN)))


def sandbox_word(client: Client) -> str:
    """What a notice begins with where nothing costs money."""
    return f"{SANDBOX_WORD} · " if client.is_sandbox else ""


def say_what_is_left(text: str) -> None:
    """A notice of an interrupted command, on what goes on without it."""
    context = click.get_current_context(silent=True)
    line = context.find_object(Run) if context else None
    if line is not None:
        line.has_said_what_is_left = True
    say(text)


@contextmanager
def saying_on_interrupt(what_is_left: str) -> Iterator[None]:
    """An interrupt of what is within says this."""
    try:
        yield
    except KeyboardInterrupt:
        say_what_is_left(what_is_left)
        raise


@contextmanager
def saying_notes_of_interrupt() -> Iterator[None]:
    """An interrupt of what is within says what it was noted with."""
    try:
        yield
    except KeyboardInterrupt as stop:
        for note in getattr(stop, "__notes__", ()):
            say_what_is_left(note)
        raise


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
    arguments = _without_values(words, line)
    words = ""
    try:
        if isinstance(arguments, CommandError):
            raise arguments
        return _carried_out(arguments, commands, name, line)
    except GlowsError as error:
        error.is_traced = line.is_traced
        raise


def _without_values(words: str | Sequence[str], line: Run) -> list[str] | CommandError:
    """The words apart, values of variables taken out of them: no frame that a command comes through shows these.

    It never raises, since they stand in this one.
    """
    try:
        arguments = shlex.split(words) if isinstance(words, str) else list(words)
    except ValueError as error:
        problem = str(error)
        return CommandError(f"The line can't be read: {problem}.")
    for number, word in enumerate(arguments):
        is_value = number > 0 and arguments[number - 1] == ENV
        found = ASSIGNMENT.fullmatch(word)
        if found is not None and is_value != bool(found["option"]):
            arguments[number] = f"{found['option'] or ''}{found['name']}={len(line.written_out)}"
            line.written_out.append(Token(found["value"]))
    return arguments


def written_out(number: str) -> SecretStr:
    """The value of a variable that stood in the line; commands get its number."""
    from pydantic import SecretStr

    return SecretStr(click.get_current_context().ensure_object(Run).written_out[int(number)].get_secret_value())


def as_written(words: Sequence[str]) -> list[str]:
    """Words for another program, which came to the command without the values of variables, with these."""
    found = list(words)
    for number, word in enumerate(words):
        assignment = ASSIGNMENT.fullmatch(word)
        if assignment is not None and (number > 0 and words[number - 1] == ENV) != bool(assignment["option"]):
            value = written_out(assignment["value"]).get_secret_value()
            found[number] = f"{assignment['option'] or ''}{assignment['name']}={value}"
    return found


def _carried_out(arguments: list[str], commands: click.Group, name: str, line: Run) -> Any:
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
    # click lists what there is to choose from on lines of their own.
    message = " ".join(error.format_message().split())
    if not message.endswith((".", "?", ")")):
        message += "."
    context = getattr(error, "ctx", None)
    # `image submit` is a command in a group in the program.
    path = context.command_path.removeprefix(context.find_root().command_path).strip() if context else ""
    return f"{message} See: {name} help{f' {path}' if path else ''}"


def _write_examples(examples: Sequence[str], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{program(ctx)} {example}\n")


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
