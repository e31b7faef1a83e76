"""What is asked of snapshots."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from glows_nb.api.requests.limits import Identifier, PageOf, RequestModel


class CreateSnapshot(RequestModel):
    """A snapshot to take of a running machine."""

    instance_id: Identifier
    name: Annotated[str, StringConstraints(max_length=32)] = ""


class ListSnapshots(PageOf):
    """A page of snapshots in any of these statuses; none means the service's own choice."""

    status: tuple[Annotated[int, Field(ge=0, le=7)], ...] = ()
