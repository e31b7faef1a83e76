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
    inner: dict[str, Any] = {}
    for name, kind in model.rows.items():
        # Lists within a row are of rows themselves, each for itself.
        if isinstance(rows := given.get(name), list):
            inner[name] = tuple(
                row_of(kind, each, f"{place}.{name}.{number}", problems) for number, each in enumerate(rows)
            )
            given = {**given, name: []}
    try:
        item = model.model_validate(given if isinstance(row, Mapping) else row)
    except ValidationError as error:
        field, problem = _first_problem(error)
        problems.append(f"{place} at {field or 'the whole'}: {problem}")
        item = _in_part(model, given, error)
    else:
        item = _noted(item, _untold(item, given, place, problems))
    return item.model_copy(update=inner) if inner else item


def _untold(item: Row, row: Mapping[str, Any], place: str, problems: list[str]) -> list[str]:
    """The fields that could be read and say nothing: an id that is none, a price that can be none."""
    found = []
    if _at(row, item.id_path) == "":
        found.append((item.id_path, "Input should have at least 1 character"))
    # 0 says that there is no price yet, or none is told.
    price = _at(row, item.price_path)
    if not item.has_price and price is not None and (type(price) is not int or price):
        found.append((item.price_path, "Input should be a whole number of at least 0, and of no more than can be paid"))
    problems += [f"{place} at {'.'.join(path)}: {problem}" for path, problem in found]
    return [path[0] for path, _ in found]


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


def _noted(item: Row, unread: Iterable[str]) -> Row:
    if fields := tuple(unread):
        note_on(item, _unread=fields)
    return item


def _first_problem(error: ValidationError) -> tuple[str, str]:
    problem = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in problem["loc"]), problem["msg"]


def _at(row: object, path: Sequence[str]) -> object:
    for name in path:
        row = row.get(name) if isinstance(row, Mapping) else None
    return row if path else None
