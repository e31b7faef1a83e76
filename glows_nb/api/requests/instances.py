"""What is asked of machines, but for the create."""

from __future__ import annotations

from pydantic import model_validator

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.requests.limits import Identifier, PageOf, RequestModel


class WhichInstance(RequestModel):
    """The machine meant, by exactly one of its id and its meta key."""

    request_id: Identifier | None = None
    meta_key: Identifier | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> WhichInstance:
        if (self.request_id is None) == (self.meta_key is None):
            raise InvalidRequest("request_id", "give exactly one of request_id and meta_key.")
        return self


class ListInstances(PageOf):
    """A page of machines."""

    ascending: bool = False
    statuses: tuple[str, ...] = ()
