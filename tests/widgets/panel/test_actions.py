"""Work that a click began: one thing at a time to each subject, which stays busy until what became of it is read."""

from __future__ import annotations

from threading import Event

import pytest

from glows_nb.widgets.panel.actions import Say, Work
from tests.widgets.panel.panels import eventually


class Ear:
    """Hears how the work goes."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str | None, bool]] = []

    def on_work(self, subject: str, text: str, error: Exception | None, *, is_done: bool) -> None:
        self.heard.append((subject, text, None if error is None else str(error), is_done))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def work(ear: Ear) -> Work:
    return Work(ear)


def test_subject_is_busy_until_a_reading_that_began_after_its_work(work: Work, ear: Ear) -> None:
    go_on = Event()

    def job(say: Say) -> str:
        say("half way")
        go_on.wait(10)
        return "done"

    assert work.start("machine", "doing", job)
    assert not work.start("machine", "doing", job), "one thing at a time"
    before = work.unseen()
    go_on.set()
    eventually(lambda: ear.heard and ear.heard[-1][3])
    assert [text for _, text, _, _ in ear.heard] == ["doing", "half way", "done"]
    assert work.is_idle()
    work.was_read(before)
    assert work.is_under_way("machine"), "that reading may show what was before"
    work.was_read(work.unseen())
    assert not work.is_under_way("machine")


def test_work_that_fails_is_heard_of_and_ends(work: Work, ear: Ear) -> None:
    def job(say: Say) -> str:
        raise ValueError("no")

    work.start("machine", "doing", job)
    eventually(lambda: ear.heard and ear.heard[-1][3])
    assert ear.heard[-1] == ("machine", "doing", "no", True)
    work.was_read(work.unseen())
    assert work.start("machine", "doing", lambda say: "again")
    eventually(lambda: ear.heard[-1][1] == "again")
