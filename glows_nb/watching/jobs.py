"""`glows.jobs()`: the jobs of all machines of the account, and what the ledger knows of those whose machine is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from glows_nb.api.client import Client
from glows_nb.api.lifecycle.keys import made_from_name
from glows_nb.api.models.instances import Instance
from glows_nb.api.statuses import LEAVING, InstanceStatus
from glows_nb.connection import current_client
from glows_nb.formatting import counted, visible
from glows_nb.frames import from_models
from glows_nb.frames.tables import Table, captioned
from glows_nb.ledger.jobs import JobRecord, JobRow, jobs_of, note_lost
from glows_nb.ledger.recorder import recorder_of
from glows_nb.money import Rate


def jobs(*, client: Client | None = None) -> Table:
    """The jobs of all machines of the account, one row each, in the order in which they were begun.

    Each machine that runs is asked, at most eight at a time. A machine that can't be asked, or has ended, has the rows
    that the ledger of this computer knows: those jobs as they were when they were last seen, or as "lost with the
    machine".

    Columns: machine, name, status (see `Job.status`), started (UTC, by the machine's clock), took, exit_status,
    cost_so_far (Credits: the machine's price while the job ran, an estimate, whatever else ran beside it), command,
    instance_id.

    Args:
        client: the client to ask; without it the current one.

    Raises:
        GlowsError: the service or the ledger can't be read; that is never an empty list.
    """
    service = client or current_client()
    recorder = recorder_of(service)
    machines = {machine.instance_id: machine for machine in service.instances.all()}
    running = [machine for machine in machines.values() if machine.status == InstanceStatus.RUNNING]
    told, silent = _asked(service, running)
    rates = {record.instance_id: record.last.rate for record in recorder.ledger.machines(recorder.account)}
    ended = {id_ for id_, machine in machines.items() if machine.status in LEAVING}
    kept = list(
        _as_last_seen(jobs_of(recorder.ledger, recorder.account), asked=set(told), living=set(machines) - ended)
    )
    note_lost(recorder.ledger, recorder.account, [job for job in kept if job.is_lost])
    rows = [
        JobRow(
            machine=_name(service, machines.get(id_), id_),
            instance_id=id_,
            name=job.name,
            status=job.status,
            exit_status=job.exit_status,
            began_ms=job.began_ms,
            seconds=job.seconds,
            rate=_rate(machines.get(id_), rates.get(id_)),
            command=job.command,
        )
        for id_, job in [*((job.instance_id, job) for job in kept), *((id_, job) for id_ in told for job in told[id_])]
    ]
    rows.sort(key=lambda row: row.began_ms or 1 << 60)
    going = sum(row.status in ("queued", "running") for row in rows)
    caption = f"{counted(len(rows), 'job')}, {going} not over"
    if any(row.seconds is not None for row in rows):
        caption += "; costs are estimates"
    if silent:
        caption += f"; not asked, so as last seen: {'; '.join(silent)}"
    return captioned(from_models.jobs(rows), caption, is_sandbox=service.is_sandbox)


def _asked(service: Client, running: Sequence[Instance]) -> tuple[dict[str, list[JobRecord]], list[str]]:
    """What each machine tells of its jobs, and a sentence for each that does not."""
    if not running:
        return {}, []
    from glows_nb.remote import calling
    from glows_nb.remote.handle import Handle
    from glows_nb.remote.jobs.everywhere import ask_all

    Handle.refuse_without_library()
    return calling.run(lambda caller: ask_all(service, caller, running))


def _as_last_seen(known: Sequence[JobRecord], *, asked: set[str], living: set[str]) -> Iterator[JobRecord]:
    """Jobs of machines that were not asked, the newest run of each."""
    newest = {(job.instance_id, job.name): job for job in known}
    for job in newest.values():
        if job.instance_id not in asked:
            yield job if job.instance_id in living else job.lost_with_machine()


def _name(service: Client, machine: Instance | None, instance_id: str) -> str:
    made = made_from_name(machine.meta_key, service.account_mark) if machine is not None else None
    return visible(instance_id if made is None else made.removesuffix(f"-{service.account_mark}"))


def _rate(machine: Instance | None, known: Rate | None) -> Rate | None:
    return known or (machine.rate if machine is not None else None)
