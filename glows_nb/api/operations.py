"""The operations as values: arguments in, `Operation` out; pure, nothing is sent here.

An operation says where to go, what to send, how to read the answer and whether it may be sent again. Work of
several steps is a generator (`Steps`) that yields operations, batches of them or pauses, and gets the answers
sent in; the drivers in `client.py` carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from glows_nb.api.errors import BadResponse
from glows_nb.api.models import SPEC_CATEGORIES, Image, Instance, Page, Pagination, Spec
from glows_nb.api.requests import (
    CreateInstance,
    ListImages,
    ListInstances,
    ListSpecs,
    WhichInstance,
    build,
)
from glows_nb.api.routes import ROUTES, Route

T = TypeVar("T")
Item = TypeVar("Item", bound=BaseModel)
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One call: `read` turns the answer's JSON object (its code was 0) into the result."""

    route: Route
    read: Callable[[Answer], T]
    params: tuple[tuple[str, str | int], ...] = ()
    body: Mapping[str, Any] | None = None
    is_repeatable: bool = True

    @property
    def name(self) -> str:
        """The operation in words, as errors use it."""
        return self.route.name


@dataclass(frozen=True)
class Batch(Generic[T]):
    """Operations that may run at the same time; the answers come in the same order."""

    operations: tuple[Operation[T], ...]


@dataclass(frozen=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


Step = Operation[Any] | Batch[Any] | Pause
Steps = Generator[Step, Any, T]


def perform(operation: Operation[T]) -> Steps[T]:
    """A step: the operation's result."""
    result: T = yield operation
    return result


def perform_all(operations: Sequence[Operation[T]]) -> Steps[list[T]]:
    """A step: the results of operations that may run at the same time, in order."""
    if not operations:
        return []
    results: list[T] = yield Batch(tuple(operations))
    return results


def pause(seconds: float) -> Steps[None]:
    """A step: nothing for so many seconds."""
    yield Pause(seconds)


def get_instance(request_id: str | None = None, meta_key: str | None = None) -> Operation[Instance]:
    """Query one machine by its id or its meta key."""
    which = build(WhichInstance, request_id=request_id, meta_key=meta_key)
    return Operation(ROUTES["get instance"], _one("get instance", "instance", Instance), _params(which))


def create_instance(request: CreateInstance) -> Operation[Instance]:
    """Start a machine: not repeatable by itself, `launching.create` knows how."""
    read = _one("create instance", "instance", Instance)
    return Operation(ROUTES["create instance"], read, body=request.wire(), is_repeatable=False)


def cancel_instance(request_id: str | None = None, meta_key: str | None = None) -> Operation[None]:
    """Release a machine: repeatable, a machine can't be released more than once."""
    which = build(WhichInstance, request_id=request_id, meta_key=meta_key)
    return Operation(ROUTES["cancel instance"], _nothing, _params(which))


def count_instances() -> Operation[dict[str, int]]:
    """How many machines are in each status; statuses without a machine are left out."""
    return Operation(ROUTES["count instances"], _counts)


def list_instances(
    page: int = 1, per_page: int = 20, statuses: Sequence[str] = (), ascending: bool = False
) -> Operation[Page[Instance]]:
    """A page of machines, newest first unless `ascending`; no statuses means all."""
    statuses = (statuses,) if isinstance(statuses, str) else tuple(statuses)
    request = build(ListInstances, page=page, per_page=per_page, statuses=statuses, ascending=ascending)
    return Operation(ROUTES["list instances"], _page("list instances", "instances", Instance), _params(request))


def list_images(page: int = 1, per_page: int = 20, owned: bool = False, keywords: str = "") -> Operation[Page[Image]]:
    """A page of images, all or one's own, whose names hold the keywords."""
    request = build(ListImages, page=page, per_page=per_page, owned=owned, keywords=keywords)
    return Operation(ROUTES["list images"], _page("list images", "images", Image), _params(request))


def list_specs(
    machine_category: int,
    from_image_id: str,
    page: int = 1,
    per_page: int = 20,
    region_name: str | None = None,
    instance_category: str | None = None,
) -> Operation[Page[Spec]]:
    """A page of the offers that an image can run on."""
    request = build(
        ListSpecs,
        machine_category=machine_category,
        from_image_id=from_image_id,
        page=page,
        per_page=per_page,
        region_name=region_name,
        instance_category=instance_category,
    )
    return Operation(ROUTES["list specs"], _page("list specs", "specs", Spec), _params(request))


def _params(request: BaseModel) -> tuple[tuple[str, str | int], ...]:
    """Query parameters, without what was not given; a list becomes one parameter an item."""
    numbers = {word: number for number, word in SPEC_CATEGORIES.items()}
    params: list[tuple[str, str | int]] = []
    for name, value in request.model_dump(exclude_none=True).items():
        if name == "instance_category":
            params.append((name, numbers[value]))
        elif isinstance(value, bool):
            params.extend([(name, "true")] if value else [])
        elif isinstance(value, tuple):
            params.extend((name, item) for item in value)
        elif value != "":
            params.append((name, value))
    return tuple(params)


def _one(operation: str, field: str, model: type[Item]) -> Callable[[Answer], Item]:
    def read(answer: Answer) -> Item:
        if answer.get(field) is None:
            raise BadResponse(f"The answer to {operation} lacks the field {field!r}.")
        return _validated(operation, field, model, answer[field])

    return read


def _page(operation: str, field: str, model: type[Item]) -> Callable[[Answer], Page[Item]]:
    def read(answer: Answer) -> Page[Item]:
        if answer.get("pagination") is None:
            raise BadResponse(f"The answer to {operation} lacks the field 'pagination'.")
        if field not in answer:
            raise BadResponse(f"The answer to {operation} lacks the field {field!r}.")
        rows = answer[field] or []
        if not isinstance(rows, list):
            raise BadResponse(f"The answer to {operation} has no list in the field {field!r}.")
        pagination = _validated(operation, "pagination", Pagination, answer["pagination"])
        items = tuple(_validated(operation, f"{field}.{number}", model, row) for number, row in enumerate(rows))
        return Page(pagination=pagination, items=items)

    return read


def _counts(answer: Answer) -> dict[str, int]:
    stats = answer.get("stats")
    stats = {} if stats is None else stats
    if not isinstance(stats, dict) or not all(type(count) is int for count in stats.values()):
        raise BadResponse("The answer to count instances has no map of numbers in the field 'stats'.")
    return stats


def _nothing(answer: Answer) -> None:
    """The answer carries no more than its code."""


def _validated(operation: str, field: str, model: type[Item], value: Any) -> Item:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join([field, *(str(part) for part in problem["loc"])])
        raise BadResponse(f"The answer to {operation} is not valid at {where}: {problem['msg']}.") from None
