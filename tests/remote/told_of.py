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
from glows_nb.remote.lines import own_key
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
        changes: what else is otherwise than in the contract's sample.
    """

    port: int
    user: str = "root"
    password: str = "no password"
    changes: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """What it answers, whatever is asked."""
        body = json.loads(SAMPLE.read_text())
        body["instance"] |= {
            "sshCred": {"user": self.user, "password": self.password},
            "accesses": [{"protocol": "ssh", "listenPort": 22, "url": f"ssh://127.0.0.1:{self.port}"}],
            **self.changes,
        }
        return json_answer(body)


@contextmanager
def machine_told_of(told: Told, **options: Any) -> Iterator[glows.Machine]:
    """A handle of the machine that the service tells of."""
    with (
        HostileServer(told.answer) as server,
        glows.Client("token", server.base_url, backoff=0) as client,
        glows.Machine("ins-boyqp4g8", client=client, **options) as machine,
    ):
        yield machine


@contextmanager
def machine_at(way: SshdWay, **options: Any) -> Iterator[glows.Machine]:
    """A handle of a machine whose SSH is a real sshd, which lets in by the key of glows_nb's own."""
    with data_in(way.folder / "data"):
        # It lets in by a key alone, as the passwords that it knows are those of the computer's users: so that is ours.
        shutil.copy(way.folder / "key", data_folder() / "machine_key")
        own_key.note_installed("ins-boyqp4g8")
        with machine_told_of(Told(way.port, way.user), **options) as machine:
            yield machine


@contextmanager
def data_in(folder: Path) -> Iterator[None]:
    """What is kept for the user lies in this folder, whichever test it is."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_FOLDER_VARIABLE, str(folder))
        yield
