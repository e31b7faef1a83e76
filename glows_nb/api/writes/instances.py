"""Releasing machines; starting them is in `lifecycle.creating`."""

from __future__ import annotations

from glows_nb.api.errors import IllegalStatus
from glows_nb.api.operations import instances as operations
from glows_nb.api.statuses import LEAVING
from glows_nb.api.steps import Steps, perform


def cancel_instance(request_id: str | None = None, meta_key: str | None = None) -> Steps[None]:
    """Release a machine. One that is on its way out or has ended is released already, whatever the service says."""
    operation = operations.cancel_instance(request_id, meta_key)
    try:
        yield from perform(operation)
    except IllegalStatus as error:
        instance = yield from perform(operations.get_instance(request_id, meta_key))
        if instance.status in LEAVING:
            return
        refused = error
    else:
        return
    raise refused
