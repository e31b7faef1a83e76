"""sandbox: it starts one, or takes the one that is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import glows_nb as glows
from glows_nb.commands import run
from tests.commands.lines import TRAIN

pytestmark = pytest.mark.usefixtures("default_client")


def test_sandbox_command_starts_one_and_uses_it_from_then_on(
    monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    monkeypatch.delenv("GLOWS_BASE_URL")
    monkeypatch.delenv("GLOWS_SDK_TOKEN")
    with pytest.raises(glows.ConfigError):
        run("specs")
    connected = run("sandbox")
    assert f"SANDBOX at {connected.base_url}" in said()
    assert connected.is_sandbox
    assert len(run("specs")) >= 17
    machine = run(TRAIN)
    assert run("sandbox") is connected, "the same one, with its machines"
    assert run("list")["instance_id"].tolist() == [machine.instance_id]


def test_sandbox_command_takes_the_sandbox_that_the_environment_names(sandbox: glows.Sandbox) -> None:
    assert run("sandbox").base_url == sandbox.base_url


def test_sandbox_that_has_stopped_is_said_to_have_and_the_command_starts_another(
    sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOWS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", sandbox.token)
    stopped = run("sandbox").base_url
    sandbox.close()
    assert repr(sandbox) == "<Sandbox, stopped>"
    with pytest.raises(glows.TransportError, match="%glows sandbox starts another"):
        run("list")
    another = run("sandbox")
    assert another.base_url != stopped
    assert another.instances.all() == []
    assert run("sandbox") is another
