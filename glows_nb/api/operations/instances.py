"""The operations on machines, and every page of their list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from glows_nb.api.models.instances import Instance
from glows_nb.api.models.wire import Page
from glows_nb.api.operations import parsing
from glows_nb.api.operations.lists import page_of, params_of
from glows_nb.api.paging import all_kept
from glows_nb.api.requests.create import CreateInstance
from glows_nb.api.requests.instances import ListInstances, WhichInstance
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation, Steps

Kept = TypeVar("Kept")


def get_instance(request_id: str | None = None, meta_key: str | None = None) -> Operation[Instance]:
    """Query one machine by its id or its meta key."""
    which = WhichInstance(request_id=request_id, meta_key=meta_key)
    return Operation(ROUTES["get instance"], parsing.one("get instance", "instance", Instance), params_of(which))


def create_instance(request: CreateInstance) -> Operation[Instance]:
    """Start a machine: not repeatable by itself, `lifecycle.creating` knows how."""
    read = parsing.one("create instance", "instance", Instance)
    return Operation(ROUTES["create instance"], read, body=request.wire(), is_repeatable=False)


def cancel_instance(request_id: str | None = None, meta_key: str | None = None) -> Operation[None]:
    """Release a machine: repeatable, a machine can't be released more than once."""
    which = WhichInstance(request_id=request_id, meta_key=meta_key)
    return Operation(ROUTES["cancel instance"], parsing.nothing, params_of(which))


def count_instances() -> Operation[dict[str, int]]:
    """How many machines are in each status; statuses without a machine are left out."""
    return Operation(ROUTES["count instances"], parsing.counts)


def list_instances(
    page: int = 1,
    per_page: int = 20,
    statuses: Sequence[str] = (),
    ascending: bool = False,
    *,
    strict: bool = True,
) -> Operation[Page[Instance]]:
    """A page of machines, newest first unless `ascending`; no statuses means all."""
    statuses = (statuses,) if isinstance(statuses, str) else tuple(statuses)
    request = ListInstances(page=page, per_page=per_page, statuses=statuses, ascending=ascending)
    return page_of("list instances", "instances", Instance, request, strict=strict)


def all_instances(
    statuses: Sequence[str] = (), ascending: bool = False, limit: int | None = None, *, strict: bool = True
) -> Steps[list[Instance]]:
    """Every machine in any of these statuses, newest first unless `ascending`, or the first `limit`.

    Without a limit the newest are always read first: a machine that is added meanwhile then moves the others to
    later pages, where they come twice and are noticed; read the other way round, one could be missed in silence.
    """
    is_oldest_first = ascending and limit is not None
    machines = yield from kept_instances(lambda machine: machine, statuses, is_oldest_first, limit, strict=strict)
    return machines[::-1] if ascending and not is_oldest_first else machines


def kept_instances(
    keep: Callable[[Instance], Kept],
    statuses: Sequence[str] = (),
    ascending: bool = False,
    limit: int | None = None,
    *,
    strict: bool = True,
) -> Steps[list[Kept]]:
    """What `keep` makes of every machine in any of these statuses, or of the first `limit`, in the service's order."""
    return all_kept(
        lambda page: list_instances(page, statuses=statuses, ascending=ascending, strict=strict),
        identity=lambda machine: machine.instance_id or None,
        keep=keep,
        limit=limit,
    )
