"""What the ledger is told of a job, so that it is known of when its machine is gone."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import datetime

from glows_nb.api.client import AsyncClient, Client
from glows_nb.ledger.database import Ledger, LedgerError
from glows_nb.ledger.jobs import JobRecord, jobs_of, note_job
from glows_nb.ledger.records import Account
from glows_nb.remote.jobs.told import Told


def account_of(client: Client | AsyncClient) -> Account:
    """Whose jobs a client's are."""
    return Account(client.account_mark, client.base_url, client.is_sandbox)


async def note(
    client: Client | AsyncClient, instance_id: str, told: Told, *, text_hash: str = "", log_at: int = 0
) -> None:
    """Write down how a job is; where the ledger can't be used that is none of the job's."""
    record = record_of(instance_id, told)._replace(hash=text_hash, log_at=log_at)
    with suppress(LedgerError):
        await asyncio.to_thread(note_job, Ledger(), account_of(client), record)


def record_of(instance_id: str, told: Told) -> JobRecord:
    """A job as the ledger has it."""
    return JobRecord(
        instance_id=instance_id,
        name=told.name,
        number=told.number,
        created_ms=_ms(told.created),
        status=told.status,
        exit_status=told.exit_status,
        began_ms=None if told.began is None else _ms(told.began),
        ended_ms=None if told.ended is None else _ms(told.ended),
        seconds=told.seconds,
        seen_ms=int(time.time() * 1000),
        then=told.then,
        command=told.title,
    )


async def place_in_log(client: Client | AsyncClient, instance_id: str, told: Told) -> int:
    """How much of a job's log was shown here."""
    with suppress(LedgerError):
        for record in await asyncio.to_thread(jobs_of, Ledger(), account_of(client)):
            seen = (record.instance_id, record.name, record.number, record.created_ms)
            if seen == (instance_id, told.name, told.number, _ms(told.created)):
                return record.log_at
    return 0


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
