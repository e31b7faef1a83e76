"""What was seen of a machine from here: `glows.timeline()`, read from the ledger."""

from __future__ import annotations

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.connection import current_client, recorder_of
from glows_nb.tables import Table, captioned


def timeline(machine: str, *, client: Client | None = None) -> Table:
    """In which status a machine was, and when, as far as it was seen from here.

    Columns: status, since and until (UTC, the first and the last time that it was seen so), price_per_hour (Credits,
    NaN while the service said none).

    Args:
        machine: its id, meta key or the name that it was launched with.
        client: the client to ask; without it the current one.

    Raises:
        ParamIllegal: there is no such machine.
        LedgerError: the ledger can't be used.
    """
    service = client or current_client()
    recorder = recorder_of(service)
    found = service.instances.find(machine)
    seen = [
        sighting
        for record in recorder.ledger.machines(recorder.account)
        if record.instance_id == found.instance_id
        for sighting in record.sightings
    ]
    return captioned(frames.timeline(seen), f"{found.instance_id} as seen from here", is_sandbox=service.is_sandbox)
