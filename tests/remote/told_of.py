"""A service that tells of one machine, whose SSH is where a test says: OpenSSH's own server, or one that lies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import DATA_FOLDER_VARIABLE, data_folder
from tests.hostile_server import Answer, HostileServer, Request, json_answer
from tests.sandbox.machines.sshd import SshdWay

SAMPLE = Path(__file__).parents[1] / "contract_examples" / "instance_get.response.json"


@dataclass
class Told:
    """What the service says of its machine; a test may change it at any time.

    Attributes:
        port: where its SSH is on this computer.
        user: who logs in.
        password: with what.
        instance_id: under which its host key is remembered.
        changes: what else is otherwise than in the contract's sample.
    """

    port: int
    user: str = "root"
    password: str = "no password"
    instance_id: str = "ins-boyqp4g8"
    changes: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """What it answers, whatever is asked."""
        body = json.loads(SAMPLE.read_text())
        row = body["instance"] | {
            "instanceID": self.instance_id,
            "sshCred": {"user": self.user, "password": self.password},
            "accesses": [{"protocol": "ssh", "listenPort": 22, "url": f"ssh://127.0.0.1:{self.port}"}],
            **self.changes,
        }
        if "/list" in request.target:
            pages = {"total": 1, "numPages": 1, "page": 1, "perPage": 20}
            return json_answer({"code": 0, "msg": "", "instances": [row], "pagination": pages, "total": 1})
        return json_answer(body | {"instance": row})


@contextmanager
def machine_told_of(told: Told, **options: Any) -> Iterator[glows.Machine]:
    """A handle of the machine that the service tells of."""
    with (
        HostileServer(told.answer) as server,
        glows.Client("token", server.base_url, backoff=0) as client,
        glows.Machine(told.instance_id, client=client, **options) as machine,
    ):
        yield machine


@contextmanager
def machine_at(way: SshdWay, **options: Any) -> Iterator[glows.Machine]:
    """A handle of a machine whose SSH is a real sshd, which lets in by the key of glows_nb's own."""
    with data_in(way.folder / "data"):
        told = Told(way.port, way.user)
        # It lets in by a key alone, as the passwords that it knows are those of the computer's users: so that is ours.
        let_own_key_be(way.folder / "key", told.instance_id)
        with machine_told_of(told, **options) as machine:
            yield machine


def let_own_key_be(key: Path, alias: str) -> None:
    """Have glows_nb show this key to the machine, as if it had been installed there."""
    folder = data_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy(key, folder / "machine_key")
    (folder / "machine_key").chmod(0o600)
    (folder / "machine_key.installed").write_text(f"{alias}\n")


@contextmanager
def data_in(folder: Path) -> Iterator[None]:
    """What is kept for the user lies in this folder, whichever test it is."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_FOLDER_VARIABLE, str(folder))
        yield
