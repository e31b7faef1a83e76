"""A kernel that tests talk to as a front end does: it answers questions, interrupts, and keeps what was shown."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from traitlets.config import Config

SECONDS = 30.0


@dataclass
class Shown:
    """What a cell showed, and what it asked."""

    messages: list[Any] = field(default_factory=list)
    questions: list[Any] = field(default_factory=list)

    @property
    def error(self) -> Any:
        """Its error; None where there was none."""
        return next((each["content"] for each in self.messages if each["msg_type"] == "error"), None)

    @property
    def error_lines(self) -> list[str]:
        """What the reader sees of the error."""
        return [] if self.error is None else plain("\n".join(self.error["traceback"])).splitlines()

    @property
    def text(self) -> str:
        """Everything that it showed as text."""
        return plain("\n".join(text_of(each) for each in self.messages))

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    def _stream(self, name: str) -> str:
        streams = [each["content"] for each in self.messages if each["msg_type"] == "stream"]
        return "".join(stream["text"] for stream in streams if stream["name"] == name)

    @property
    def result(self) -> Mapping[str, Any]:
        """The MIME bundle of its value."""
        found: Mapping[str, Any] = next(
            (each["content"]["data"] for each in self.messages if each["msg_type"] == "execute_result"), {}
        )
        return found

    @property
    def bundles(self) -> list[Mapping[str, Any]]:
        """The MIME bundles of all that it displayed, its value among them."""
        kinds = ("display_data", "execute_result")
        return [each["content"]["data"] for each in self.messages if each["msg_type"] in kinds]

    @property
    def html(self) -> str:
        return "".join(each["content"].get("data", {}).get("text/html", "") for each in self.messages)


def text_of(message: Any) -> str:
    content = message["content"]
    found: str = content.get("text") or content.get("data", {}).get("text/plain", "")
    return found


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


class LiveKernel:
    """A started kernel and the messages of each cell that it ran."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.everything: list[Any] = []

    def run(
        self, code: str, answers: Sequence[str] | None = None, when_shown: Callable[[Shown], None] | None = None
    ) -> Shown:
        """Run a cell as a front end does.

        Args:
            code: the cell.
            answers: what is typed when the kernel asks; None says that nobody can be asked.
            when_shown: called with what there is so far, at each output.
        """
        shown, waiting = Shown(), list(answers or ())
        id_ = self.client.execute(code, allow_stdin=answers is not None, store_history=True)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                asked = self.client.get_stdin_msg(timeout=0)
                shown.questions.append(asked["content"])
                self.client.input(waiting.pop(0))
            except Empty:
                pass
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except Empty:
                continue
            self.everything.append(message)
            if message["parent_header"].get("msg_id") != id_:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return shown
            shown.messages.append(message)
            if when_shown is not None:
                when_shown(shown)
        raise AssertionError(f"the kernel is still busy with {code!r}: {shown.text}")

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()


@contextmanager
def live_kernel(environment: Mapping[str, str]) -> Iterator[LiveKernel]:
    """A kernel in a process of its own, with this in its environment."""
    config = Config({"KernelManager": {"transport": "ipc"}} if os.name == "posix" else {})
    manager = KernelManager(config=config)
    manager.start_kernel(env={**os.environ, **environment})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        yield LiveKernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
