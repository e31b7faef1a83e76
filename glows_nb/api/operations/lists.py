"""What all lists share: a page as an operation, and how what is asked becomes a query."""

from __future__ import annotations

from typing import Final, TypeVar

from pydantic import BaseModel

from glows_nb.api.models.wire import Page, WireModel
from glows_nb.api.operations import parsing
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation

Item = TypeVar("Item", bound=WireModel)

UNSAID: Final = {("network_type", 0), ("domain", 0)}
"""Left out of a query: the contract says that 0 and nothing mean the same."""


def page_of(
    name: str, field: str, model: type[Item], request: BaseModel, *, strict: bool = True
) -> Operation[Page[Item]]:
    """The operation that reads a page of such models out of `field`; see `parsing.page`."""
    read, read_bytes = (
        parsing.page(name, field, model, strict=strict),
        parsing.page_of_bytes(field, model, strict=strict),
    )
    return Operation(ROUTES[name], read, params_of(request), read_bytes=read_bytes)


def params_of(request: BaseModel) -> tuple[tuple[str, str | int], ...]:
    """Query parameters, without what was not given; a list becomes one parameter an item."""
    params: list[tuple[str, str | int]] = []
    for name, value in request.model_dump(exclude_none=True).items():
        if isinstance(value, bool):
            params.extend([(name, "true")] if value else [])
        elif isinstance(value, tuple):
            params.extend((name, item) for item in value)
        elif value != "" and (name, value) not in UNSAID:
            params.append((name, value))
    return tuple(params)
