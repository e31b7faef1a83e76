"""A notebook's kernel on a machine, begun as Jupyter begins it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from glows_nb.remote.kernels.kernelspec import add_kernel
from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually, runs

WITHIN = 60


class Notebook:
    """A kernel and a client of it.

    Args:
        service: that tells of the machine.
        home: of the machine.
    """

    def __init__(self, service: Service, home: Path, *, trust: bool = False) -> None:
        self.service, self.home = service, home
        self.kernel = add_kernel(service.told.instance_id, profile="", trust=trust)
        self.manager = KernelManager(kernel_name=self.kernel.name)
        self.client: Any = None

    def start(self) -> None:
        self.manager.start_kernel()
        self.connect()

    def connect(self) -> None:
        if self.client is not None:
            self.client.stop_channels()
        self.client = self.manager.blocking_client()
        # What this client can't take in time is not what is tried.
        self.client.context.setsockopt(24, 0)  # RCVHWM
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WITHIN)

    def run(self, code: str, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The reply, and what came on iopub."""
        came: list[dict[str, Any]] = []
        reply = self.client.execute_interactive(code, timeout=WITHIN, output_hook=came.append, **options)
        return reply["content"], came

    def text(self, code: str) -> str:
        """What a cell prints."""
        return text_of(self.run(code)[1])

    def shut_down(self) -> None:
        """As Jupyter does; another can be begun after that, which is another kernel to Jupyter too."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager, self.client = KernelManager(kernel_name=self.kernel.name), None

    @property
    def pids_there(self) -> list[int]:
        """Of keepers of notebooks, and of their kernels."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (place / "cmdline").read_bytes().split(b"\0")
                is_keeper = any(word.startswith(b"%s/.glows-nb/keeper-" % str(self.home).encode()) for word in words)
                if is_keeper and (place / "cwd").readlink().parent.name == ".glows-nb":
                    found.append(int(place.name))
        return [pid for pid in found if runs(pid)]

    def close(self) -> None:
        if self.client is not None:
            self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()
        self.manager.context.destroy(0)
        try:
            eventually(lambda: not self.pids_there)
        finally:
            for pid in self.pids_there:
                os.kill(pid, signal.SIGKILL)


def text_of(came: list[dict[str, Any]]) -> str:
    return "".join(each["content"]["text"] for each in came if each["msg_type"] == "stream")


@pytest.fixture(autouse=True)
def jupyter_of_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / f"jupyter-{name.lower()}"))
    (tmp_path / "jupyter-runtime").mkdir(mode=0o700)


@contextlib.contextmanager
def notebook_on(
    doors: dict[str, Door], way: str, monkeypatch: pytest.MonkeyPatch, *, trust: bool = False
) -> Iterator[Notebook]:
    """A notebook that is not begun yet."""
    door = doors[way]
    if way == SSHD:
        # The one that a login finds there is the computer's own, which has no kernel.
        (door.home / ".glows-nb").mkdir(mode=0o700, exist_ok=True)
        (door.home / ".glows-nb" / "python").write_text(f"{sys.executable}\n")
    with Service(door) as service:
        service.machine()
        monkeypatch.setenv("GLOWS_BASE_URL", service.base_url)
        monkeypatch.setenv("GLOWS_SDK_TOKEN", "token")
        made = Notebook(service, door.home, trust=trust)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(params=(SANDBOX, SSHD))
def notebook(
    request: pytest.FixtureRequest, doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Notebook]:
    """A notebook whose kernel runs."""
    with notebook_on(doors, request.param, monkeypatch) as made:
        made.start()
        yield made
