"""A running sandbox and a caller of it that knows HTTP and the contract, and nothing of glows_nb.api."""

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from urllib.parse import quote, urlencode, urlsplit

import pytest

from glows_nb.sandbox.server import SandboxServer

RTX_4090 = "NVIDIA GeForce RTX 4090"
BASE_IMAGE = "img-6np5yvq2"
VM_IMAGE = "img-9rp47yp3"


class Caller:
    """One user's connection to a sandbox."""

    def __init__(self, server: SandboxServer, token: str) -> None:
        address = urlsplit(server.base_url)
        self.server = server
        self.token = token
        self._base_path = address.path
        self._connection = HTTPConnection(address.hostname, address.port, timeout=10)

    def close(self) -> None:
        self._connection.close()

    def send(self, method, path, params=None, body=None, headers=None) -> tuple[int, bytes]:
        """Send anything; return the HTTP status and the raw body."""
        target = self._base_path + quote(path, safe="/")
        if params:
            target += "?" + urlencode(params, doseq=True)
        if headers is None:
            headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self._connection.request(method, target, body=body, headers=headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def call(self, method, path, params=None, body=None, headers=None) -> dict:
        """Send something to an operation; return the JSON that it answers."""
        status, raw = self.send(method, path, params, body, headers)
        assert status == 200, (status, raw)
        answer = json.loads(raw)
        assert list(answer)[:2] == ["code", "msg"]
        return answer

    def get(self, path, **params) -> dict:
        return self.call("GET", path, params)

    def create(self, meta_key, **changes) -> dict:
        """Create a machine, by default an RTX 4090 in TW-04; a change to None leaves a field out."""
        body = {
            "from_image_id": BASE_IMAGE,
            "gpu_name": RTX_4090,
            "custom_meta_key": meta_key,
            "instance_category": "container",
            "region_name": "TW-04",
        } | changes
        return self.call("POST", "/instance", body={k: v for k, v in body.items() if v is not None})

    def machine(self, meta_key) -> dict:
        answer = self.get("/instance", meta_key=meta_key)
        assert answer["code"] == 0
        return answer["instance"]

    def cancel(self, meta_key) -> dict:
        return self.call("DELETE", "/instance", {"meta_key": meta_key})

    def stock(self, region, gpu_name=RTX_4090) -> int:
        answer = self.get("/spec/list", machine_category=0, from_image_id=BASE_IMAGE, region_name=region, per_page=20)
        return next(
            spec["max_available_units"]
            for spec in answer["specs"]
            if spec["base_resource"]["unit_spec"]["gpu_name"] == gpu_name
        )


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """A sandbox whose time stands still unless a test advances it."""
    with SandboxServer(seed=1) as running:
        running.clock.pause()
        yield running


@pytest.fixture(scope="session")
def quiet_server() -> Iterator[SandboxServer]:
    """One sandbox for all tests that leave nothing behind but users."""
    with SandboxServer(seed=1) as running:
        running.clock.pause()
        yield running


@pytest.fixture
def reader(quiet_server, as_user, request) -> Caller:
    """A user of the test's own on the common sandbox."""
    return as_user(quiet_server, request.node.name)


@pytest.fixture
def as_user() -> Iterator[Callable[..., Caller]]:
    """Make callers for users of a server."""
    callers: list[Caller] = []

    def make(server: SandboxServer, user: str = "researcher") -> Caller:
        callers.append(Caller(server, server.issue_token(user)))
        return callers[-1]

    yield make
    for caller in callers:
        caller.close()


@pytest.fixture
def api(server, as_user) -> Caller:
    """The server's own user."""
    return as_user(server)
