"""Jobs on a machine: started once, found again, ended whole, and how each has ended is told as it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import glows_nb as glows
from tests.remote.conftest import SSHD
from tests.remote.jobs.conftest import Place, processes_of
from tests.sandbox.machines.real import eventually

OLDEST = [*Path.home().glob(".pyenv/versions/3.8.*/bin/python"), *filter(None, [shutil.which("python3.8")])]


def test_job_runs_on_its_own_and_is_found_again(place: Place) -> None:
    machine = place.machine
    job = machine.job("echo begun; cat; echo over >&2", name="hello", input="with 'quotes', $signs and ünï\ncode\n")
    assert job.wait(30) is job
    assert (job.status, job.exit_status, job.was_there) == ("done", 0, False)
    assert job.log() == "begun\nwith 'quotes', $signs and ünï\ncode\nover\n"
    assert job.took is not None
    again = machine.job("echo begun; cat; echo over >&2", name="hello", input="with 'quotes', $signs and ünï\ncode\n")
    assert (again.was_there, again.status, again.started) == (True, "done", job.started)
    assert machine.job(name="hello").status == "done"
    assert repr(again).startswith("<Job hello on ")
    anew = machine.job("echo another", name="hello", again=True).wait(30)
    assert (anew.was_there, anew.log()) == (False, "another\n")
    assert machine.job(name="hello").log() == "another\n"
    assert job.log().startswith("begun"), "a handle stays that of its run"


@pytest.mark.parametrize("place", [SSHD], indirect=True)
def test_runner_runs_on_the_oldest_python(place: Place) -> None:
    if not OLDEST:
        pytest.skip("there is no Python 3.8 here")
    (place.home / ".glows-nb").mkdir(exist_ok=True, mode=0o700)
    (place.home / ".glows-nb" / "python3").write_text(f"{OLDEST[0]}\n")
    job = place.machine.job("sleep 1000 & echo begun; wait", name="old", slots=1)
    eventually(lambda: job.log() == "begun\n")
    assert job.stop().status == "stopped"
    assert place.machine.job("exit 7", after=job).wait(30).exit_status == 7
    (place.home / ".glows-nb" / "python3").unlink()


def test_python_that_is_gone_is_looked_for_anew(place: Place) -> None:
    place.machine.job("true").wait(30)
    gone = place.home / "gone"
    gone.write_text("#!/no/such/interpreter\n")
    gone.chmod(0o700)
    (place.home / ".glows-nb" / "python3").write_text(f"{gone}\n")
    assert place.machine.job("echo again").wait(30).log() == "again\n"


def test_job_without_a_name_is_found_by_its_text(place: Place) -> None:
    first = place.machine.job("echo a >>ran; sleep 0.2")
    second = place.machine.job("echo a >>ran; sleep 0.2")
    assert (first.name, second.was_there) == (second.name, True)
    assert place.machine.job("echo b >>ran").wait(30).name != first.name
    first.wait(30)
    assert sorted((place.home / "ran").read_text().split()) == ["a", "b"]


@pytest.mark.parametrize(
    ("command", "status", "exit_status", "signal_name"),
    [
        ("true", "done", 0, ""),
        ("exit 3", "failed", 3, ""),
        ("kill -9 $$", "failed", None, "KILL"),
        ("no-such-program-anywhere", "failed", 127, ""),
    ],
)
def test_end_is_told_as_it_is(
    place: Place, command: str, status: str, exit_status: int | None, signal_name: str
) -> None:
    job = place.machine.job(command).wait(30)
    assert (job.status, job.exit_status, job.signal) == (status, exit_status, signal_name)


def test_two_at_once_start_one(place: Place) -> None:
    with place.service.machine() as other:
        other.exec("true")
        both = threading.Barrier(2)
        jobs: list[glows.Job] = []

        def begin(machine: glows.Machine) -> None:
            both.wait()
            jobs.append(machine.job("echo x >>count; sleep 1", name="once"))

        threads = [threading.Thread(target=begin, args=[machine]) for machine in (place.machine, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(job.was_there for job in jobs) == [False, True]
        jobs[0].wait(30)
    assert (place.home / "count").read_text() == "x\n"


def test_another_job_under_a_name_is_refused_and_says_what_differs(place: Place) -> None:
    place.machine.job("sleep 60", name="a", env={"RATE": "1"})
    with pytest.raises(glows.InvalidRequest, match="has another command; give another name, or again=True"):
        place.machine.job("sleep 61", name="a", env={"RATE": "1"})
    with pytest.raises(glows.InvalidRequest, match="has other variables; give"):
        place.machine.job("sleep 60", name="a", env={"RATE": "2"})
    with pytest.raises(glows.InvalidRequest, match=r"is not over on .*; stop it first"):
        place.machine.job("sleep 61", name="a", again=True)
    with pytest.raises(glows.InvalidRequest, match="has no job b"):
        place.machine.job(name="b")
    with pytest.raises(glows.InvalidRequest, match=r"there is no job b on .* to wait for"):
        place.machine.job("true", after="b")
    with pytest.raises(glows.InvalidRequest, match="there is no folder nowhere on"):
        place.machine.job("true", folder="nowhere")


def test_variables_are_the_jobs_and_are_seen_nowhere(place: Place) -> None:
    secret = "planted-secret-4711"
    job = place.machine.job("echo ${#TOKEN}; touch began; sleep 60", env={"TOKEN": secret})
    queued = place.machine.job("echo $TOKEN", name="queued", after=job, env={"TOKEN": secret})
    eventually((place.home / "began").exists)
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in lines if secret.encode() in line]
    kept = [path for path in (place.home / ".glows-nb").rglob("*") if path.is_file()]
    assert len(kept) > 5
    assert not [path for path in kept if secret in path.read_text(errors="replace")]
    # Which Python has a kernel is written there by other tests.
    assert not [path for path in kept if path.stat().st_mode & 0o077 and path.name != "python"]
    assert job.log() == f"{len(secret)}\n"
    assert secret not in repr(job) + repr(vars(job._work))
    job.stop()
    assert queued.wait(30).log() == f"{secret}\n"


def test_stop_ends_all_that_it_has_begun(place: Place) -> None:
    ignores = "trap '' TERM; sleep 1000 & wait; sleep 1000"
    job = place.machine.job(
        f"(setsid sh -c 'sleep 1001' &); sleep 1002 & touch began; sh -c \"{ignores}\"", name="tree"
    )
    eventually((place.home / "began").exists)
    before = processes_of(place.home)
    assert len(before) >= 4
    with place.service.machine() as other:
        assert other.job(name="tree").stop().status == "stopped"
    assert job.status == "stopped"
    eventually(lambda: not processes_of(place.home))


def test_queue_runs_one_after_the_other_while_nobody_is_there(place: Place) -> None:
    for number in range(4):
        command = f"echo begin {number} >>order; sleep 0.3; echo end {number} >>order; exit {number}"
        job = place.machine.job(command, name=f"n{number}", slots=1)
    last = place.machine.job("echo last >>order", name="last", after=["n1", job])
    assert place.machine.job(name="n3").status == "queued"
    place.machine.close()
    eventually(lambda: "last" in (place.home / "order").read_text())
    expected = [word for number in range(4) for word in (f"begin {number}", f"end {number}")]
    assert (place.home / "order").read_text().splitlines() == [*expected, "last"]
    assert last.wait(30).status == "done"
    assert place.machine.job(name="n3").exit_status == 3


def test_two_slots_are_two_at_a_time(place: Place) -> None:
    jobs = [
        place.machine.job("touch runs.$$; ls runs.* | wc -l >>most; sleep 0.5; rm runs.$$", name=f"s{number}", slots=2)
        for number in range(5)
    ]
    for job in jobs:
        assert job.wait(60).status == "done"
    assert max(int(line) for line in (place.home / "most").read_text().split()) == 2


def test_job_that_waits_can_be_stopped_and_the_queue_goes_on(place: Place) -> None:
    first = place.machine.job("sleep 1000", name="first", slots=1)
    second = place.machine.job("touch second", name="second", slots=1)
    third = place.machine.job("touch third", name="third", slots=1)
    assert second.stop().status == "stopped"
    assert second.started is None
    first.stop()
    assert third.wait(30).status == "done"
    assert not (place.home / "second").exists()


def test_killed_runner_is_lost_and_never_done(place: Place) -> None:
    job = place.machine.job("touch began; exec sleep 1000", name="orphan", slots=1)
    eventually((place.home / "began").exists)
    began = json.loads((place.run_folder(job) / "began.json").read_text())
    runner = next(pid for pid in processes_of(place.home) if b"jobs-" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(runner, signal.SIGKILL)
    eventually(lambda: job.status == "lost")
    assert (job.exit_status, job.took) == (None, None)
    assert "what it had begun runs on" in repr(place.machine.job(name="orphan"))
    with pytest.raises(glows.InvalidRequest, match="is not over on"):
        place.machine.job("true", name="orphan", again=True)
    assert place.machine.job("true", name="next", slots=1).wait(30).status == "done", "its slot is free"
    place.machine.job(name="orphan").stop()
    assert not Path(f"/proc/{began['pid']}").exists() or not processes_of(place.home)
    assert place.machine.job("true", name="orphan", again=True).wait(30).status == "done"


def test_wait_ends_in_time(place: Place) -> None:
    job = place.machine.job("sleep 1000")
    with pytest.raises(glows.WaitTimeout, match=r"is not over after 0\.3 s; it goes on there"):
        job.wait(0.3)
    assert job.status == "running"


def test_files_are_fetched_from_the_jobs_folder(place: Place, tmp_path: Path) -> None:
    (place.home / "code" / "out").mkdir(parents=True)
    job = place.machine.job("echo result >out/one; pwd", folder="~/code/").wait(30)
    assert job.log() == f"{place.home / 'code'}\n"
    job.fetch("out", tmp_path / "out")
    assert (tmp_path / "out" / "one").read_text() == "result\n"


def test_long_log_is_read_from_its_end(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    job = place.machine.job("truncate -s 2G log-of-it; sleep 1000", name="long")
    log = place.run_folder(job) / "log"
    eventually(log.exists)
    with log.open("ab") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(1000)))
    began = time.monotonic()
    assert job.log(tail=3) == "line 997\nline 998\nline 999\n"
    assert len(job.log(tail=None)) == 1 << 20
    assert time.monotonic() - began < 20
    job.stop()
    job.follow(tail=2)
    assert capsys.readouterr().out == "line 998\nline 999\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"command": ""}, "command: is empty"),
        ({"command": None}, "command: is missing"),
        ({"command": None, "name": "x", "again": True}, "a name alone finds the job"),
        ({"command": "true", "name": "../x"}, "is no name of a job"),
        ({"command": "true", "name": ""}, "is no name of a job"),
        ({"command": "true", "then": "release"}, "is not carried out yet, and the machine would go on and cost"),
        ({"command": "true", "then": "park"}, "is not carried out yet"),
        ({"command": "true", "then": "explode"}, "is neither 'release' nor 'park'"),
        ({"command": "true", "slots": 0}, "is no number from 1 to 64"),
        ({"command": "true", "slots": True}, "is no number from 1 to 64"),
        ({"command": "true", "after": ["a b"]}, "is no name of a job"),
        ({"command": "true", "folder": "a\0b"}, "is no path of a folder"),
        ({"command": "true", "env": {"1": "x"}}, "is no name for a variable"),
        ({"command": "true", "input": b"x"}, "input: is no text"),
    ],
)
def test_what_can_be_no_job_is_refused_before_anything_is_asked(options: dict[str, object], words: str) -> None:
    with (
        glows.Client("token", "http://127.0.0.1:9", backoff=0) as client,
        glows.Machine("ins-1", client=client) as machine,
        pytest.raises(glows.InvalidRequest, match=words),
    ):
        machine.job(**options)  # type: ignore[arg-type]
