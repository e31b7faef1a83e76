"""What completion knows of an account: learnt from answers, kept in a file of its owner's, without a secret."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from platformdirs import user_cache_path

import glows_nb as glows
from glows_nb.connection import names_of
from tests.completion.processes import RTX_4090, another_process, launch


def kept_files() -> list[Path]:
    return list(user_cache_path("glows-nb", appauthor=False).glob("*"))


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
