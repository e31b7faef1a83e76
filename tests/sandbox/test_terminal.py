"""`glows-nb sandbox` and `glows.sandbox()`: what they print, their options, and a token for another user."""

import os
import re
import signal
import subprocess
import sys

import pytest

import glows_nb as glows
from glows_nb import cli


def start(*options):
    """Start `glows-nb sandbox` and return it with what it exports."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "glows_nb", "sandbox", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [process.stdout.readline() for _ in range(4)]
    assert "SANDBOX" in lines[0]
    return process, dict(re.fullmatch(r"export (\w+)=(\S+)\n", line).groups() for line in lines[1:])


def stop(process):
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=10)


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_running_sandbox_gives_a_token_to_any_user(monkeypatch, capsys):
    process, exported = start("--scenario", "price-rise")
    try:
        for name, value in exported.items():
            monkeypatch.setenv(name, value)
        cli.main(["sandbox", "token", "--user", "somebody"])
        token = capsys.readouterr().out.strip()
        assert token.count(".") == 2
        assert token != exported["GLOWS_SDK_TOKEN"]
        with glows.Client(token, exported["GLOWS_BASE_URL"]) as client:
            assert client.instances.stats() == {}
        monkeypatch.setenv("GLOWS_SANDBOX_ADMIN_TOKEN", token)
        with pytest.raises(SystemExit):
            cli.main(["sandbox", "token", "--user", "somebody"])
        assert "admin token" in capsys.readouterr().err
    finally:
        assert "WARNING" not in stop(process)[1]


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_sandbox_that_others_can_reach_says_so_loudly():
    process, exported = start("--host", "0.0.0.0")  # noqa: S104
    _, errors = stop(process)
    assert "WARNING: OTHER MACHINES CAN REACH THIS SANDBOX" in errors
    assert "0.0.0.0" in exported["GLOWS_BASE_URL"]  # noqa: S104


def test_token_needs_a_sandbox_to_ask(monkeypatch, capsys):
    monkeypatch.delenv("GLOWS_SANDBOX_ADMIN_TOKEN", raising=False)
    with pytest.raises(SystemExit):
        cli.main(["sandbox", "token", "--user", "somebody"])
    assert "GLOWS_SANDBOX_ADMIN_TOKEN" in capsys.readouterr().err


def test_embedded_sandbox_has_an_admin_side():
    with glows.sandbox(seed=1) as sandbox:
        assert sandbox.admin.clock(is_paused=True)["is_paused"]
        assert sandbox.admin.play("sold-out")
        assert not sandbox.is_exposed
        assert sandbox.admin_token not in (sandbox.token, repr(sandbox))


def test_unknown_scenario_is_refused_and_leaves_nothing_running(tmp_path):
    with pytest.raises(glows.ConfigError, match="there are: peak-hours"):
        glows.sandbox(scenario="sunshine", path=tmp_path / "sandbox.db")
    glows.sandbox(path=tmp_path / "sandbox.db").close()


def test_fresh_empties_the_file_and_no_other_programs(tmp_path):
    path = tmp_path / "sandbox.db"
    with glows.sandbox(path=path) as sandbox:
        old = sandbox.token
    with (
        glows.sandbox(path=path, fresh=True) as sandbox,
        glows.Client(old, sandbox.base_url) as client,
        pytest.raises(glows.AuthError),
    ):
        client.instances.stats()
    (tmp_path / "notes.txt").write_text("not a database, and long enough to be seen as none" * 10)
    with pytest.raises(glows.ConfigError):
        glows.sandbox(path=tmp_path / "notes.txt", fresh=True)
    assert (tmp_path / "notes.txt").read_text().startswith("not a database")
