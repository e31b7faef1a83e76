"""`glows-nb job`, `jobs` and `log`: started by one process, found and followed by others."""

from __future__ import annotations

import json

from tests.commands.terminal import Place


def test_job_is_started_by_one_process_and_followed_by_another(place: Place) -> None:
    started = place.run("job", "train", "--name", "hello", "--env", "WORD=wörld", "--", "echo $WORD; printf '\\377'")
    assert (started.returncode, started.stdout[:21]) == (0, b"<Job hello on train: ")
    followed = place.run("log", "hello", "--follow")
    assert (followed.returncode, followed.stdout) == (0, "wörld\n".encode() + b"\377")
    assert b"<Job hello on train: done, " in followed.stderr
    assert place.run("log", "hello", "--follow").stdout == b"", "all of it was seen"
    assert place.run("log", "train:hello", "--tail", "1").stdout == b"\377"
    again = place.run("job", "train", "--name", "hello", "--env", "WORD=wörld", "--", "echo $WORD; printf '\\377'")
    assert b"hello is there already on train" in again.stderr
    assert b"done" in again.stdout
    [row] = json.loads(place.run("jobs", "--json").stdout)
    assert (row["machine"], row["name"], row["status"], row["exit_status"]) == ("train", "hello", "done", 0)


def test_script_is_piped_in_and_the_job_is_stopped(place: Place) -> None:
    begun = place.run("job", "train", "--name", "piped", given=b"echo 'from \"here\"'\nsleep 1000\n")
    assert begun.returncode == 0, begun.stderr
    assert place.run("job", "train", "--name", "piped").returncode == 0
    stopped = json.loads(place.run("job", "train", "--name", "piped", "--stop", "--json").stdout)
    assert (stopped["status"], stopped["signal"], stopped["was_there"]) == ("stopped", "TERM", True)
    assert place.run("log", "piped").stdout == b'from "here"\n'


def test_what_can_not_be_is_one_sentence(place: Place) -> None:
    for words, sentence in (
        (("job", "train", "--then", "park", "--", "true"), b"'park' is not carried out yet"),
        (("job", "train", "--stop"), b"--stop ends a job by its name"),
        (("job", "train", "--slots", "0", "--", "true"), b"0 is not in the range"),
        (("job", "train", "--after", "nobody", "--", "true"), b"there is no job nobody on train"),
        (("log", "a:b:c"), b"There is no machine 'a:b'"),
        (("log", "train:x y"), b"is no name of a job"),
    ):
        done = place.run(*words)
        assert done.returncode in (1, 2)
        assert sentence in done.stderr, done.stderr
        assert done.stderr.count(b"\n") == 1
