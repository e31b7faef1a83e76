"""What every test gets: a user with no token and no profile of their own, and sandboxes to talk to."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import glows_nb as glows
from glows_nb.connection import disconnect
from glows_nb.ledger.days import use_zone
from tests.install.wheel import Installed, build_and_install

# How long an example takes says more about the machine's other work than about our code.
settings.register_profile("glows_nb", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("glows_nb")

# A shell that starts the tests in the background lets them ignore this signal, which many tests send; children too.
signal.signal(signal.SIGINT, signal.default_int_handler)

FAST = 200.0
"""Virtual seconds per real one: a machine is Running after a quarter of a second."""

FOLDERS_OF_THE_USER = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the person who runs the tests gets in, and no default client stays."""
    for name in ("GLOWS_SDK_TOKEN", "GLOWS_BASE_URL", "GLOWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    use_zone("")
    home = tmp_path_factory.mktemp("user")
    for name in FOLDERS_OF_THE_USER:
        folder = home / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    yield
    disconnect()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[glows.Sandbox]:
    """One sandbox for all tests that only read."""
    with glows.sandbox(speed=FAST) as running:
        yield running


@pytest.fixture
def sandbox() -> Iterator[glows.Sandbox]:
    """A sandbox of the test's own."""
    with glows.sandbox(speed=FAST) as running:
        yield running


@pytest.fixture
def client(sandbox: glows.Sandbox) -> Iterator[glows.Client]:
    """A client for the test's own sandbox."""
    with sandbox.client(backoff=0) as connected:
        yield connected


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the package installed from its wheel."""
    return build_and_install(tmp_path_factory.mktemp("wheel"))


LONG = (
    "tests/e2e",
    "tests/test_readme.py",
    "tests/ledger/test_life",
    "tests/notebooks",
    "tests/remote",
    "tests/api/test_t",
)
"""Files that take minutes begin first, or all other processes of the gate would wait for the last of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
