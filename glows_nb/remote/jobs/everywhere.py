"""Ask many machines about their jobs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from glows_nb.api.client import Client
from glows_nb.api.errors import GlowsError
from glows_nb.api.models.instances import Instance
from glows_nb.ledger.jobs import JobRecord
from glows_nb.remote.calling import Caller, in_time
from glows_nb.remote.jobs.keeping import note, record_of
from glows_nb.remote.jobs.told import Told
from glows_nb.remote.jobs.work import listed
from glows_nb.remote.lines.line import Line, line_to

AT_ONCE: Final = 8
WITHIN: Final = 30.0


async def ask_all(
    client: Client, caller: Caller, machines: Sequence[Instance]
) -> tuple[dict[str, list[JobRecord]], list[str]]:
    """The newest run of each job of each machine that answers, and a sentence for each that does not."""
    told: dict[str, list[JobRecord]] = {}
    silent: list[str] = []
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(machine: Instance) -> None:
        line = line_to(client, machine.instance_id)
        line.instance = line.instance or machine
        async with turns:
            try:
                jobs = await in_time(_listed(line, caller), WITHIN)
            except TimeoutError:
                silent.append(f"{line.name} did not answer within {WITHIN:g} s")
            except GlowsError as error:
                silent.append(str(error).rstrip("."))
            else:
                told[machine.instance_id] = [record_of(machine.instance_id, job) for job in jobs]
                for job in jobs:
                    await note(client, machine.instance_id, job)

    await asyncio.gather(*(ask(machine) for machine in machines))
    return told, silent


async def _listed(line: Line, caller: Caller) -> list[Told]:
    was_open = line.is_open
    try:
        await line.connected(caller)
        return await listed(line, caller)
    finally:
        if not was_open and not line.users:
            line.drop()
