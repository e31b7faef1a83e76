"""What a job writes is seen once and in order, whatever becomes of the line and of whoever looks."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.ledger.database import Ledger
from glows_nb.ledger.jobs import jobs_of
from glows_nb.remote.jobs.keeping import account_of
from tests.remote.conftest import SANDBOX, SSHD
from tests.remote.cutting_proxy import CuttingProxy
from tests.remote.jobs.conftest import Place, empty, end_processes
from tests.remote.ways import Door, Service
from tests.sandbox.machines.real import eventually

LINES = 2000
COUNTS = f"for i in $(seq {LINES}); do printf 'line %0100d\\n' $i; [ $((i % 20)) != 0 ] || sleep 0.02; done"
EXPECTED = "".join(f"line {number:0100d}\n" for number in range(1, LINES + 1))


class Heard:
    """What a follower hears."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, piece: bytes, is_error: bool) -> None:
        self.text += piece.decode()


def test_follower_sees_all_and_ends_with_the_job(place: Place) -> None:
    heard = Heard()
    job = place.machine.job(f"{COUNTS}; exit 4").follow(on_output=heard)
    assert heard.text == EXPECTED
    assert (job.status, job.exit_status) == ("failed", 4)
    job.follow(on_output=heard)
    assert heard.text == EXPECTED, "there is nothing new"


def test_it_goes_on_where_it_was_left_also_with_another_handle(place: Place) -> None:
    heard = Heard()
    job = place.machine.job("echo one; sleep 0.1; touch begun; while [ ! -e go ]; do sleep 0.02; done; echo two")

    def interrupt_once_it_was_heard() -> None:
        eventually(lambda: job._work.at == len("one\n"))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_once_it_was_heard).start()
    with pytest.raises(KeyboardInterrupt) as stopped:
        job.follow(on_output=heard)
    assert "No longer following" in stopped.value.__notes__[0]
    assert job.status == "running", "the interrupt ended the following, not the job"
    (place.home / "go").touch()
    with place.service.machine() as other:
        other.job(name=job.name).follow(on_output=heard)
    assert heard.text == "one\ntwo\n"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("way", [SANDBOX, SSHD])
def test_lines_that_break_lose_nothing_double_nothing_and_start_one(
    doors: dict[str, Door], seed: int, way: str
) -> None:
    door = doors[way]
    # The first break while the runner is sent and the job is begun, the others while it is followed.
    cuts = [10_000 + 4_000 * seed, 31_000 + 500 * seed, 8_000 + 700 * seed, 40_000, 30_000 + 333 * seed, 25_000]
    with Service(door) as service, CuttingProxy(door.port, cuts) as proxy:
        empty(door.home)
        shutil.rmtree(door.home / ".glows-nb", ignore_errors=True)
        service.told.port = proxy.port
        heard = Heard()
        with service.machine() as machine:
            job = machine.job(f"echo x >>~/count; {COUNTS}", name=f"cut-{seed}")
            job.follow(on_output=heard)
        assert heard.text == EXPECTED
        assert job.status == "done"
        assert proxy.cut == len(cuts)
        assert (door.home / "count").read_text() == "x\n"
    end_processes(door.home)


@pytest.mark.parametrize("cut", range(200, 9_000, 400))
def test_line_cut_anywhere_in_the_start_starts_one(doors: dict[str, Door], cut: int) -> None:
    door = doors[SSHD]
    with Service(door) as service, service.machine() as machine:
        empty(door.home)
        machine.job("true", name="put-it-there").wait(30)
        machine.close()
        with CuttingProxy(door.port, [6_000 + cut, 6_500 + cut]) as proxy:
            service.told.port = proxy.port
            again = machine.job("echo x >>~/count", name="once", again=True)
            assert again.wait(30).status == "done"
            machine.close()
    assert (door.home / "count").read_text() == "x\n"


def test_what_nobody_saw_is_shown_by_the_next_process(doors: dict[str, Door], tmp_path: Path) -> None:
    door = doors[SANDBOX]
    with Service(door) as service, service.machine() as machine:
        empty(door.home)
        code = (
            "import glows_nb as glows, sys\n"
            f"m = glows.machine({service.told.instance_id!r})\n"
            "m.job('echo begun; while [ ! -e go ]; do sleep 0.02; done; echo over', name='left').follow()"
        )
        environment = {**os.environ, "GLOWS_BASE_URL": service.base_url, "GLOWS_SDK_TOKEN": "token"}
        with subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-u", "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.kill()
        (door.home / "go").touch()
        job = machine.job(name="left").wait(30)
        assert (job.status, job.log()) == ("done", "begun\nover\n")
    end_processes(door.home)


def test_terminal_escapes_are_made_visible_and_written_over_lines_pass(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.machine.job(r"printf '10%%\r20%%\r\n\033]0;title\007\033[31mred\033[0m\n'").follow()
    assert capsys.readouterr().out == "10%\r20%\r\n\\x1b]0;title\\x07\x1b[31mred\x1b[0m\n"


def test_it_is_awaited_too(place: Place) -> None:
    async def work() -> tuple[str, str, int | None, str]:
        async with (
            glows.AsyncClient("token", place.service.base_url) as client,
            glows.AsyncMachine(place.service.told.instance_id, client=client) as machine,
        ):
            job = await machine.job("echo $WORD; sleep 0.2; exit 2", env={"WORD": "awaited"})
            heard = Heard()
            await job.follow(on_output=heard)
            stopped = await machine.job("sleep 1000")
            await stopped.stop()
            return heard.text, job.status, job.exit_status, stopped.status

    assert asyncio.run(work()) == ("awaited\n", "failed", 2, "stopped")


def test_machine_that_ends_takes_its_jobs_with_it(place: Place) -> None:
    job = place.machine.job("sleep 1000", name="gone")
    over = place.machine.job("true", name="over").wait(30)
    place.service.told.changes["status"] = "Finished"
    place.machine.close()
    assert (job.status, job.exit_status, job.took) == ("lost with the machine", None, None)
    assert job.wait(5).status == job.follow().status == job.stop().status == "lost with the machine"
    assert over.status == "done"
    with pytest.raises(glows.NotReachable, match="has ended, and the log of gone with it"):
        job.log()
    with place.service.machine() as machine, pytest.raises(glows.NotReachable, match="it has ended"):
        machine.job("true")
    with glows.Client("token", place.service.base_url) as client:
        noted = {record.name: record for record in jobs_of(Ledger(), account_of(client))}
    assert (noted["gone"].status, noted["over"].status, noted["over"].exit_status) == (
        "lost with the machine",
        "done",
        0,
    )


def test_machine_that_ends_while_it_is_followed_ends_the_following(doors: dict[str, Door]) -> None:
    door = doors[SSHD]
    with Service(door) as service:

        def end() -> None:
            service.told.changes["status"] = "Canceling"

        with service.machine() as machine:
            empty(door.home)
            machine.job("echo begun; sleep 1000", name="gone")
        with CuttingProxy(door.port, [12_000], end) as proxy:
            service.told.port = proxy.port
            with service.machine() as machine:
                job = machine.job(name="gone")
                chatter = threading.Thread(target=chat, args=[machine])
                chatter.start()
                assert job.follow().status == "lost with the machine"
                chatter.join()
    end_processes(door.home)


def chat(machine: glows.Machine) -> None:
    """Use up the bytes until the line breaks."""
    for _ in range(200):
        try:
            machine.exec("head -c 500 /dev/zero", quiet=True)
        except glows.RemoteError:
            return


def test_line_without_python_says_what_to_do(tmp_path: Path) -> None:
    from tests.sandbox.machines.real import STATE, RealSandbox, launch

    with RealSandbox(tmp_path / STATE) as sandbox, sandbox.client() as client:
        launch(client, "train")
        sandbox.admin.order("no_python")
        with glows.machine("train", client=client) as machine:
            with pytest.raises(glows.RemoteError, match=r"has no Python 3\.8 or newer, which jobs there need"):
                machine.job("true")
            sandbox.admin.clear()
            assert machine.job("true").wait(30).status == "done"


def test_ended_follower_leaves_nothing_there(place: Place) -> None:
    job = place.machine.job("sleep 1000")
    with pytest.raises(glows.WaitTimeout):
        job.wait(0.2)
    eventually(lambda: place.machine.exec("ls ~/.glows-nb", quiet=True).exit_status == 0)

    def followers() -> list[Path]:
        return [
            path
            for path in Path("/proc").glob("[0-9]*")
            if (path / "cmdline").exists()
            and b".glows-nb/jobs-" in (path / "cmdline").read_bytes()
            and (path / "fd" / "0").exists()
            and "pipe" in str((path / "fd" / "0").readlink())
        ]

    eventually(lambda: not followers())
