"""Whether machines are real is chosen by the system and the user, and said; where nobody is behind a port, that is."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import glows_nb as glows
from glows_nb import embedded
from glows_nb.doctor.checks import examine
from glows_nb.sandbox.machines import choice, survivors
from glows_nb.sandbox.machines.inside import confinement
from tests.sandbox.machines.real import IS_REAL_HERE, launch, running, said_by, way_to


@pytest.fixture
def no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "version", lambda: 0)


@pytest.mark.skipif(not confinement.is_possible(), reason="this system has no Landlock")
def test_machines_are_real_by_themselves_where_they_can_be_confined() -> None:
    assert choice.choose() == choice.Choice(True, True, choice.CONFINED)
    assert not choice.choose(False).is_real


@pytest.mark.usefixtures("no_landlock")
def test_without_landlock_they_are_real_only_when_asked_for_and_the_sentence_says_what_that_means() -> None:
    assert not choice.choose().is_real
    assert "real_machines=True" in choice.choose().sentence
    asked = choice.choose(True)
    assert (asked.is_real, asked.is_confined) == (True, False)
    assert "all your files are in reach" in asked.sentence


@pytest.mark.parametrize("asked", [None, False, True])
def test_windows_has_ports_only(asked: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    if asked:
        with pytest.raises(ValueError, match="Windows"):
            choice.choose(asked)
    else:
        assert not choice.choose(asked).is_real


def test_without_asyncssh_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "glows-nb[sandbox]"' in choice.choose().sentence
    with pytest.raises(glows.ConfigError, match="asyncssh is not installed"):
        embedded.sandbox(real_machines=True)


@pytest.mark.parametrize("asked", [False, True])
def test_doctor_says_which_it_is(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "choose", lambda: choice.Choice(asked, asked, "So it is."))
    [check] = [check for check in examine() if check.name == "sandbox machines"]
    assert (check.state, check.found) == ("ok" if asked else "warn", "So it is.")


@pytest.mark.skipif(not confinement.is_possible(), reason="this system has no Landlock")
def test_whoever_opens_a_sandbox_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    embedded._tell.cache_clear()
    with caplog.at_level(logging.WARNING, "glows_nb.sandbox"), glows.sandbox(), glows.sandbox():
        pass
    assert [record.getMessage() for record in caplog.records] == [f"About the sandbox: {choice.CONFINED}"]


@IS_REAL_HERE[1]
def test_ssh_to_a_port_with_nobody_behind_is_told_the_line_that_puts_somebody_there(tmp_path: Path) -> None:
    with glows.sandbox(speed=200, real_machines=False) as sandbox, sandbox.client() as client:
        way = way_to(launch(client), tmp_path)
        hung_up = way.ssh("true")
        assert hung_up.returncode == 255
        assert b"Nobody is behind the ports" in hung_up.stderr
        assert b"glows.sandbox(real_machines=True)" in hung_up.stderr
        for said in (b"garbage\n", b"SSH-2.0-x\r\n" + b"x" * 10_000, b"\0" * 300):
            with socket.create_connection((way.host, way.port), 10) as caller:
                caller.sendall(said)
                heard = b""
                while data := _received(caller):
                    heard += data
            assert heard.startswith(b"SSH-2.0-")


def _received(caller: socket.socket) -> bytes:
    try:
        return caller.recv(1000)
    except ConnectionResetError:
        return b""


def test_folder_of_a_sandbox_without_a_file_goes_with_it_and_that_of_a_killed_one_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
import sys, time, glows_nb as glows
from pathlib import Path
from tests.sandbox.machines.real import launch, way_to
sandbox = glows.sandbox(speed=200, real_machines=True)
way_to(launch(sandbox.client()), Path(sys.argv[1])).ssh("setsid sleep 1000 < /dev/null > /dev/null 2>&1 &")
print("up", flush=True)
time.sleep(1000)
"""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with running(script, str(tmp_path), stderr=subprocess.DEVNULL) as killed:
        assert said_by(killed) == b"up\n"
        [folder] = tmp_path.glob("glows-sandbox-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        marks = [survivors.mark_of(path) for path in folder.iterdir()]
        assert len(survivors.marked(marks)) >= 2
        killed.kill()
    with glows.sandbox(speed=200, real_machines=True) as sandbox, sandbox.client() as client:
        assert way_to(launch(client), tmp_path).ssh("true").returncode == 0
        assert not folder.exists()
        [own] = tmp_path.glob("glows-sandbox-*")
    assert not own.exists()
    assert survivors.marked(marks) == []


def test_port_of_a_sandbox_on_another_address_leads_nowhere() -> None:
    with glows.sandbox(speed=200, reachable=False, real_machines=True) as sandbox, sandbox.client() as client:
        machine = client.instances.launch(
            name="x", gpu_name="NVIDIA GeForce RTX 4090", region_name="TW-03", from_image_id="img-6ypgvgpw", wait=True
        )
        [url] = [access.url.get_secret_value() for access in machine.accesses if access.listen_port == 22]
        assert not str(urlsplit(url).hostname).startswith("127.")
        assert (sandbox.has_real_machines, sandbox.about_machines) == (False, choice.ELSEWHERE)
