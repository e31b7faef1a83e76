"""What tests of commands start from: the test's own sandbox as the default, and what was printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

import glows_nb as glows
from tests.commands.terminal import Place, place_in


@pytest.fixture
def default_client(client: glows.Client, sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands talk to the test's own sandbox; `client` looks at it from outside."""
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since it was last asked."""
    return lambda: capsys.readouterr().out


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A machine that can be entered, and `glows-nb` in a process of its own."""
    if sys.platform != "linux":
        pytest.skip("real machines are for Linux")
    with place_in(tmp_path_factory.mktemp("place")) as there:
        yield there
