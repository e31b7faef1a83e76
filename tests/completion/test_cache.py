"""What completion knows of an account: learnt from answers, kept in a file of its owner's, without a secret."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest
from platformdirs import user_cache_path

import glows_nb as glows
from glows_nb.api.credentials.config import profiles_path
from glows_nb.completion import refresh
from glows_nb.completion.cache import FRESH_SECONDS, NameCache
from glows_nb.completion.entries import Kind
from glows_nb.connection import names_of

RTX_4090 = "NVIDIA GeForce RTX 4090"


def kept_files() -> list[Path]:
    return list(user_cache_path("glows-nb", appauthor=False).glob("*"))


def another_process(client: glows.Client) -> NameCache:
    """What a new process would begin with, after this one has ended."""
    names_of(client).save()
    return NameCache(client.base_url, client.account_mark)


def launch(client: glows.Client, name: str = "train") -> glows.Instance:
    image = client.images.default().image_id
    return client.instances.launch(from_image_id=image, gpu_name=RTX_4090, region_name="TW-01", name=name, wait=True)


def test_every_answer_teaches_and_the_next_process_knows_it(client: glows.Client) -> None:
    known = names_of(client)
    machine = launch(client)
    client.instances.get(machine.instance_id)
    (taken,) = client.snapshots.create(machine.instance_id, "before surgery").snapshot_ids
    network_id = client.networks.create("lab-net", "TW-03")
    submitted = client.images.submit("docker.io/library/ubuntu:22.04")
    for seen in (known, another_process(client)):
        assert [(found.id, found.meta_key) for found in seen.machines()] == [(machine.instance_id, machine.meta_key)]
        assert {offer.region for offer in seen.offers() if offer.gpu == RTX_4090} >= {"TW-01", "TW-03"}
        assert ("before surgery", taken) in [(found.name, found.id) for found in seen.things("snapshot")]
        assert ("lab-net", network_id) in [(found.name, found.id) for found in seen.things("network")]
        assert [image.id for image in seen.things("image") if image.is_owned] == [submitted.image_id]
        assert len(seen.things("image")) > 1


def test_status_follows_the_machine(client: glows.Client) -> None:
    known = names_of(client)
    machine = launch(client)
    assert [found.status for found in known.machines()] == ["Running"]
    client.instances.cancel(machine.instance_id)
    assert known.machines()[0].status != "Running"
    client.instances.wait(machine.instance_id, "Finished")
    assert [found.status for found in known.machines()] == ["Finished"]


def test_of_very_many_machines_the_newest_are_kept_and_the_file_is_not_written_for_each_page(
    client: glows.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glows_nb.completion.cache.MOST_ENTRIES", 3)
    known = names_of(client)
    oldest = launch(client, "oldest")
    assert oldest.create_time is not None
    while time.time() < oldest.create_time.timestamp() + 1:  # times of creation have no fractions
        time.sleep(0.05)
    machines = [oldest, *(launch(client, name) for name in ("two", "three", "four"))]
    known.save()
    (file,) = kept_files()
    before = file.stat().st_mtime_ns
    for page in (1, 2, 3, 4):
        client.instances.list(page=page, per_page=1)
    assert {found.id for found in known.machines()} == {machine.instance_id for machine in machines[1:]}
    assert file.stat().st_mtime_ns == before


def test_deleted_image_is_forgotten_and_a_list_does_not_take_the_snapshots_name(client: glows.Client) -> None:
    known = names_of(client)
    image = client.images.submit("docker.io/library/ubuntu:22.04")
    client.images.delete(image.image_id)
    assert image.image_id not in [found.id for found in known.things("image")]
    machine = launch(client)
    client.snapshots.create(machine.instance_id, "before surgery")
    client.snapshots.all()
    assert [found.name for found in known.things("snapshot")] == ["before surgery"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_file_is_its_owners_alone_and_holds_no_secret(client: glows.Client, sandbox: glows.Sandbox) -> None:
    names_of(client)
    machine = launch(client)
    names_of(client).save()
    (file,) = kept_files()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert machine.instance_id in text
    assert machine.ssh_credentials is not None
    secrets = (
        sandbox.token,
        machine.ssh_credentials.password.get_secret_value(),
        machine.url().get_secret_value().partition("=")[2],
    )
    assert all(len(secret) >= 8 for secret in secrets)
    assert [secret for secret in secrets if secret in text] == []
    assert client.account_mark not in file.name


@pytest.mark.parametrize("text", ["", "{", "[]", '{"asked": {}, "entries": {"machine": [{"id": 1, "new": 2}]}}'])
def test_damaged_file_is_passed_over_and_written_anew(text: str, client: glows.Client) -> None:
    names_of(client)
    client.specs.all()
    (file,) = kept_files()
    file.write_text(text)
    fresh = another_process(client)
    assert fresh.machines() == []
    fresh.note_asking("machine")
    assert not another_process(client).is_due("machine")


def test_file_that_nobody_used_for_long_goes_when_a_new_one_comes(client: glows.Client) -> None:
    folder = user_cache_path("glows-nb", appauthor=False)
    folder.mkdir(parents=True)
    old, new = folder / "known-old.json", folder / "known-new.json"
    for path, days in ((old, 31), (new, 29)):
        path.write_text("{}")
        os.utime(path, (time.time() - days * 86400,) * 2)
    names_of(client)
    assert kept_files() == [new]


def test_folder_that_cant_be_written_costs_no_call(client: glows.Client) -> None:
    folder = user_cache_path("glows-nb", appauthor=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file stands where the folder should be")
    known = names_of(client)
    assert len(client.specs.all()) > 10
    assert len(known.offers()) > 10


def test_two_accounts_at_one_address_know_nothing_of_each_other(sandbox: glows.Sandbox) -> None:
    with sandbox.client() as mine, glows.Client(sandbox.admin.token("other"), sandbox.base_url) as others:
        names_of(mine)
        launch(mine)
        assert names_of(others).machines() == []
        assert names_of(others) is not names_of(mine)
        assert names_of(mine) is names_of(mine)


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
    source = refresh.Source(asked.append)
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
        assert refresh.Source(lambda kind: None).known("machine") is None
        assert entered.wait(10)
        assert not released.is_set()
        assert refresh.Source(lambda kind: None).known("machine") is None
    finally:
        released.set()
