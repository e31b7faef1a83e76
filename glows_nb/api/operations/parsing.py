"""From an answer's JSON object to a model, or a BadResponse that names operation and field."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, create_model

from glows_nb.api.errors import BadResponse
from glows_nb.api.models.rows import row_of
from glows_nb.api.models.wire import Page, Pagination, WireModel
from glows_nb.api.steps import Answer

Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row", bound=WireModel)


def whole(operation: str, model: type[Item]) -> Callable[[Answer], Item]:
    """Read the whole answer, its code and msg apart, as one model."""

    def read(answer: Answer) -> Item:
        fields = {name: value for name, value in answer.items() if name not in ("code", "msg")}
        return _validated(operation, "", model, fields)

    return read


def one(operation: str, field: str, model: type[Item]) -> Callable[[Answer], Item]:
    """Read one field as a model."""

    def read(answer: Answer) -> Item:
        if answer.get(field) is None:
            raise BadResponse(f"The answer to {operation} lacks the field {field!r}.")
        return _validated(operation, field, model, answer[field])

    return read


def page(operation: str, field: str, model: type[Row], *, strict: bool = True) -> Callable[[Answer], Page[Row]]:
    """Read a list in one field, and its pagination.

    A row that can't be read is refused; unless `strict` it stands there as far as it can be read, and a sentence in
    the page's `problems` names it and the field.
    """

    def read(answer: Answer) -> Page[Row]:
        if answer.get("pagination") is None:
            raise BadResponse(f"The answer to {operation} lacks the field 'pagination'.")
        if field not in answer:
            raise BadResponse(f"The answer to {operation} lacks the field {field!r}.")
        rows = [] if answer[field] is None else answer[field]
        if not isinstance(rows, list):
            raise BadResponse(f"The answer to {operation} has no list in the field {field!r}.")
        pagination = _validated(operation, "pagination", Pagination, answer["pagination"])
        if strict:
            items = tuple(_validated(operation, f"{field}.{number}", model, row) for number, row in enumerate(rows))
            return Page(pagination=pagination, items=items)
        problems: list[str] = []
        items = tuple(row_of(model, row, f"{field}.{number}", problems) for number, row in enumerate(rows))
        return Page(pagination=pagination, items=items, problems=tuple(problems))

    return read


def page_of_bytes(field: str, model: type[Row], *, strict: bool = True) -> Callable[[bytes], Page[Row] | None]:
    """Read the same out of a success's bytes in one pass; None for whatever `page` and its callers have to look at."""

    def read(body: bytes) -> Page[Row] | None:
        try:
            answer = _success(field, model).model_validate_json(body)
        except ValidationError:
            return None
        items = answer.items or ()
        if not strict and not all(item.is_told for item in items):
            return None
        return Page(pagination=answer.pagination, items=items)

    return read


def counts(answer: Answer) -> dict[str, int]:
    """Read the map from status to number of machines."""
    stats = answer.get("stats")
    stats = {} if stats is None else stats
    if not isinstance(stats, dict) or not all(type(count) is int for count in stats.values()):
        raise BadResponse("The answer to count instances has no map of numbers in the field 'stats'.")
    return stats


def text(operation: str, field: str) -> Callable[[Answer], str]:
    """Read one field that is a text."""

    def read(answer: Answer) -> str:
        value = answer.get(field)
        if not isinstance(value, str) or not value:
            raise BadResponse(f"The answer to {operation} has no text in the field {field!r}.")
        return value

    return read


def nothing(answer: Answer) -> None:
    """Read an answer that carries no more than its code."""


def done(answer: Answer) -> bool:
    """Read the same as a word that it was done."""
    return True


@cache
def _success(field: str, model: type[BaseModel]) -> Any:
    """What a success is that has a page in `field`; made when the first comes, since making it takes milliseconds."""
    items: Any = tuple[model, ...] | None  # type: ignore[valid-type]
    return create_model(
        "Success",
        code=(int, Field(strict=True, ge=0, le=0)),
        pagination=(Pagination, ...),
        items=(items, Field(alias=field)),
    )


def _validated(operation: str, field: str, model: type[Item], value: Any) -> Item:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join([*([field] if field else []), *(str(part) for part in problem["loc"])])
    raise BadResponse(f"The answer to {operation} is not valid at {where}: {problem['msg']}.")
