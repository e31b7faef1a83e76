"""What tests of the launch form start from: a form that has read its offers, and no widget or thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import ipywidgets
import pytest

import glows_nb as glows
from glows_nb.widgets.form import launch_form
from glows_nb.widgets.form.launch_form import LaunchForm
from tests.widgets.form.clicks import eventually


@pytest.fixture
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(launch_form, "SETTLED_SECONDS", 0.05)
    before = set(threading.enumerate())
    yield
    ipywidgets.Widget.close_all()
    eventually(lambda: not [thread for thread in set(threading.enumerate()) - before if "form" in thread.name])


@pytest.fixture
def form(client: glows.Client) -> LaunchForm:
    return glows.launch_form(client=client).ready()
