"""`glows-nb` as a program of its own: what it prints where, its exit status, and how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

import glows_nb as glows

PROGRAM = [sys.executable, "-W", "error", "-m", "glows_nb"]


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*PROGRAM, *words],
        env={**os.environ, "COLUMNS": "100", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment_of(sandbox: glows.Sandbox) -> dict[str, str]:
    return {"GLOWS_BASE_URL": sandbox.base_url, "GLOWS_SDK_TOKEN": sandbox.token}


@contextmanager
def running_sandbox(*words: str) -> Iterator[tuple[subprocess.Popen[str], Mapping[str, str]]]:
    """`glows-nb sandbox` in the foreground of its own process, and what it says to put into the environment."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*PROGRAM, "sandbox", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        assert "SANDBOX" in lines[0]
        assert "machines" in lines[0]
        exports = [re.fullmatch(r"export (\w+)=(\S+)\n", line) for line in lines[1:]]
        yield process, {found[1]: found[2] for found in exports if found}
    finally:
        process.kill()
        process.communicate(timeout=20)


def is_open(address: str) -> bool:
    parts = urlsplit(address)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_sandbox_prints_address_and_token_serves_and_stops_cleanly(number: signal.Signals) -> None:
    with running_sandbox("--speed", "200") as (process, environment):
        assert set(environment) == {"GLOWS_BASE_URL", "GLOWS_SDK_TOKEN"}
        address = environment["GLOWS_BASE_URL"]
        with glows.Client(environment["GLOWS_SDK_TOKEN"], address) as client:
            assert client.is_sandbox
            assert len(client.images.all()) > 20
            # The connection is still open: nobody has to hang up for the sandbox to stop.
            process.send_signal(number)
            output, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
        assert "Traceback" not in output
        assert not is_open(address)


def test_sandbox_keeps_its_machines_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("state") / "sandbox.db")
    with running_sandbox("--speed", "200", "--state", path) as (process, environment):
        started = program("launch", "--gpu", "4090", "--name", "kept", "--yes", **environment)
        assert started.returncode == 0, started.stderr
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    with running_sandbox("--speed", "200", "--state", path) as (_, environment):
        assert "kept" in program("list", **environment).stdout


def test_specs_prints_a_table_that_fits_the_terminal(shared_sandbox: glows.Sandbox) -> None:
    done = program("specs", "--sort", "price", **environment_of(shared_sandbox))
    assert (done.returncode, done.stderr) == (0, "")
    caption, header, *rows = done.stdout.splitlines()
    assert caption.startswith("SANDBOX · 20 offers for image ")
    assert {"region", "gpu", "price_per_hour"} <= set(header.split())
    assert rows[-1].startswith("… and ")
    assert len(rows) == 21
    assert max(map(len, [header, *rows[:-1]])) <= 100


def test_machine_is_launched_listed_counted_and_released(sandbox: glows.Sandbox) -> None:
    place = environment_of(sandbox)
    assert program("stats", **place).stdout == "(none)\n"

    launched = program("launch", "--gpu", "4090", "--name", "cli", "--wait", "--yes", **place)
    assert launched.returncode == 0, launched.stderr
    assert "Rents 1 × NVIDIA GeForce RTX 4090 in TW-01 at 0.390 Credits/h" in launched.stdout
    assert re.search(r"^ssh +ssh -p \d+ root@\S+$", launched.stdout, re.MULTILINE)
    assert re.fullmatch(r"ssh -p \d+ root@\S+\n", program("ssh", "cli", **place).stdout)

    assert program("stats", **place).stdout.split() == ["1", "Running"]
    assert "cli" in program("list", "--status", "running", **place).stdout
    assert "Running" in program("show", "cli", **place).stdout

    released = program("cancel", "cli", "--wait", "--yes", **place)
    assert released.returncode == 0, released.stderr
    assert program("stats", **place).stdout.split() == ["1", "Finished"]


def test_a_machine_dearer_than_the_cap_is_said_in_plain_words(sandbox: glows.Sandbox) -> None:
    place = environment_of(sandbox)
    program("launch", "--gpu", "4090", "--name", "dear", "--wait", "--yes", **place)
    for words in (["launch", "--gpu", "4090", "--name", "dear"], ["unpark", "dear"]):
        # As the installed program shows warnings, where they are no errors.
        again = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "glows_nb", *words, "--max-price", "0.1", "--yes"],
            env={**os.environ, **place},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert again.returncode == 0
        assert "is there already. It costs more than the cap of 0.100 Credits/h." in again.stdout
        said = r"DearerThanShown: Machine (\S+) costs \S+ Credits/h; 0\.100 Credits/h is the cap of this launch\. .*\n"
        assert re.fullmatch(said, again.stderr)


@pytest.mark.parametrize("words", [[], ["--help"], ["help"]])
def test_help_lists_the_commands_of_the_terminal(words: list[str]) -> None:
    done = program(*words)
    assert (done.returncode, done.stderr) == (0, "")
    listed = re.findall(r"^  ([a-z]+)(?:, [a-z]+)? +\w", done.stdout, re.MULTILINE)
    assert {"specs", "list", "launch", "cancel", "sandbox", "lab", "demo"} <= set(listed)
    assert "glows-nb" in done.stdout


def test_what_there_is_to_choose_from_is_said_in_one_sentence() -> None:
    done = program("completion")
    assert done.returncode == 2
    assert "Choose from: bash, zsh, fish" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_version_is_that_of_the_package() -> None:
    assert program("--version").stdout.split()[-1] == glows.__version__


def test_no_token_is_one_sentence_on_stderr_and_status_1() -> None:
    done = program("specs")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("ConfigError: No GLOWS token.")


def test_bad_token_is_an_error_and_no_empty_table(shared_sandbox: glows.Sandbox) -> None:
    done = program("list", GLOWS_BASE_URL=shared_sandbox.base_url, GLOWS_SDK_TOKEN="planted-token")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("AuthError: ")
    assert "planted-token" not in done.stderr


def test_service_that_is_gone_is_one_line_with_its_address(sandbox: glows.Sandbox) -> None:
    place = environment_of(sandbox)
    sandbox.close()
    done = program("stats", **place)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("TransportError: ")
    assert place["GLOWS_BASE_URL"] in done.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["spces"], "'specs'"),
        (["specs", "--gup", "4090"], "'--gpu'"),
        (["list", "--status", "Runing"], "Running"),
        (["sandbox", "--port", "70000"], "0<=x<=65535"),
        (["show"], "MACHINE"),
    ],
)
def test_wrong_words_are_one_sentence_on_stderr_and_status_2(words: list[str], hint: str) -> None:
    done = program(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert hint in done.stderr
    assert "glows-nb help" in done.stderr


def test_launch_where_nobody_can_be_asked_rents_nothing(sandbox: glows.Sandbox) -> None:
    done = program("launch", "--gpu", "4090", **environment_of(sandbox))
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    assert program("stats", **environment_of(sandbox)).stdout == "(none)\n"


def test_interrupted_wait_leaves_the_machine_and_has_the_status_of_an_interrupt(
    client: glows.Client, sandbox: glows.Sandbox
) -> None:
    machine = client.instances.launch(
        from_image_id=client.images.default().image_id,
        gpu_name="NVIDIA GeForce RTX 4090",
        region_name="TW-01",
        name="train",
        wait=True,
    )
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*PROGRAM, "wait", "train", "--until", "Paused"],
        env={**os.environ, "GLOWS_BASE_URL": client.base_url, "GLOWS_SDK_TOKEN": sandbox.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "Running" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"To wait again: glows-nb wait {machine.instance_id} --until Paused" in output
    assert "Traceback" not in errors
    assert "nothing was done" not in errors
    assert client.instances.stats() == {"Running": 1}


def test_interrupt_in_the_middle_of_a_create_says_what_became_of_the_machine(sandbox: glows.Sandbox) -> None:
    sandbox.admin.order("latency", "instance_create", when="after", seconds=5.0)
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*PROGRAM, "launch", "--gpu", "4090", "--name", "cut", "--yes"],
        env={**os.environ, **environment_of(sandbox)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with sandbox.client() as client:
        end = time.monotonic() + 20
        while not client.instances.all() and time.monotonic() < end:
            time.sleep(0.05)
        (machine,) = client.instances.all()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"machine {machine.instance_id} ({machine.meta_key}) is there" in output
    assert f"Release it with: glows-nb cancel {machine.instance_id}" in output
    assert "Traceback" not in errors


def test_interrupt_before_the_order_says_that_no_machine_was_started(sandbox: glows.Sandbox) -> None:
    # The second look for the machine, when the plan that was shown is carried out.
    fault = sandbox.admin.order("latency", "instance_get", first=2, seconds=5.0)
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*PROGRAM, "launch", "--gpu", "4090", "--name", "cut", "--yes"],
        env={**os.environ, **environment_of(sandbox)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 20
    while fault not in [each["id"] for each in sandbox.admin.faults(fired=True)] and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted before anything was ordered: no machine was started." in output
    with sandbox.client() as client:
        assert client.instances.all() == []


def test_json_is_all_that_stdout_gets(sandbox: glows.Sandbox) -> None:
    place = environment_of(sandbox)
    launched = program("launch", "--gpu", "4090", "--name", "cli", "--wait", "--yes", "--json", **place)
    assert json.loads(launched.stdout)["status"] == "Running"
    assert "Rents 1 ×" in launched.stderr
    assert re.search(r"\d s  ins-\w+ Running", launched.stderr)
    (row,) = json.loads(program("list", "--json", **place).stdout)
    assert row["remark"] == "cli"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row["created"])
    shown = [program(*words, "--json", **place).stdout for words in (("show", "cli"), ("url", "cli"), ("spend",))]
    assert all(json.loads(text) for text in shown)
    with sandbox.client() as client:
        machine = client.instances.find("cli")
    assert machine.ssh_password is not None
    secrets = [
        sandbox.token,
        machine.ssh_password.get_secret_value(),
        machine.url().get_secret_value().partition("token=")[2],
    ]
    assert [secret for secret in secrets for text in shown if secret in text] == []


def test_password_and_address_are_printed_where_they_are_asked_for(sandbox: glows.Sandbox) -> None:
    place = environment_of(sandbox)
    assert program("launch", "--gpu", "4090", "--name", "cli", "--wait", "--yes", **place).returncode == 0
    with sandbox.client() as client:
        machine = client.instances.find("cli")
    assert machine.ssh_password is not None
    assert program("ssh", "cli", "--password", **place).stdout == f"{machine.ssh_password.get_secret_value()}\n"
    refused = program("ssh", "cli", "--password", "--json", **place)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert program("url", "cli", **place).stdout == f"{machine.url().get_secret_value()}\n"
    no_screen = program("open", "cli", **place, DISPLAY="", WAYLAND_DISPLAY="", BROWSER="")
    assert no_screen.returncode == 2
    assert "glows-nb url cli --port 8888" in no_screen.stderr


@pytest.mark.parametrize("words", [("--trace", "show", "nobody"), ("show", "nobody", "--trace")])
def test_whole_traceback_is_shown_where_it_is_asked_for(words: tuple[str, ...], shared_sandbox: glows.Sandbox) -> None:
    done = program(*words, **environment_of(shared_sandbox))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("glows_nb.api.errors.ParamIllegal: ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["login"], "Nobody can type a token unseen here"),
        (["login", "planted-token-4711"], "A token does not belong into a line"),
        (["form"], "form needs a notebook"),
        (["panel"], "panel needs a notebook"),
        (["use", "sandbox"], "glows-nb sandbox"),
    ],
)
def test_what_a_terminal_can_not_do_is_one_sentence(words: list[str], sentence: str) -> None:
    done = program(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "4711" not in done.stderr
