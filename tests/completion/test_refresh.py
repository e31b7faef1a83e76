"""What completion asks an account for: all of a kind or the newest of it, once in a while, and holding nobody up."""

from __future__ import annotations

import threading
import time

import pytest

import glows_nb as glows
from glows_nb.api.credentials.config import profiles_path
from glows_nb.completion import refresh
from glows_nb.completion.cache import FRESH_SECONDS
from glows_nb.completion.entries import Kind
from glows_nb.connection import names_of
from tests.completion.processes import launch


@pytest.mark.parametrize("kind", ["machine", "offer", "image", "snapshot", "network"])
def test_refreshing_asks_for_everything_of_a_kind_and_drops_what_is_gone(kind: Kind, client: glows.Client) -> None:
    machine = launch(client)
    client.snapshots.create(machine.instance_id, "before surgery")
    client.networks.create("lab-net", "TW-03")
    known = names_of(client)
    assert known._all(kind) == []
    refresh.refresh(client, kind)
    assert len(known._all(kind)) >= 1
    known.replace(kind, [])
    assert known._all(kind) == []


def test_refreshing_the_newest_of_a_long_list_keeps_the_older_ones(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "NEWEST_MACHINES", 1)
    older, newer = launch(client, "older"), launch(client, "newer")
    known = names_of(client)
    client.instances.all()
    refresh.refresh(client, "machine")
    assert {found.id for found in known.machines()} == {older.instance_id, newer.instance_id}


def test_asking_is_due_once_in_a_while(client: glows.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    source = refresh.Source(lambda kind, client: asked.append(kind))
    monkeypatch.setenv("GLOWS_BASE_URL", client.base_url)
    monkeypatch.setenv("GLOWS_SDK_TOKEN", client.connection.token.get_secret_value())
    assert source.known("machine") is source.known("machine")
    assert source.known("offer") is not None
    assert asked == ["machine", "offer"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + FRESH_SECONDS + 1)
    source.known("machine")
    assert asked == ["machine", "offer", "machine"]


def test_keyring_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released, entered = threading.Event(), threading.Event()

    def hangs() -> object:
        entered.set()
        released.wait(30)
        raise glows.ConfigError("too late")

    monkeypatch.delenv("GLOWS_SDK_TOKEN", raising=False)
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text("[default]\nkeyring = true\n")
    profiles_path().chmod(0o600)
    monkeypatch.setattr(refresh, "resolve", hangs)
    monkeypatch.setattr(refresh, "_environment", refresh._Environment())
    try:
        assert refresh.Source(lambda kind, client: None).known("machine") is None
        assert entered.wait(10)
        assert not released.is_set()
        assert refresh.Source(lambda kind, client: None).known("machine") is None
    finally:
        released.set()
