"""The command that runs cells in a machine's kernel: run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glows_nb.commands.group import MAGIC_PROGRAM, CommandError, group, program, say
from glows_nb.commands.parameter_types import MACHINE
from glows_nb.commands.remote.where_cells_run import machine_of_cells, run_cells_here, run_cells_on
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.remote.cells.outputs import Result
    from glows_nb.remote.machine import Machine


@group.command(
    examples=(
        "run train --status",
        "run train --restart",
    ),
)
@click.argument("machine", type=MACHINE)
@click.argument("script", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--code", metavar="TEXT", help="What is run; in a notebook that can stand below the line.")
@click.option("--again", is_flag=True, help="Run it anew, though it runs there or has ended unseen.")
@click.option("--trust", is_flag=True, help="Show HTML and scripts that come from there as they are.")
@click.option("--status", "is_status", is_flag=True, help="Only what the kernel there does, and what ran in it.")
@click.option("--log", "is_log", is_flag=True, help="Only all that the last cell there has said.")
@click.option("--restart", is_flag=True, help="Begin another kernel there; variables are gone.")
@click.option("--marked", is_flag=True, help="Show the machine's name above, as after %glows on.")
@click.option("--yes", is_flag=True, help="Install ipykernel there without a question, if it is missing.")
def run(
    machine: str,
    script: Path | None,
    code: str | None,
    again: bool,
    trust: bool,
    is_status: bool,
    is_log: bool,
    restart: bool,
    marked: bool,
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

    In a terminal SCRIPT is a file with Python, or it is piped in.
    """
    from glows_nb.remote.machine import Machine

    handle = Machine(machine, client=current_client())
    if is_status:
        return _runs(handle)
    if is_log:
        return _log(handle.output())
    if restart:
        handle.restart_kernel()
        return None
    is_terminal = program() != MAGIC_PROGRAM
    if script is not None:
        code = script.read_text(encoding="utf-8")
    elif code is None and is_terminal and not sys.stdin.isatty():
        code = sys.stdin.read()
    if not (code or "").strip():
        raise CommandError(
            "Nothing is to be run: write the code below the line, as in %%glows run train, or name a file."
        )
    result = handle.run(code or "", again=again, trust=trust, yes=yes, marked=marked)
    if result.error is not None:
        raise result.error
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
    Machine(machine, client=current_client()).kernel_status()
    run_cells_on(machine)
    say(f"Cells run on {machine} from here on; %glows off ends that, and %%local above a cell runs it here.")


@group.command(examples=("off",))
def off() -> None:
    """Run the cells that follow here again."""
    machine = machine_of_cells()
    run_cells_here()
    say(f"Cells run here again; the kernel on {machine} keeps its variables." if machine else "Cells run here already.")


def _runs(handle: Machine) -> Any:
    import pandas as pd

    status = handle.kernel_status()
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
