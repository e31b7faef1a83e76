"""Every page of a list: the first tells how many there are, the rest is fetched at once and put in order.

A list may change while it is read, so it is read again until it is consistent, at most three times, and a
warning says when it never was.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from math import ceil
from typing import Final, TypeVar

from glows_nb.api.models.wire import Page
from glows_nb.api.steps import Operation, Steps, perform, perform_all

Item = TypeVar("Item")
Kept = TypeVar("Kept")

PER_PAGE: Final = 20
READINGS: Final = 3


class InconsistentListWarning(UserWarning):
    """A list went on changing while it was read: an item may be missing."""


def all_items(
    page_of: Callable[[int], Operation[Page[Item]]],
    identity: Callable[[Item], Hashable],
    limit: int | None = None,
) -> Steps[list[Item]]:
    """The items of every page, in the service's order, each once; at most `limit` of them."""
    return all_kept(page_of, identity, lambda item: item, limit)


def all_kept(
    page_of: Callable[[int], Operation[Page[Item]]],
    identity: Callable[[Item], Hashable],
    keep: Callable[[Item], Kept],
    limit: int | None = None,
) -> Steps[list[Kept]]:
    """What `keep` makes of each item, in the same order; the items themselves are let go page by page."""
    for _ in range(READINGS):
        items, is_consistent = yield from _read_once(page_of, identity, keep, limit)
        if is_consistent:
            return items
    warnings.warn(
        f"{page_of(1).name}: the list changed each of the {READINGS} times it was read; an item may be missing.",
        InconsistentListWarning,
        stacklevel=2,
    )
    return items


def _read_once(
    page_of: Callable[[int], Operation[Page[Item]]],
    identity: Callable[[Item], Hashable],
    keep: Callable[[Item], Kept],
    limit: int | None,
) -> Steps[tuple[list[Kept], bool]]:
    def read(page: Page[Item]) -> tuple[int, list[Hashable], list[Kept]]:
        return page.pagination.total, [identity(item) for item in page.items], [keep(item) for item in page.items]

    first = read((yield from perform(page_of(1))))
    total = first[0]
    wanted = total if limit is None else min(limit, total)
    rest = yield from perform_all([page_of(number) for number in range(2, ceil(wanted / PER_PAGE) + 1)], read)
    unique: dict[Hashable, Kept] = {}
    for _, identities, kept in (first, *rest):
        for known, item in zip(identities, kept, strict=True):
            unique.setdefault(known, item)
    items = list(unique.values())
    totals_agree = all(page_total == total for page_total, _, _ in rest)
    if limit is not None:
        return items[:limit], totals_agree and len(items) >= wanted
    return items, totals_agree and len(items) == total
