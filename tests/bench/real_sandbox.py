"""A sandbox with real machines in a process of its own: `python -m tests.bench.real_sandbox` prints where it is."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil

import glows_nb as glows
from glows_nb.sandbox.catalogue import CATALOGUE
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits
from tests.bench.measuring import ROOT, environment
from tests.sandbox.machines.real import Way, launch, way_to

PLENTY = 1000


@dataclass(frozen=True)
class RealSandbox:
    """One that runs elsewhere."""

    base_url: str
    token: str
    process: psutil.Process
    folder: Path

    def client(self) -> glows.Client:
        """A client for it."""
        return glows.Client(self.token, self.base_url)

    def asking(self) -> httpx.Client:
        """A connection to its API with nothing of ours."""
        return httpx.Client(headers={"Authorization": f"Bearer {self.token}"}, timeout=30)

    def enter(self) -> Way:
        """Launch a machine; how it is entered."""
        with self.client() as client:
            return way_to(launch(client, "entered"), self.folder)

    def resident_kb(self) -> float:
        """How much memory it has."""
        return float(self.process.memory_info().rss) / 1024


@contextmanager
def serving() -> Iterator[RealSandbox]:
    """Let one run, with what is needed on the client's side in a folder beside its state."""
    command = [sys.executable, "-m", "tests.bench.real_sandbox"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([*command, folder], cwd=ROOT, env=environment(), text=True, **pipes) as process,  # noqa: S603
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield RealSandbox(
                process=psutil.Process(process.pid), folder=Path(folder), **json.loads(process.stdout.readline())
            )
        finally:
            # Its input ends, and so it stops as it would by itself: its machines have to end before their folder goes.
            process.stdin.close()
            process.wait(30)


def main() -> None:
    """Serve until the standard input ends."""
    plenty = replace(CATALOGUE, offers=tuple(replace(offer, stock=PLENTY) for offer in CATALOGUE.offers))
    limits = Limits(instances=PLENTY)
    state = Path(sys.argv[1]) / "state.db"
    with SandboxServer(speed=200, path=state, catalogue=plenty, limits=limits, has_real_machines=True) as server:
        print(json.dumps({"base_url": server.base_url, "token": server.token}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
