"""The real service, or whatever GLOWS_BASE_URL names, for `pytest -m live`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import BASE_URL_VARIABLE, LIVE_BASE_URL, TOKEN_VARIABLE
from glows_nb.api.routes import ROUTES, Route
from glows_nb.api.steps import Operation, perform
from tests.live.learned import Learned

# Read before the first test: each test takes them out of the environment.
TOKEN = os.environ.get(TOKEN_VARIABLE)
BASE_URL = os.environ.get(BASE_URL_VARIABLE) or LIVE_BASE_URL
REPORT = Path.cwd() / "glows-live-report.json"
_written = pytest.StashKey[Path]()


class NotHere(Exception):
    """A path does not lead to the operation; the text says what came from it."""


@dataclass
class Service:
    """The service, and what has been learned of it so far."""

    client: glows.Client
    learned: Learned
    found: dict[str, str] = field(default_factory=dict)

    def ask(self, operation: Operation[Any]) -> Any:
        """Carry out an operation that only reads, where it is found; gives its result, or the APIError it answers.

        It is found where the answer has code 0; where that is nowhere, at the first path that answers with a code.
        """
        assert operation.route.method == "GET", f"{operation.name} could change something"
        usual = ROUTES[operation.name]
        known = self.found.get(usual.name)
        refused: dict[str, glows.APIError] = {}
        tried: dict[str, str] = {}
        for path in [usual.path, *usual.alternatives] if known is None else [known]:
            try:
                result = self._ask_at(path, operation)
            except NotHere as error:
                tried[path] = str(error)
                continue
            if isinstance(result, glows.AuthError):
                return result
            if isinstance(result, glows.APIError):
                refused[path] = result
                continue
            return self._found(usual, path, "code 0", result, tried)
        for path, error in refused.items():
            return self._found(usual, path, f"code {error.code} {error.name}", error, tried)
        self.learned.route(usual, "", "found nowhere", tried)
        pytest.fail(f"{usual.name} is nowhere: {'; '.join(f'{path}: {why}' for path, why in tried.items())}.")

    def _found(self, usual: Route, path: str, answer: str, result: Any, tried: dict[str, str]) -> Any:
        self.found[usual.name] = path
        self.learned.route(usual, path, answer, tried)
        return result

    def _ask_at(self, path: str, operation: Operation[Any]) -> Any:
        """The operation's result there, or the error with which the service answers.

        Raises:
            NotHere: what came has no code, as from a path that does not exist.
            BadResponse: the answer has code 0, and our models can't read it; its fields are noted all the same.
        """
        name, answers = operation.name, []

        def read(answer: Any) -> Any:
            answers.append(answer)
            return operation.read(answer)

        with glows.Client(TOKEN, BASE_URL, routes={name: path}) as client:
            try:
                result = client.run(perform(replace(operation, read=read, read_bytes=None)))
            except glows.APIError as error:
                self.learned.error(name, f"code {error.code} {error.name}: {error.msg}")
                return error
            except glows.BadResponse as error:
                if not answers:
                    said = re.search(r"HTTP \d+|no number in the field 'code'", str(error))
                    raise NotHere(said[0] if said else "no JSON object") from error
                self.learned.route(ROUTES[name], path, "an answer that can't be read", {})
                self.learned.answer(name, answers[-1], None)
                # Our own words, with the names of fields and without what stood in them.
                self.learned.errors[name] = str(error)
                raise
            except glows.TransportError as error:
                self.learned.error(name, str(error))
                raise
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
