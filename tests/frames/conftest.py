"""What tests of tables asked of a service start from: a default client that only reads, and offers to look at."""

from __future__ import annotations

import pytest

import glows_nb as glows
from glows_nb.frames.tables import Table


@pytest.fixture
def reader(shared_sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default client of these tests is one for the common sandbox."""
    monkeypatch.setenv("GLOWS_BASE_URL", shared_sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", shared_sandbox.token)


@pytest.fixture
def everything(reader: None) -> Table:
    return glows.specs()
