"""Work for which nobody sits at the calling thread: it is stopped from another one, and says elsewhere how it goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import glows_nb as glows
from glows_nb.remote import progress
from tests.sandbox.machines.real import IS_REAL_HERE, RealSandbox, eventually, runs, sandbox_with_machine

pytestmark = IS_REAL_HERE


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealSandbox, glows.Instance]]:
    with sandbox_with_machine(tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture(scope="module")
def sandbox(both: tuple[RealSandbox, glows.Instance]) -> RealSandbox:
    return both[0]


@pytest.fixture(scope="module")
def instance(both: tuple[RealSandbox, glows.Instance]) -> glows.Instance:
    return both[1]


@pytest.fixture
def machine(sandbox: RealSandbox, instance: glows.Instance) -> Iterator[glows.Machine]:
    with sandbox.client() as client, glows.Machine(instance, client=client) as machine:
        yield machine


def test_command_that_is_stopped_has_ended_there_with_what_it_started(machine: glows.Machine) -> None:
    stop, said = threading.Event(), bytearray()

    def hear(piece: bytes, is_error: bool) -> None:
        said.extend(piece)
        if said.count(b"\n") == 2:
            stop.set()

    command = "sleep 1000 & echo $!; echo $$; wait; echo never"
    with pytest.raises(glows.Stopped, match=r"^Stopped\. It was ended on .* with what it had started\.$"):
        machine.exec(command, on_output=hear, stop=stop)
    child, parent = (int(word) for word in said.split())
    eventually(lambda: not runs(child) and not runs(parent))
    assert machine.exec("echo on", quiet=True).stdout == "on\n", "the line goes on"


def test_command_that_is_stopped_before_it_is_known_to_have_begun_has_ended_there(
    machine: glows.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.connect()
    opened, stop = asyncssh.SSHClientConnection.create_process, threading.Event()

    async def opened_late(*words: Any, **options: Any) -> Any:
        process = await opened(*words, **options)
        stop.set()
        await asyncio.sleep(0.5)
        return process

    monkeypatch.setattr(asyncssh.SSHClientConnection, "create_process", opened_late)
    with pytest.raises(glows.Stopped, match="It was ended on"):
        machine.exec("echo $$ >begun; sleep 1000", stop=stop)
    monkeypatch.undo()
    pid = int(machine.exec("cat begun; rm begun", quiet=True).stdout)
    eventually(lambda: not runs(pid))


def test_stop_is_heard_while_a_command_never_pauses(machine: glows.Machine) -> None:
    stop, heard = threading.Event(), threading.Event()
    threading.Thread(target=lambda: (heard.wait(30), stop.set())).start()
    with pytest.raises(glows.Stopped):
        machine.exec("yes", on_output=lambda piece, is_error: heard.set(), stop=stop)


def test_what_is_not_stopped_ends_as_ever_and_what_is_stopped_beforehand_at_once(machine: glows.Machine) -> None:
    stop = threading.Event()
    assert machine.exec("true", quiet=True, stop=stop).exit_status == 0
    stop.set()
    with pytest.raises(glows.Stopped):
        machine.exec("sleep 1000", quiet=True, stop=stop)


def test_stopped_transfer_goes_on_with_the_same_call(machine: glows.Machine, tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(400_000_000)
    stop = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "SILENT_SECONDS", 0.0)
        with pytest.raises(glows.Stopped):
            machine.send(big, on_progress=lambda words: stop.set(), stop=stop)
    assert machine.exec("ls", quiet=True).stdout == "", "nothing half-written is seen"
    assert machine.send(big).sent == 1
    assert machine.exec("stat -c %s big; rm big", quiet=True).stdout == "400000000\n"


@pytest.mark.parametrize("way", ["send", "fetch"])
def test_progress_is_heard_in_the_calling_thread_and_shown_nowhere(
    way: str,
    machine: glows.Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    heard: list[tuple[str, threading.Thread]] = []

    def hear(words: str) -> None:
        heard.append((words, threading.current_thread()))

    if way == "send":
        (tmp_path / "note").write_bytes(b"x" * 100_000)
        machine.send(tmp_path / "note", f"{way}/", on_progress=hear)
    else:
        machine.exec("head -c 100000 /dev/zero >zeros", quiet=True)
        machine.fetch("zeros", tmp_path, on_progress=hear)
    assert {thread for _, thread in heard} == {threading.current_thread()}
    assert "100 kB of 100 kB, 1 file" in heard[-1][0]
    assert capfd.readouterr() == ("", "")
