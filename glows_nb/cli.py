"""The terminal: `glows-nb` has the commands of `%glows`, and sandbox, lab and demo of its own."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from glows_nb import commands
from glows_nb.api.credentials.config import BASE_URL_VARIABLE, TOKEN_VARIABLE
from glows_nb.api.errors import GlowsError
from glows_nb.commands.group import EXAMPLES, MAGIC_PROGRAM, SECTIONS, TRACE, Commands
from glows_nb.completion import shells
from glows_nb.connection import disconnect
from glows_nb.formatting import visible

PROGRAM = "glows-nb"


@click.group(
    name=PROGRAM,
    cls=Commands,
    params=[TRACE],
    context_settings=commands.group.context_settings,
    sections=(
        ("Without an account", ("lab", "demo", "sandbox")),
        *((title, tuple(name for name in names if name != "sandbox")) for title, names in SECTIONS),
        ("This terminal", ("completion",)),
    ),
    examples=EXAMPLES,
    epilog="More on one command: glows-nb help launch",
)
@click.version_option(package_name="glows-nb", prog_name=PROGRAM)
def terminal() -> None:
    """Rent GPU machines from GLOWS: browse what there is, launch, watch, release."""


for _name, _command in commands.group.commands.items():
    if _name != "sandbox":
        terminal.add_command(_command, _name)


REAL_MACHINES = click.option(
    "--real-machines/--no-real-machines",
    default=None,
    help="Put somebody behind the machines' ports, or nobody; without it, somebody where they can be confined.",
)


@terminal.group(cls=click.Group, invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; a free one without it.")
@click.option("--speed", type=float, help="How much faster than real its clock runs; 1 is real time.")
@click.option("--state", "path", type=click.Path(dir_okay=False, path_type=Path), help="A file to keep its state in.")
@click.option("--fresh", is_flag=True, help="Empty that file first.")
@click.option("--scenario", help="A scenario to play from the start, such as peak-hours or flaky-network.")
@click.option("--seed", type=int, help="Makes chance the same in every run.")
@REAL_MACHINES
@click.pass_context
def sandbox(
    context: click.Context,
    host: str,
    port: int,
    speed: float | None,
    path: Path | None,
    fresh: bool,
    scenario: str | None,
    seed: int | None,
    real_machines: bool | None,
) -> None:
    """Run a sandbox in the foreground.

    It is a GLOWS server that needs no account and costs nothing; it says what to set in the shell that is to use it.
    """
    if context.invoked_subcommand is not None:
        return
    from glows_nb import embedded

    options: dict[str, Any] = {"speed": speed, "path": path, "fresh": fresh, "scenario": scenario, "seed": seed}
    options["real_machines"] = real_machines
    with embedded.start(host=host, port=port, **options) as server:
        if server.is_exposed:
            warning = (
                f"WARNING: OTHER MACHINES CAN REACH THIS SANDBOX: it listens on {host}, not on this machine alone."
            )
            click.secho(warning, err=True, fg="red", bold=True)
        click.echo(
            f"SANDBOX: nothing here costs money. {server.about_machines} Stop it with Ctrl-C. "
            "In the shell that is to use it:"
        )
        click.echo(f"export {BASE_URL_VARIABLE}={server.base_url}")
        click.echo(f"export {TOKEN_VARIABLE}={server.token}")
        click.echo(f"export {embedded.ADMIN_TOKEN_VARIABLE}={server.admin_token}")
        server.run()


@sandbox.command("token")
@click.option("--user", required=True, help="Whose token; who isn't there comes into being.")
@click.option("--lifetime", type=float, help="How many seconds it is good for; about a month without it.")
def sandbox_token(user: str, lifetime: float | None) -> str:
    """Print a token for a user of the running sandbox that the environment names."""
    from glows_nb import embedded

    return embedded.sandbox_token(user, lifetime)


@terminal.command(cls=click.Command)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("glows-notebooks"),
    show_default=True,
    help="Where the notebooks are put; what is there is kept.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="JupyterLab's port; a free one without it.")
@click.option("--speed", type=float, help="How much faster than real the sandbox's clock runs; 1 is real time.")
@REAL_MACHINES
def lab(folder: Path, browser: bool, port: int, speed: float | None, real_machines: bool | None) -> None:
    """Open the notebooks in JupyterLab, on a sandbox.

    The quickstart comes first.
    """
    from glows_nb.jupyter import run_lab

    status = run_lab(folder, has_browser=browser, port=port, speed=speed, real_machines=real_machines)
    raise SystemExit(status)


@terminal.command(cls=click.Command)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("glows-demo.html"),
    show_default=True,
    help="The HTML page to write.",
)
def demo(output: Path) -> None:
    """Run the quickstart without a browser, on a sandbox.

    Prints its tables, and writes what it shows as an HTML page.
    """
    from glows_nb.jupyter import run_demo

    run_demo(output)


@terminal.command(cls=click.Command)
@click.argument("shell", type=click.Choice(shells.SHELLS))
def completion(shell: str) -> str:
    """Print what lets SHELL complete glows-nb by Tab.

    For bash, put this line into ~/.bashrc: eval "$(glows-nb completion bash)"; for zsh the same with zsh into ~/.zshrc.
    For fish: glows-nb completion fish > ~/.config/fish/completions/glows-nb.fish
    """
    return shells.script(shell, terminal, PROGRAM)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: prints the command's value; errors are one sentence on stderr.

    Exit status: 2 for words that can't be understood or carried out, 1 for other errors, 130 for an interrupt.
    """
    shells.register()
    # A warning here is a sentence for the user, not for who reads the code that it comes from.
    warnings.formatwarning = lambda message, category, *_, **__: f"{category.__name__}: {message}\n"
    if shells.is_completing(PROGRAM):
        # Looking for garbage when the process ends takes as long as finding the words.
        gc.freeze()
    try:
        value = commands.run(sys.argv[1:] if arguments is None else arguments, terminal, PROGRAM)
        text = as_words(value)
    except GlowsError as error:
        is_usage = isinstance(error, commands.CommandError)
        if error.is_traced:
            from traceback import format_exception

            click.echo("".join(format_exception(error)), err=True, nl=False)
        else:
            sentence = _with_own_name(str(error))
            click.echo(sentence if is_usage else f"{type(error).__name__}: {sentence}", err=True)
        raise SystemExit(2 if is_usage else 1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        disconnect()
    if text:
        click.echo(text)
    if _has_failed(value):
        raise SystemExit(1)


def _with_own_name(text: str) -> str:
    """The commands that a sentence names, as they are typed here."""
    return text.replace(f" (in a terminal: {PROGRAM} login)", "").replace(f"{MAGIC_PROGRAM} ", f"{PROGRAM} ")


def as_words(value: Any) -> str:
    """A command's value as plain text for a terminal."""
    if value is None or isinstance(value, str):
        return str(value or "")
    import pandas as pd

    from glows_nb.api.models.wire import AccessUrl
    from glows_nb.commands.descriptions import SHOWN, TRANSFER, facts_text, is_a, transfer_text
    from glows_nb.doctor.report import Diagnosis
    from glows_nb.frames.tables import as_text

    if isinstance(value, Diagnosis):
        return repr(value)
    if isinstance(value, AccessUrl):
        return value.get_secret_value()
    if isinstance(value, pd.DataFrame):
        return as_text(value)
    if is_a(value, TRANSFER):
        return transfer_text(value)
    if type(value) in SHOWN:
        return facts_text(value)
    if isinstance(value, dict):
        return "\n".join(f"{count:>5}  {visible(str(name))}" for name, count in value.items()) or "(none)"
    return str(value)


def _has_failed(value: Any) -> bool:
    """Is it what doctor gives, with a check in it that failed?"""
    if value is None or isinstance(value, str):
        return False
    from glows_nb.doctor.report import FAILED, Diagnosis

    return isinstance(value, Diagnosis) and bool(value.attrs[FAILED])
