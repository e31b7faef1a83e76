"""The command that runs cells in a machine's kernel: run."""

from __future__ import annotations

import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from glows_nb.commands.group import MAGIC_PROGRAM, CommandError, group, program, say, saying_notes_of_interrupt
from glows_nb.commands.parameter_types import GPU, IMAGE, MACHINE, POSITIVE, REGION
from glows_nb.commands.remote.starting import found_or_started
from glows_nb.commands.remote.user_variables import VARIABLES, user_namespace, variables_here
from glows_nb.commands.remote.where_cells_run import (
    machine_of_cells,
    run_cells_here,
    run_cells_on,
    use_kernel,
)
from glows_nb.connection import current_client
from glows_nb.formatting import visible

if TYPE_CHECKING:
    from glows_nb.remote.cells.failing import CellFailed
    from glows_nb.remote.cells.outputs import Result
    from glows_nb.remote.machine import Machine


@group.command(
    examples=(
        "run train --status",
        "run train --restart",
        "run train --gpu 4090 --max-price 0.60 --code 'print(6 * 7)' --yes",
    ),
)
@click.argument("machine", required=False, type=MACHINE)
@click.argument("script", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--code", metavar="TEXT", help="What is run; in a notebook that can stand below the line.")
@click.option("--send", multiple=True, type=VARIABLES, help="Variables that are set there before: df,cfg.")
@click.option("--fetch", multiple=True, type=VARIABLES, help="Variables that are had from there after it.")
@click.option("--again", is_flag=True, help="Run it anew, though it runs there or has ended unseen.")
@click.option("--trust", is_flag=True, help="Show HTML and scripts that come from there as they are.")
@click.option("--status", "is_status", is_flag=True, help="Only what the kernel there does, and what ran in it.")
@click.option("--log", "is_log", is_flag=True, help="Only all that the last cell there has said.")
@click.option("--restart", is_flag=True, help="Begin another kernel there; variables are gone.")
@click.option("--marked", is_flag=True, help="Show the machine's name above, as after %glows on.")
@click.option("--gpu", type=GPU, metavar="TEXT", help="Rent MACHINE with this GPU, as by launch, if there is none.")
@click.option("--name", metavar="NAME", help="With --gpu: the machine's name, instead of MACHINE.")
@click.option("--region", "regions", type=REGION, multiple=True, metavar="NAME", help="With --gpu: where, in order.")
@click.option("--image", type=IMAGE, metavar="ID", help="With --gpu: the image, by id or name.")
@click.option("--max-price", type=POSITIVE, metavar="CREDITS", help="With --gpu: rent nothing above this per hour.")
@click.option("--over-budget", is_flag=True, help="With --gpu: rent though the budget would be passed.")
@click.option("--yes", is_flag=True, help="Ask nothing: rent it, and install ipykernel there, if that is missing.")
def run(
    machine: str | None,
    script: Path | None,
    code: str | None,
    send: tuple[list[str], ...],
    fetch: tuple[list[str], ...],
    again: bool,
    trust: bool,
    is_status: bool,
    is_log: bool,
    restart: bool,
    marked: bool,
    gpu: str | None,
    name: str | None,
    regions: tuple[str, ...],
    image: str | None,
    max_price: float | None,
    over_budget: bool,
    yes: bool,
) -> Any:
    """Run Python in the kernel of MACHINE; it shows here.

    Variables stay there. It goes on there when the line breaks or this computer is gone. The same cell run again then
    shows what it has said meanwhile, and is not begun anew. An interrupt goes there; a second one lets go.

    \b
    In a notebook:
      %%glows run train
      import torch
      torch.cuda.get_device_name()

    With --gpu the machine is rented first, after the price and a question, unless it is there.

    With --send variables of the notebook are set there before it runs, with --fetch some of there are set in the
    notebook when it has ended well; with no code that is all. None is pickled.

    In a terminal SCRIPT is a file with Python, or it is piped in.
    """
    from glows_nb.commands.settings import settings
    from glows_nb.remote.machine import Machine

    if name is not None and machine not in (None, name):
        if script is not None:
            raise CommandError(f"There are two machines, {machine} and {name}; keep one.")
        machine, script = name, Path(str(machine))
    machine = name or machine
    if machine is None:
        raise click.UsageError("Say on which machine: its name, its id, or --gpu and --name to rent one.")
    namespace = user_namespace() if send or fetch else {}
    sent = variables_here([name for names in send for name in names], namespace)
    fetched = list(dict.fromkeys(name for names in fetch for name in names))
    is_only_asked = is_status or is_log or restart
    if namespace and is_only_asked:
        raise CommandError("--send and --fetch go with code or alone, not with --status, --log or --restart.")
    if gpu is not None and is_only_asked:
        raise CommandError("--gpu rents a machine to run something, and goes not with --status, --log or --restart.")
    if gpu is None and (regions or image or max_price is not None):
        raise CommandError("--region, --image and --max-price say how to rent a machine: give --gpu with them.")
    is_terminal = program() != MAGIC_PROGRAM
    if script is not None:
        code = _text_of(script)
    elif code is None and is_terminal and not is_only_asked and not sys.stdin.isatty():
        code = sys.stdin.read()
    has_code = bool((code or "").strip())
    if not (has_code or namespace or is_only_asked):
        raise CommandError(
            "Nothing is to be run: name a file with Python, or give --code."
            if is_terminal
            else "Nothing is to be run: write the code below the line, as in %%glows run train, or name a file."
        )
    found = (
        None
        if gpu is None
        else found_or_started(
            machine,
            gpu=gpu,
            regions=regions,
            image=image,
            max_price=max_price,
            over_budget=over_budget,
            yes=yes,
        )
    )
    handle = use_kernel(machine, Machine(found or machine, wait=found is not None, client=current_client()))
    if is_status:
        return _runs(handle, machine)
    if is_log:
        return _log(handle.output())
    if restart:
        handle.restart_kernel()
        say(f"Another kernel begins on {machine}; the variables of before are gone.")
        return None
    is_trusted = trust or settings().trust_machines
    with saying_notes_of_interrupt():
        if has_code:
            result = handle.run(code or "", again=again, trust=is_trusted, send=sent, yes=yes, marked=marked)
            if result.error is not None and is_terminal:
                _end_with(result.error)
            if result.error is not None:
                raise result.error
        elif sent:
            handle.put(sent, yes=yes)
        if fetched:
            found_there = handle.get(*fetched, yes=yes)
            namespace.update(zip(fetched, found_there if len(fetched) > 1 else [found_there], strict=True))
    return None


@group.command(examples=("on train",))
@click.argument("machine", type=MACHINE)
def on(machine: str) -> None:
    """Run the cells that follow on MACHINE, until %glows off.

    Each is run as by %%glows run, and what it shows is marked with the machine's name. A cell that begins with %%local
    runs here, and so does one that begins with %glows.
    """
    from glows_nb.remote.machine import Machine

    if program() != MAGIC_PROGRAM:
        raise CommandError(f"That is for the cells of a notebook; in a terminal: {program()} run {machine} script.py")
    use_kernel(machine, Machine(machine, client=current_client())).kernel_status()
    run_cells_on(machine)
    say(f"Cells run on {machine} from here on; %glows off ends that, and %%local above a cell runs it here.")


@group.command(examples=("off",))
def off() -> None:
    """Run the cells that follow here again."""
    machine = machine_of_cells()
    run_cells_here()
    kept = "its kernel keeps its variables while it is there"
    say(f"Cells run here again, no longer on {machine}; {kept}." if machine else "Cells run here already.")


def _text_of(script: Path) -> str:
    """A script as Python itself would read it."""
    try:
        with tokenize.open(script) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise CommandError(f"{script} can't be read as Python: {error}.") from None


def _end_with(error: CellFailed) -> NoReturn:
    """As Python ends a script that fails."""
    if error.ename == SystemExit.__name__:
        # Python itself takes nothing for 0, and shows what is no number.
        is_number = error.evalue.removeprefix("-").isdecimal()
        sys.exit(int(error.evalue) if is_number else visible(error.evalue) if error.evalue not in ("", "None") else 0)
    click.echo("\n".join(error._render_traceback_()), err=True)
    sys.exit(1)


def _runs(handle: Machine, machine: str) -> Any:
    import pandas as pd

    status = handle.kernel_status()
    say(
        f"The kernel on {machine} is {status.state} since {status.since.astimezone():%H:%M}."
        if status.state != "none"
        else f"No kernel runs on {machine}; the next cell begins one."
    )
    rows = [
        (run.began, run.title.partition("\n")[0], run.status or run.state, pd.Timedelta(seconds=run.seconds))
        for run in status.runs
    ]
    return pd.DataFrame(rows, columns=["began", "cell", "status", "took"])


def _log(result: Result) -> None:
    from glows_nb.remote.execution.terminal_text import shown
    from glows_nb.remote.progress import is_notebook

    # A terminal would obey what the machine has written.
    click.echo(result.text if is_notebook() else shown(result.text), nl=False)
