"""What the page tells a widget: which of its views are seen, and for how long that holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from glows_nb.widgets import front_end
from glows_nb.widgets.front_end import SEEN_SECONDS, FrontEnd


@pytest.fixture
def heard() -> list[float]:
    return []


@pytest.fixture
def page(heard: list[float]) -> Iterator[FrontEnd]:
    made = FrontEnd()
    made.on_look(heard.append)
    yield made
    made.close()


def tell(page: FrontEnd, view: str, is_seen: bool) -> None:
    page._on_message(page, {"view": view, "is_seen": is_seen}, [])


def test_widget_is_seen_while_one_of_its_views_is(page: FrontEnd, heard: list[float]) -> None:
    tell(page, "a", True)
    tell(page, "b", False)
    assert page.is_seen
    assert min(heard) > SEEN_SECONDS - 5
    tell(page, "a", False)
    assert not page.is_seen
    assert heard[-1] == 0


def test_view_that_is_silent_for_long_is_seen_no_more_and_another_does_not_prolong_it(
    page: FrontEnd, heard: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(front_end.time, "monotonic", lambda: now)
    tell(page, "a", True)
    now += SEEN_SECONDS - 1
    tell(page, "b", False)
    assert heard[-1] == pytest.approx(1)
    now += 2
    assert not page.is_seen
    assert page._seen_until == {}


def test_message_that_is_not_one_of_ours_changes_nothing(page: FrontEnd, heard: list[float]) -> None:
    for content in ("text", None, {"other": 1}):
        page._on_message(page, content, [])
    assert heard == []
