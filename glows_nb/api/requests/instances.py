"""What is asked of machines, but for the create."""

from __future__ import annotations

import warnings
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from glows_nb.api.errors import InvalidRequest
from glows_nb.api.requests.limits import Identifier, PageOf, RequestModel
from glows_nb.api.statuses import InstanceStatus

STATUS_WORDS: Final = {status.casefold(): status.value for status in InstanceStatus}


class WhichInstance(RequestModel):
    """The machine meant, by exactly one of its id and its meta key."""

    request_id: Identifier | None = None
    meta_key: Identifier | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> WhichInstance:
        if (self.request_id is None) == (self.meta_key is None):
            raise InvalidRequest("request_id", "give exactly one of request_id and meta_key.")
        return self


class UnknownStatusWarning(UserWarning):
    """A status that the contract does not name: the service ignores it, and without any other lists everything."""


class ListInstances(PageOf):
    """A page of machines, of which the service requires both numbers."""

    page: Annotated[int, Field(ge=1, lt=2**32)] = 1
    per_page: Annotated[int, Field(ge=1, le=20)] = 20
    ascending: bool = False
    statuses: tuple[str, ...] = ()

    @field_validator("statuses")
    @classmethod
    def _as_the_contract_writes_them(cls, statuses: tuple[str, ...]) -> tuple[str, ...]:
        words = tuple(STATUS_WORDS.get(status.casefold(), status) for status in statuses)
        unknown = [word for word in words if word.casefold() not in STATUS_WORDS]
        if unknown:
            warnings.warn(
                f"statuses: the contract has no {' and no '.join(map(repr, unknown))}; the service ignores such words, "
                "and lists all machines where it knows none of those asked for.",
                UnknownStatusWarning,
                stacklevel=2,
            )
        return words
