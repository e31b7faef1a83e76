"""What tests of commands start from: the test's own sandbox as the default, and what was printed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import glows_nb as glows


@pytest.fixture
def default_client(client: glows.Client, sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands talk to the test's own sandbox; `client` looks at it from outside."""
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since it was last asked."""
    return lambda: capsys.readouterr().out
