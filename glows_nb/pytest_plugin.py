"""What pytest loads by itself: a sandbox for tests of code that uses glows_nb, and a client for it.

    def test_training_starts_on_one_machine(glows_sandbox, glows_client):
        my_code.start_training()
        assert glows_client.instances.stats() == {"Running": 1}

    @pytest.mark.glows_sandbox(scenario="sold-out")
    def test_training_waits_for_a_free_gpu(): ...

pytest loads this module in every project, so nothing else of glows_nb is imported before a test asks for a sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from glows_nb.api.client import Client
    from glows_nb.embedded import Sandbox

__all__ = ["glows_client", "glows_sandbox"]

FIXTURE: Final = "glows_sandbox"
SETTINGS: Final = {"speed": 200.0, "scenario": None, "seed": None, "real_machines": None}
"""What the marker can set: `speed` is virtual seconds per real one, so that a launch takes a quarter of a second."""


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line(
        "markers",
        f"{FIXTURE}(speed=200, scenario=None, seed=None, real_machines=None): run the test against a sandbox of its "
        "own, which plays this scenario from the start and whose clock runs so much faster than real time",
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marked test has the sandbox, also where it does not ask for the fixture by name."""
    if isinstance(item, pytest.Function) and item.get_closest_marker(FIXTURE) and FIXTURE not in item.fixturenames:
        item.fixturenames.insert(0, FIXTURE)


@pytest.fixture
def glows_sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    """A running sandbox of the test's own, which everything in the test talks to unless it names another service.

    `glows.connect()`, the functions that take no client, `%glows` and programs that the test starts all find it. The
    user's own token, profiles and ledger are out of reach. `.admin` orders faults and plays scenarios.

    `@pytest.mark.glows_sandbox(speed=200, scenario=None, seed=None, real_machines=None)` sets how much faster than real
    its clock runs, the scenario that it plays from the start, what makes its chance the same in every run, and whether
    its machines are real, as in `glows.sandbox`: where they are, the commands of machines are really run.
    """
    from glows_nb import connection, embedded
    from glows_nb.api.credentials import config

    settings = _settings(request.node.get_closest_marker(FIXTURE))
    for name in _own_variables():
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("glows")
    monkeypatch.setenv(config.CONFIG_FOLDER_VARIABLE, str(folder / "config"))
    monkeypatch.setenv(config.DATA_FOLDER_VARIABLE, str(folder / "data"))
    with embedded.start(**settings) as sandbox:
        monkeypatch.setenv(config.BASE_URL_VARIABLE, sandbox.base_url)
        monkeypatch.setenv(config.TOKEN_VARIABLE, sandbox.token)
        with sandbox.client(backoff=0) as client, connection.used_for_a_while(client):
            yield sandbox


@pytest.fixture
def glows_client(glows_sandbox: Sandbox) -> Client:
    """The client of the test's own sandbox, the one that is used where none is named."""
    from glows_nb import connection

    return connection.current_client()


def _own_variables() -> list[str]:
    # Tracebacks print the values of what their lines name: the whole environment is named where nothing is raised.
    return [name for name in os.environ if name.startswith("GLOWS_")]  # noqa: TID251


def _settings(marker: pytest.Mark | None) -> dict[str, Any]:
    """The sandbox's settings, those of the marker among them."""
    given = {} if marker is None else marker.kwargs
    unknown = ", ".join(map(repr, [*(() if marker is None else marker.args), *(given.keys() - SETTINGS.keys())]))
    if unknown:
        raise pytest.UsageError(f"@pytest.mark.{FIXTURE} takes {', '.join(SETTINGS)} by name, and not {unknown}.")
    return {**SETTINGS, **given}
