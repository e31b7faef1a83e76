"""A list's row that can't be read: what of it can, and a sentence on the rest, so that it hides no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from glows_nb.api.models.wire import WireModel, note_on

Row = TypeVar("Row", bound=WireModel)

ATTEMPTS: Final = 3
"""A field that is taken out may show that another one can't be read."""
LONGEST_ID: Final = 64


def row_of(model: type[Row], row: object, where: str, problems: list[str]) -> Row:
    """The model of a row, without the fields that can't be read, whose names are in its `unread`.

    Args:
        model: what a row is.
        row: the JSON that came for it.
        where: its place in the answer, such as "instances.3".
        problems: gets a sentence where something can't be read.
    """
    given: Mapping[str, Any] = row if isinstance(row, Mapping) else {}
    known = _at(given, model.id_path)
    place = f"{where} ({known})" if isinstance(known, str) and 0 < len(known) <= LONGEST_ID else where
    try:
        item = model.model_validate(row)
    except ValidationError as error:
        for name, kind in model.rows.items():
            if isinstance(rows := given.get(name), list) and rows:
                read = tuple(
                    row_of(kind, each, f"{place}.{name}.{number}", problems) for number, each in enumerate(rows)
                )
                return row_of(model, {**given, name: []}, where, problems).model_copy(update={name: read})
        field, problem = _first_problem(error)
        problems.append(f"{place} at {field or 'the whole'}: {problem}")
        return _in_part(model, given, error)
    # 0 says that there is no price yet, or none is told.
    told = _at(given, model.price_path)
    if not item.has_price and told is not None and (type(told) is not int or told):
        problems.append(f"{place} at {'.'.join(model.price_path)}: Input should be a whole number of at least 0")
    return item


def readable(items: Iterable[Row]) -> list[Row]:
    """Those that could be read wholly: what is kept, compared or offered is of these alone."""
    return [item for item in items if not item.unread]


def _in_part(model: type[Row], row: Mapping[str, Any], error: ValidationError) -> Row:
    kept = dict(row)
    unread: dict[str, None] = {}
    for _ in range(ATTEMPTS):
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            field = str(problem["loc"][0]) if problem["loc"] else ""
            unread[field] = None
            kept.pop(field, None)
            if field in model.unknown:
                kept[field] = model.in_place_of(field, row)
        try:
            return _noted(model.model_validate(kept), unread)
        except ValidationError as another:
            error = another
    nothing = {field: model.in_place_of(field, {}) for field in model.unknown}
    return _noted(model.model_validate(nothing), dict.fromkeys([*row, *nothing]))


def _noted(item: Row, unread: Mapping[str, None]) -> Row:
    note_on(item, _unread=tuple(unread))
    return item


def _first_problem(error: ValidationError) -> tuple[str, str]:
    problem = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in problem["loc"]), problem["msg"]


def _at(row: object, path: Sequence[str]) -> object:
    for name in path:
        row = row.get(name) if isinstance(row, Mapping) else None
    return row if path else None
