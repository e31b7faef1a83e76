"""A machine whose keeper lies: it says, in a keeper's frames, what a test wants it to."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import asyncssh

from glows_nb.remote import keeper
from tests.remote.hostile_machine import HostileMachine

_MARK = re.compile(r"keeper-[0-9a-f]{16}\.py\" \d+ ([0-9a-f]{24})")
Says = Callable[[str], Iterable[bytes]]


def frame(number: int, channel: bytes, *parts: Any) -> bytes:
    """A frame of parts that are bytes, or are made JSON."""
    return keeper.pack(number, channel, [each if isinstance(each, bytes) else as_json(each) for each in parts])


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def said(
    number: int, run: str, kind: str, content: Any, *buffers: bytes, channel: bytes = keeper.IOPUB, identity: str = "m"
) -> bytes:
    """A message of the kernel's."""
    return frame(number, channel, {"msg_type": kind, "msg_id": identity}, {"msg_id": run}, {}, content, *buffers)


def stream(number: int, run: str, text: str, name: str = "stdout") -> bytes:
    return said(number, run, "stream", {"name": name, "text": text})


def display(number: int, run: str, data: Any, **more: Any) -> bytes:
    return said(number, run, "display_data", {"data": data, "metadata": {}, "transient": {}} | more)


def end(number: int, run: str, status: Any = "ok") -> bytes:
    return frame(number, keeper.EVENT, {"event": "end", "run": run, "status": status, "at": 1})


class LyingKeeper(HostileMachine):
    """An SSH server whose keeper's frames are a test's.

    Args:
        says: what it says to who follows, of a run whose identity it is given.
        hello: what is otherwise in its first words.
        run: what is otherwise in what it tells of a run.
        is_silent: does it answer to nothing?
    """

    def __init__(
        self,
        says: Says = lambda run: [],
        *,
        hello: Mapping[str, Any] | None = None,
        run: Mapping[str, Any] | None = None,
        is_silent: bool = False,
    ) -> None:
        super().__init__()
        self.says, self.hello, self.run, self.is_silent = says, hello or {}, run or {}, is_silent
        self.asked: list[dict[str, Any]] = []
        self.attached = 0

    def _told(self) -> dict[str, Any]:
        now = time.time()
        return {"life": "l", "first": 1, "last": 0, "state": "idle", "since": now, "now": now, "kernel": {}} | {
            "asking": None
        }

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        found = _MARK.search(process.command or "")
        if found is None:
            await super()._run(process)
            return
        self.attached += 1
        try:
            await self._be_keeper(process, found[1])
        except (asyncssh.Error, OSError):
            return

    async def _be_keeper(self, process: asyncssh.SSHServerProcess[bytes], mark: str) -> None:
        hello = {"hello": keeper.PROTOCOL} | self._told() | self.hello
        process.stdout.write(b"\n" + mark.encode() + b"\n" + frame(0, keeper.REPLY, hello))
        held, run = bytearray(), ""
        while piece := await process.stdin.read(1 << 16):
            held += piece
            for _, _, parts in keeper.unpack(held):
                words = json.loads(parts[0])
                self.asked.append(words)
                if self.is_silent:
                    continue
                answer: dict[str, Any] = self._told() | {"to": words["number"]}
                if words["do"] == "run":
                    run = words["run"]
                    told = {"id": run, "state": "running", "status": None, "began": answer["now"], "first": 1}
                    answer |= {"run": told | self.run, "is_found": False} | self.run.get("answer", {})
                process.stdout.write(frame(0, keeper.REPLY, answer))
                if words["do"] in ("run", "follow"):
                    for said_next in self.says(run):
                        process.stdout.write(said_next)
                        await process.stdout.drain()
