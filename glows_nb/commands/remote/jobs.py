"""The commands for what runs on machines without us: job, jobs, log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from glows_nb.api.errors import InvalidRequest
from glows_nb.commands.group import (
    MAGIC_PROGRAM,
    STDOUT_IS_TAKEN,
    CommandError,
    as_written,
    group,
    program,
    say,
    saying_notes_of_interrupt,
)
from glows_nb.commands.parameter_types import JOB, MACHINE
from glows_nb.commands.remote.execution import SHELL, Streams, refuse_shell_signs
from glows_nb.commands.variables import variables
from glows_nb.connection import current_client

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.frames.tables import Table
    from glows_nb.remote.jobs.job import Job

TAIL: Final = 100


@group.command(
    examples=(
        "job train --name hello -- echo hello",
        "job train --slots 1 --env EPOCHS=3 -- 'echo $EPOCHS; sleep 0.1'",
        "job train --name hello --stop",
    ),
)
@click.argument("machine", type=MACHINE)
@click.argument("words", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
@click.option("--name", metavar="NAME", help="By what it is found; without it, its text.")
@click.option("--after", multiple=True, metavar="JOB", help="Begin when this job is over, however it ends.")
@click.option("--slots", type=click.IntRange(min=1), metavar="N", help="Queue, and run so many at a time; 1 in turn.")
@click.option(
    "--env", "envs", multiple=True, metavar="NAME[=VALUE]", help="A variable; NAME alone takes its value from here."
)
@click.option("--folder", default="", metavar="PATH", help="Where it runs, below the home there.")
@click.option("--input", "given", metavar="TEXT", help="What it reads; in a notebook that can stand below the line.")
@click.option("--then", metavar="WORD", help="release or park: not carried out yet, so refused.")
@click.option("--again", is_flag=True, help="Start another run, where the last one is over.")
@click.option("--stop", is_flag=True, help="End the job of this name, with all that it has begun.")
def job(
    machine: str,
    words: tuple[str, ...],
    name: str | None,
    after: tuple[str, ...],
    slots: int | None,
    envs: tuple[str, ...],
    folder: str,
    given: str | None,
    then: str | None,
    again: bool,
    stop: bool,
) -> Job:
    """Start a command on MACHINE that runs on without us.

    It goes on there when the line breaks, the notebook's kernel ends or this computer is gone. The same line again
    finds it, by its name or its text, and starts none, even if it has ended. With --name alone it is looked up.

    \b
    In a notebook a script can stand below the line, for sh or for what stands behind --:
      %%glows job train --name sweep -- python3 -
      print("on the machine")

    In a terminal without a command a script for sh is read from what is piped in. See: log, jobs.
    """
    from glows_nb.remote.machine import Machine

    if stop:
        if name is None or words:
            raise CommandError(f"--stop ends a job by its name, as in: {program()} job {machine} --name hello --stop")
        return Machine(machine, client=current_client()).job(name=name).stop()
    if not words and given is None and program() != MAGIC_PROGRAM and sys.stdin is not None and not sys.stdin.isatty():
        given = sys.stdin.read() or None
    if not words and given is None and name is None:
        raise click.UsageError(
            f"The command is missing, as in: {program()} job train -- python3 train.py", click.get_current_context()
        )
    command = as_written(words) or ([] if given is None else [SHELL])
    if program() == MAGIC_PROGRAM:
        refuse_shell_signs(command)
    with saying_notes_of_interrupt():
        return Machine(machine, client=current_client()).job(
            (command[0] if len(command) == 1 else command) if command else None,
            name=name,
            then=then,
            after=after,
            slots=slots,
            input=given,
            env=variables(envs),
            folder=folder,
            again=again,
        )


@group.command(examples=("jobs",))
def jobs() -> Table:
    """Show the jobs of all machines.

    Each machine that runs is asked. Of a machine that has ended, the jobs that this computer knows of are shown.
    """
    from glows_nb.watching.jobs import jobs

    return jobs(client=current_client())


@group.command(examples=("log hello", "log train:hello --tail 3", "log hello --follow"))
@click.argument("job", type=JOB)
@click.option("--follow", is_flag=True, help="Go on until the job is over, from where this was left.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help=f"Begin with so many last lines; {TAIL} without.")
@click.pass_context
def log(context: click.Context, job: str, follow: bool, tail: int | None) -> Job | None:
    """Show what JOB has written.

    It is the job's name, or MACHINE:NAME. With --follow it goes on until the job is over; an interrupt ends that, not
    the job.
    """
    from glows_nb.remote.execution.printing import Printed

    is_terminal = program() != MAGIC_PROGRAM
    context.meta[STDOUT_IS_TAKEN] = is_terminal
    found = _found(current_client(), job)
    shown = Streams() if is_terminal else Printed("job.log(tail=None) has its end")
    if not follow:
        text = found.log_bytes(TAIL if tail is None else tail)
        shown(text, False)
        shown(b"", False)
        return None
    with saying_notes_of_interrupt():
        found.follow(tail, on_output=shown if is_terminal else None)
    if is_terminal:
        say(repr(found))
        return None
    return found


def _found(client: Client, word: str) -> Job:
    """The job of a word: of the machine that it names, of the newest of that name that was seen here, or of any.

    Raises:
        InvalidRequest: there is none, or there are several.
    """
    from glows_nb.ledger.jobs import jobs_of
    from glows_nb.ledger.recorder import recorder_of
    from glows_nb.remote.machine import Machine

    machine, colon, name = word.rpartition(":")
    if colon:
        return Machine(machine, client=client).job(name=name)
    recorder = recorder_of(client)
    known = [job for job in jobs_of(recorder.ledger, recorder.account) if job.name == name]
    if known:
        newest = max(known, key=lambda job: job.created_ms)
        return Machine(newest.instance_id, client=client).job(name=name)
    from glows_nb.watching.jobs import jobs

    table = jobs(client=client)
    places = list(table.loc[table["name"] == name, "instance_id"])
    if len(places) != 1:
        raise InvalidRequest(
            "job",
            f"{len(places)} machines have a job {name!r}; name one, as in: {program()} log train:{name}"
            if places
            else f"no machine has a job {name!r}; {program()} jobs shows those that there are.",
        )
    return Machine(places[0], client=client).job(name=name)
