"""A machine that lies about its jobs: what can't be true is one sentence, and what has no end is not read to it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import asyncssh
import pytest

import glows_nb as glows
from tests.remote.told_of import Told, machine_told_of
from tests.remote.ways import own_host_key

TRUTH: dict[str, Any] = {
    "name": "a",
    "number": 1,
    "status": "running",
    "title": "true",
    "folder": "",
    "then": "",
    "created": 1_700_000_000,
    "began": 1_700_000_001,
    "ended": None,
    "exit_status": None,
    "signal": "",
    "size": 3,
    "is_left": False,
    "now": 1_700_000_010.5,
    "is_found": True,
}


class Liar:
    """An SSH server that answers each question about jobs with what a test says."""

    def __init__(self, says: Callable[[dict[str, Any]], bytes], after: bytes = b"", is_endless: bool = False) -> None:
        self.says, self.after, self.is_endless = says, after, is_endless
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Liar:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(30)
        self.port = self._server.get_port()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _begin(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _LetIn, "127.0.0.1", 0, server_host_keys=[own_host_key()], process_factory=self._run, encoding=None
        )

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            found = re.findall(r"[0-9a-f]{24}", process.command or "")
            asked = json.loads(await process.stdin.readline())
            process.stdout.write(b"\n" + found[-1].encode() + b"\n" + self.says(asked) + self.after)
            while self.is_endless:
                process.stdout.write(b"y" * (1 << 16))
                await process.stdout.drain()
            process.exit(0)
        except (asyncssh.Error, OSError):
            return


class _LetIn(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True


def job_of(liar: Liar, use: Callable[[glows.Job], object]) -> object:
    with machine_told_of(Told(liar.port)) as machine:
        return use(machine.job("true", name="a"))


def answer(**changes: Any) -> Callable[[dict[str, Any]], bytes]:
    return lambda asked: json.dumps(TRUTH | changes).encode() + b"\n"


def test_truth_is_believed() -> None:
    with Liar(answer(title="\x1b]0;x\x07")) as liar:
        assert job_of(liar, lambda job: (job.status, job.command, job.exit_status)) == (
            "running",
            "\\x1b]0;x\\x07",
            None,
        )


@pytest.mark.parametrize(
    "lie",
    [
        {"status": "splendid"},
        {"status": ["done"]},
        {"status": "done"},
        {"status": "done", "exit_status": 3},
        {"status": "failed", "exit_status": 0},
        {"status": "failed", "exit_status": 1e300},
        {"status": "failed", "exit_status": -1},
        {"exit_status": True},
        {"number": 0},
        {"number": "1"},
        {"name": "b"},
        {"name": "x" * 100},
        {"title": "x" * 1000},
        {"began": "yesterday"},
        {"began": 1e18},
        {"began": -1},
        {"now": None},
        {"size": -1},
        {"size": 1 << 60},
        {"is_left": "no"},
        {"folder": 7},
        {"signal": "S" * 100},
    ],
    ids=str,
)
def test_lie_is_one_sentence(lie: dict[str, Any]) -> None:
    with Liar(answer(**lie)) as liar, pytest.raises(glows.RemoteError, match="can't be believed"):
        job_of(liar, lambda job: job.status)


@pytest.mark.parametrize("said", [b"[]\n", b"null\n", b"{\n", b"NaN\n", b"\xff\n", b"", b"{}\n", b'{"refused": [1]}\n'])
def test_what_is_no_answer_is_one_sentence(said: bytes) -> None:
    with Liar(lambda asked: said) as liar, pytest.raises(glows.RemoteError):
        job_of(liar, lambda job: job.status)


def test_answer_without_an_end_is_not_read_to_it() -> None:
    with Liar(lambda asked: b"", is_endless=True) as liar, pytest.raises(glows.RemoteError, match="can't be believed"):
        job_of(liar, lambda job: job.status)


def test_log_without_an_end_is_not_read_to_it() -> None:
    with Liar(answer(), is_endless=True) as liar, pytest.raises(glows.RemoteError, match="it says too much of a job"):
        job_of(liar, lambda job: job.log())


@pytest.mark.parametrize("at", [None, -1, True, "0", 1 << 60])
def test_place_in_a_log_that_can_not_be_is_one_sentence(at: object) -> None:
    def says(asked: dict[str, Any]) -> bytes:
        return json.dumps(TRUTH | {"at": at}).encode() + b"\n"

    with Liar(says) as liar, pytest.raises(glows.RemoteError, match="what it says of a log is nothing"):
        job_of(liar, lambda job: job.follow(tail=3))


def test_another_job_is_not_taken_for_this_one() -> None:
    def says(asked: dict[str, Any]) -> bytes:
        return json.dumps(TRUTH | ({} if asked["do"] == "start" else {"number": 2})).encode() + b"\n"

    with Liar(says) as liar, pytest.raises(glows.RemoteError, match="it tells of another job"):
        job_of(liar, lambda job: job.status)


def test_list_that_is_none_makes_its_machine_silent_and_no_error(tmp_path: Any) -> None:
    with Liar(lambda asked: b'{"jobs": [1]}\n') as liar, machine_told_of(Told(liar.port)) as machine:
        client = machine._handle._client
        assert isinstance(client, glows.Client)
        table = glows.jobs(client=client)
        assert len(table) == 0
        assert "can't be believed" in repr(table)
