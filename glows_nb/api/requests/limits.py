"""Limits shared by all requests, and how a request is made or refused.

Each request is a frozen model with the contract's own field names; it is made, or refused with the field, the
value and the limit in one sentence, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from glows_nb.api.errors import InvalidRequest

LONGEST_REPEATED: Final = 40
"""Characters of what was given that an error repeats."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64)]
RegionName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
HardwareName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class RequestModel(BaseModel):
    """Settings shared by all requests; making one refuses what breaks a limit.

    Raises:
        InvalidRequest: names the field, the value and the limit.
    """

    # Validators are built when first needed: few of the requests are made in any one process.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            refusal = _refusal(type(self), error, fields)
        else:
            return
        raise refusal


Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
UInt32 = Annotated[int, Field(ge=0, lt=2**32)]
"""The wire's whole numbers, by their widths."""

NetworkTypeNumber = Annotated[int, Field(ge=0, le=7)]


class PageOf(RequestModel):
    """Which page: from 1, of at most 20 items; 0 leaves either to the service, which takes 1 and 20."""

    page: UInt32 = 1
    per_page: Annotated[int, Field(ge=0, le=20)] = 20


def _refusal(model: type[RequestModel], error: ValidationError, fields: Mapping[str, Any]) -> InvalidRequest:
    problem = error.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in problem["loc"]]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, InvalidRequest):  # a part of a field was refused, or fields that don't go together
        return InvalidRequest(path[0] if path else cause.field, str(cause).removeprefix(f"{cause.field}: "))
    field = path[0] if path else model.__name__
    if problem["type"] == "extra_forbidden":
        from difflib import get_close_matches

        near = get_close_matches(field, model.model_fields, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(model.model_fields)}."
        return InvalidRequest(field, f"no such field{hint}")
    if problem["type"] == "missing":
        return InvalidRequest(field, "is required.")
    reason = problem["msg"].removeprefix("Value error, ")
    if field not in fields or field == "envs":
        return InvalidRequest(field, f"{reason}.")
    value = fields[field]
    if isinstance(value, str) and len(value) > LONGEST_REPEATED:
        # It may be a script or a secret in the wrong place.
        return InvalidRequest(".".join(path), f"a text of {len(value)} characters is refused: {_sentence(reason)}.")
    size = f" of {len(value)} characters" if isinstance(value, str) else ""
    return InvalidRequest(".".join(path), f"{shortened(value)}{size} is refused: {_sentence(reason)}.")


def shortened(value: object, limit: int = 60) -> str:
    """A value for an error's sentence, cut where it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _sentence(reason: str) -> str:
    return (reason[:1].lower() + reason[1:]).rstrip(".")
