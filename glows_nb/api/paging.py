"""Every page of a list. How many there are is the service's claim, so pages are asked for as rows come.

The first one comes alone, then a few, then four times as many at once as before, up to a bound, while full pages
come. A short, empty or repeated page ends the list. It may change while it is read, so it is read again until it is
consistent with what the service says of it, at most three times, and a warning says when it never was.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple, TypeVar

from glows_nb.api.models.wire import Page
from glows_nb.api.steps import Operation, Steps, perform, perform_all
from glows_nb.formatting import visible

Item = TypeVar("Item")
Kept = TypeVar("Kept")

PER_PAGE: Final = 20
READINGS: Final = 3
FIRST_BATCH: Final = 8
GROWTH: Final = 4
LARGEST_BATCH: Final = 512
MOST_SAID: Final = 5


class InconsistentListWarning(UserWarning):
    """A list went on changing while it was read: an item may be missing."""


class UnreadableRowWarning(UserWarning):
    """A row of a list could not be read, or not wholly; it is shown as far as it could be."""


class _Part(NamedTuple):
    """What is kept of a page."""

    total: int | None
    size: int
    identities: list[Hashable]
    kept: list[object]
    problems: tuple[str, ...]

    @property
    def is_full(self) -> bool:
        """Are there as many rows as a page of the service's has, so that another may follow?"""
        return bool(self.kept) and len(self.kept) >= self.size


def one_page(operation: Operation[Page[Item]]) -> Steps[Page[Item]]:
    """A page, and a warning of the rows that could not be read."""
    page = yield from perform(operation)
    _warn(operation.name, page.problems)
    return page


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
    name = page_of(1).name
    for _ in range(READINGS):
        items, is_consistent, problems = yield from _read_once(page_of, identity, keep, limit)
        if is_consistent:
            break
    else:
        warnings.warn(
            f"{name}: the list was not what the service said of it, each of the {READINGS} times it was read; an item "
            "may be missing.",
            InconsistentListWarning,
            stacklevel=2,
        )
    _warn(name, problems)
    return items


def _read_once(
    page_of: Callable[[int], Operation[Page[Item]]],
    identity: Callable[[Item], Hashable],
    keep: Callable[[Item], Kept],
    limit: int | None,
) -> Steps[tuple[list[Kept], bool, list[str]]]:
    def read(page: Page[Item]) -> _Part:
        claimed = page.pagination.per_page
        return _Part(
            page.pagination.total,
            claimed if claimed is not None and 0 < claimed < PER_PAGE else PER_PAGE,
            [identity(item) for item in page.items],
            [keep(item) for item in page.items],
            page.problems,
        )

    unique: dict[Hashable, Kept] = {}
    problems: list[str] = []
    totals: set[int | None] = set()
    asked, batch = 0, 1
    while True:
        pages = [page_of(number) for number in range(asked + 1, asked + batch + 1)]
        parts = [read((yield from perform(pages[0])))] if batch == 1 else (yield from perform_all(pages, read))
        asked += batch
        has_more = True
        for part in parts:
            before = len(unique)
            for known, item in zip(part.identities, part.kept, strict=True):
                # A row whose id can't be read is one of its own, and no sign that the list goes on.
                unique.setdefault(object() if known is None else known, item)  # type: ignore[arg-type]
            totals.add(part.total)
            problems += part.problems
            is_new = any(known is not None for known in part.identities) and len(unique) > before
            has_more = has_more and part.is_full and is_new
        total = parts[0].total
        # Where nothing is claimed, the rows alone say when the list ends.
        wanted = len(unique) if total is None else total
        wanted = wanted if limit is None else min(limit, wanted)
        if not has_more or (limit is not None and len(unique) >= limit) or len(unique) == total:
            break
        # No more at once than came so far lets expect; where the service's claim is passed, one by one.
        left = -(-(wanted - len(unique)) // len(parts[0].kept))
        batch = max(1, min(left, max(FIRST_BATCH, GROWTH * batch), LARGEST_BATCH))
    items = list(unique.values())[:limit]
    is_whole = total is None or (len(items) >= wanted if limit is not None else len(unique) == total)
    return items, is_whole and totals == {total}, problems


def _warn(name: str, problems: Sequence[str]) -> None:
    if not problems:
        return
    more = len(problems) - MOST_SAID
    said = "; ".join(problems[:MOST_SAID]) + (f"; and {more} more" if more > 0 else "")
    warnings.warn(
        f"The answer to {name} can't be read everywhere, and what can't is unknown here: {visible(said)}.",
        UnreadableRowWarning,
        stacklevel=2,
    )
