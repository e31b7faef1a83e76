"""The real service, or whatever GLOWS_BASE_URL names, for `pytest -m live`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.config import BASE_URL_VARIABLE, LIVE_BASE_URL, TOKEN_VARIABLE
from glows_nb.api.routes import ROUTES
from glows_nb.api.steps import Operation, perform
from tests.live.learned import Learned

# Read before the first test: each test takes them out of the environment.
TOKEN = os.environ.get(TOKEN_VARIABLE)
BASE_URL = os.environ.get(BASE_URL_VARIABLE) or LIVE_BASE_URL
REPORT = Path.cwd() / "glows-live-report.json"
_written = pytest.StashKey[Path]()


@dataclass
class Service:
    """The service, and what has been learned of it so far."""

    client: glows.Client
    learned: Learned
    found: dict[str, str] = field(default_factory=dict)

    def ask(self, operation: Operation[Any]) -> Any:
        """Carry out an operation that only reads, where it is found; gives its result, or the APIError it answers."""
        assert operation.route.method == "GET", f"{operation.name} could change something"
        usual, tried = ROUTES[operation.name], []
        paths = [self.found[usual.name]] if usual.name in self.found else [usual.path, *usual.alternatives]
        for path in paths:
            try:
                result = self._ask_at(path, operation)
            except glows.BadResponse as error:
                if "HTTP 404" not in str(error):
                    raise
                tried.append(path)
                continue
            if not isinstance(result, glows.AuthError):
                self.found[usual.name] = path
                answer = f"code {result.code} {result.name}" if isinstance(result, glows.APIError) else "code 0"
                self.learned.route(usual, path, answer, tried)
            return result
        self.learned.route(usual, "", "found nowhere", tried)
        pytest.fail(f"{usual.name} is at none of {', '.join(tried)}.")

    def _ask_at(self, path: str, operation: Operation[Any]) -> Any:
        name, answers = operation.name, []

        def read(answer: Any) -> Any:
            answers.append(answer)
            return operation.read(answer)

        with glows.Client(TOKEN, BASE_URL, routes={name: path}) as client:
            try:
                result = client.run(perform(replace(operation, read=read, read_bytes=None)))
            except glows.APIError as error:
                self.learned.errors[name] = f"code {error.code} {error.name}: {error.msg}"
                return error
        self.learned.answer(name, answers[-1], result)
        return result


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service that the environment names; what is learned of it is written to a file."""
    if not TOKEN:
        pytest.skip(f"needs an account: set {TOKEN_VARIABLE} (and {BASE_URL_VARIABLE} where it is not {LIVE_BASE_URL})")
    with glows.Client(TOKEN, BASE_URL) as client:
        learned = Learned(client.base_url, client.is_sandbox)
        yield Service(client, learned)
    learned.write(REPORT)
    request.config.stash[_written] = REPORT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the file is."""
    if _written in config.stash:
        terminalreporter.write_line(f"What was learned, with no secret in it: {config.stash[_written]}")
